//! A CSV table: read, split into training and held-out rows, and converted to numbers by a preprocessing fitted to the
//! training rows.

use std::collections::HashSet;

use serde_json::json;
use shaderprop::{Columns, Csv, Dataset, Missing, Preprocessing, Schema, Split, TableReader};
use wasm_bindgen::prelude::*;

use crate::{Network, thrown};

#[wasm_bindgen]
pub struct Table {
    source: shaderprop::Table,
    /// The training rows and the held-out rows.
    parts: (Vec<usize>, Vec<usize>),
    preprocessing: Preprocessing,
    train: Dataset,
    test: Option<Dataset>,
    /// What was inferred of the file that may not be meant so.
    notices: Vec<String>,
}

#[wasm_bindgen]
impl Table {
    /// Reads CSV. `target` is a column's name, by default the last column's. `classes` says whether the target is a
    /// class; by default this is inferred. `held_out` is the share of rows that is held out.
    pub fn read(bytes: &[u8], target: Option<String>, classes: Option<bool>, held_out: f64, seed: u32) -> Result<Table, JsValue> {
        let (source, mut notices) = parsed(bytes)?;
        let column = match target {
            Some(name) => source.find(name.as_str()).map_err(thrown)?,
            None => source.names().len() - 1,
        };
        let columns = Columns::number(column).missing(Missing::Indicator);
        let inferred = columns.infer_target(&source, classes).map_err(thrown)?;
        notices.extend(inferred.notices.iter().map(ToString::to_string));
        let (source, classes) = (inferred.rows, inferred.is_class);
        let schema = Schema::infer(&source, &inferred.columns).map_err(thrown)?;
        notices.extend(schema.notices().iter().map(ToString::to_string));
        let parts = match held_out > 0.0 {
            true => parts(&source, classes.then_some(column), held_out, seed.into())?,
            false => ((0..source.rows()).collect(), Vec::new()),
        };
        let preprocessing = schema.fit(&source.select(&parts.0)).map_err(thrown)?;
        Self::of(source, parts, preprocessing, notices)
    }

    /// The same rows with the network's scales and categories.
    pub fn for_network(&self, network: &Network) -> Result<Table, JsValue> {
        match network.preprocessing() {
            Some(preprocessing) => Self::of(self.source.clone(), self.parts.clone(), preprocessing.clone(), self.notices.clone()),
            None => {
                let text = "this network was not made for a table; give it rows";
                Err(js_sys::Error::new(text).into())
            }
        }
    }

    /// The table's description, as JSON.
    pub fn describe(&self) -> String {
        json!({
            "rows": self.source.rows(),
            "columns": self.source.names(),
            "target": self.preprocessing.target(),
            "inputs": self.preprocessing.inputs(),
            "outputs": self.preprocessing.outputs(),
            "classes": self.preprocessing.classes(),
            "named": !self.source.is_by_place(),
            "notices": self.notices,
        })
        .to_string()
    }

    pub fn inputs(&self) -> Vec<f32> {
        self.train.inputs.values().to_vec()
    }

    pub fn targets(&self) -> Vec<f32> {
        self.train.targets.values().to_vec()
    }

    pub fn test_inputs(&self) -> Option<Vec<f32>> {
        self.test.as_ref().map(|test| test.inputs.values().to_vec())
    }

    pub fn test_targets(&self) -> Option<Vec<f32>> {
        self.test.as_ref().map(|test| test.targets.values().to_vec())
    }
}

impl Table {
    fn of(
        source: shaderprop::Table,
        parts: (Vec<usize>, Vec<usize>),
        preprocessing: Preprocessing,
        notices: Vec<String>,
    ) -> Result<Self, JsValue> {
        let transform = |rows: &[usize]| preprocessing.transform(&source.select(rows)).map_err(thrown);
        let train = transform(&parts.0)?;
        let test = if parts.1.is_empty() { None } else { Some(transform(&parts.1)?) };
        Ok(Self { source, parts, preprocessing, train, test, notices })
    }

    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }
}

/// Parses CSV. Returns the table, and what was inferred that may not be meant so.
pub fn parsed(bytes: &[u8]) -> Result<(shaderprop::Table, Vec<String>), JsValue> {
    let mut reader = TableReader::new(std::io::Cursor::new(bytes.to_vec()), &Csv::guess()).map_err(thrown)?;
    let notices = reader.notices().iter().map(ToString::to_string).collect();
    match reader.read(usize::MAX).map_err(thrown)? {
        Some(table) => Ok((table, notices)),
        None => Err(js_sys::Error::new("the table has no rows; choose another file").into()),
    }
}

/// The training rows and the held-out rows. For classes the split is stratified, and every class has a training row.
fn parts(
    source: &shaderprop::Table,
    classes: Option<usize>,
    held_out: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), JsValue> {
    let Some(column) = classes else {
        let parts = Split::new(source.rows()).seed(seed).hold_out(held_out).map_err(thrown)?;
        return Ok((parts.train, parts.test));
    };
    let (_, labels) = source.categories(column);
    let mut parts = Split::stratified(&labels).seed(seed).hold_out(held_out).map_err(thrown)?;
    let mut known: HashSet<usize> = parts.train.iter().map(|row| labels[*row]).collect();
    let (unknown, test): (Vec<usize>, Vec<usize>) = parts.test.into_iter().partition(|row| known.insert(labels[*row]));
    parts.train.extend(unknown);
    parts.train.sort_unstable();
    Ok((parts.train, test))
}

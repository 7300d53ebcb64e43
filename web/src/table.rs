//! A CSV table: read, split into training and held-out rows, and converted to numbers by a preprocessing fitted to the
//! training rows.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use shaderprop::{Columns, Csv, Dataset, Preprocessing, Split};
use wasm_bindgen::prelude::*;

use crate::{Network, thrown};

/// A numeric target is inferred to be classes if it has at most this many different values, all of them whole.
const MOST_CLASSES: usize = 20;

#[wasm_bindgen]
pub struct Table {
    source: shaderprop::Table,
    /// The training rows and the held-out rows.
    parts: (Vec<usize>, Vec<usize>),
    preprocessing: Preprocessing,
    train: Dataset,
    test: Option<Dataset>,
}

#[wasm_bindgen]
impl Table {
    /// Reads CSV. `target` is a column's name, by default the last column's. `classes` says whether the target is a
    /// class; by default this is inferred. `held_out` is the share of rows that is held out.
    pub fn read(bytes: &[u8], target: Option<String>, classes: Option<bool>, held_out: f64, seed: u32) -> Result<Table, JsValue> {
        let source = parsed(bytes)?;
        let column = match target {
            Some(name) => source.find(name.as_str()).map_err(thrown)?,
            None => source.names().len() - 1,
        };
        let classes = classes.unwrap_or_else(|| looks_like_classes(&source, column));
        let columns = if classes { Columns::classes(column) } else { Columns::number(column) };
        let parts = match held_out > 0.0 {
            true => parts(&source, classes.then_some(column), held_out, seed.into())?,
            false => ((0..source.rows()).collect(), Vec::new()),
        };
        let preprocessing = Preprocessing::fit(&source.select(&parts.0), &columns).map_err(thrown)?;
        Self::of(source, parts, preprocessing)
    }

    /// The same rows with the network's scales and categories.
    pub fn for_network(&self, network: &Network) -> Result<Table, JsValue> {
        match network.preprocessing() {
            Some(preprocessing) => Self::of(self.source.clone(), self.parts.clone(), preprocessing.clone()),
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
    fn of(source: shaderprop::Table, parts: (Vec<usize>, Vec<usize>), preprocessing: Preprocessing) -> Result<Self, JsValue> {
        let transform = |rows: &[usize]| preprocessing.transform(&source.select(rows)).map_err(thrown);
        let train = transform(&parts.0)?;
        let test = if parts.1.is_empty() { None } else { Some(transform(&parts.1)?) };
        Ok(Self { source, parts, preprocessing, train, test })
    }

    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }
}

/// Parses CSV.
pub fn parsed(bytes: &[u8]) -> Result<shaderprop::Table, JsValue> {
    shaderprop::Table::from_csv(std::io::Cursor::new(bytes.to_vec()), &Csv::guess()).map_err(thrown)
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
    let mut numbers = HashMap::new();
    let mut number = |row| {
        let next = numbers.len();
        *numbers.entry(source.cell(row, column).trim().to_owned()).or_insert(next)
    };
    let labels: Vec<usize> = (0..source.rows()).map(&mut number).collect();
    let mut parts = Split::stratified(&labels).seed(seed).hold_out(held_out).map_err(thrown)?;
    let mut known: HashSet<usize> = parts.train.iter().map(|row| labels[*row]).collect();
    let (unknown, test): (Vec<usize>, Vec<usize>) = parts.test.into_iter().partition(|row| known.insert(labels[*row]));
    parts.train.extend(unknown);
    parts.train.sort_unstable();
    Ok((parts.train, test))
}

/// Whether a column has text, or few numbers, all of them whole.
fn looks_like_classes(table: &shaderprop::Table, column: usize) -> bool {
    let mut seen = HashSet::new();
    for row in 0..table.rows() {
        let cell = table.cell(row, column);
        match cell.trim().parse::<f64>() {
            Ok(number) if number.fract() != 0.0 => return false,
            Ok(number) => seen.insert(number.to_bits()),
            // A missing value decides nothing.
            Err(_) if cell.trim().is_empty() => false,
            Err(_) => return true,
        };
    }
    seen.len() <= MOST_CLASSES
}

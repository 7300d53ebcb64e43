//! A CSV table: read, split into rows to train on and rows to measure on, and turned into numbers by what the first ones show.

use std::collections::HashSet;

use serde_json::json;
use shaderprop::{Columns, Csv, Dataset, Preprocessing, Split};
use wasm_bindgen::prelude::*;

use crate::thrown;

/// Up to so many different numbers of a target are taken for classes, if they are whole.
const MOST_CLASSES: usize = 20;

#[wasm_bindgen]
pub struct Table {
    source: shaderprop::Table,
    preprocessing: Preprocessing,
    train: Dataset,
    test: Option<Dataset>,
}

#[wasm_bindgen]
impl Table {
    /// Reads CSV. The target is a column's name, else the last; it is learned as classes or as numbers as `classes` says, else by what is in it. So
    /// large a share of the rows is held out.
    pub fn read(bytes: &[u8], target: Option<String>, classes: Option<bool>, held_out: f64, seed: u32) -> Result<Table, JsValue> {
        let source = parsed(bytes)?;
        let column = match target {
            Some(name) => source.find(name.as_str()).map_err(thrown)?,
            None => source.names().len() - 1,
        };
        let columns = match classes.unwrap_or_else(|| looks_like_classes(&source, column)) {
            true => Columns::classes(column),
            false => Columns::number(column),
        };
        let rows = Split::new(source.rows()).seed(seed.into());
        let (train, test) = match held_out > 0.0 {
            true => {
                let parts = rows.hold_out(held_out).map_err(thrown)?;
                (source.select(&parts.train), Some(source.select(&parts.test)))
            }
            false => (source.clone(), None),
        };
        let preprocessing = Preprocessing::fit(&train, &columns).map_err(thrown)?;
        let transform = |table: &shaderprop::Table| preprocessing.transform(table).map_err(thrown);
        let (train, test) = (transform(&train)?, test.as_ref().map(transform).transpose()?);
        Ok(Self { source, preprocessing, train, test })
    }

    /// What it is, as JSON.
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
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }
}

/// A table out of CSV.
pub fn parsed(bytes: &[u8]) -> Result<shaderprop::Table, JsValue> {
    shaderprop::Table::from_csv(std::io::Cursor::new(bytes.to_vec()), &Csv::guess()).map_err(thrown)
}

/// Whether a column has words, or few numbers, all whole.
fn looks_like_classes(table: &shaderprop::Table, column: usize) -> bool {
    let mut seen = HashSet::new();
    for row in 0..table.rows() {
        let cell = table.cell(row, column);
        match cell.trim().parse::<f64>() {
            Ok(number) if number.fract() != 0.0 => return false,
            Ok(number) => seen.insert(number.to_bits()),
            // A hole says nothing.
            Err(_) if cell.trim().is_empty() => false,
            Err(_) => return true,
        };
    }
    seen.len() <= MOST_CLASSES
}

//! Fits a preprocessing: scales, replacements for missing values, categories and classes.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::columns::{Columns, Missing, Scaling};
use super::super::parallel;
use super::super::reading::Reading;
use super::super::schema::{ColumnKind, ColumnUse, Schema, SchemaColumn};
use super::super::spelling::{canonical, has_spellings};
use super::super::table::Table;
use super::{ByPlace, Feature, FeatureKind, FittedTarget, MOST_CATEGORIES, Preprocessing};
use crate::display::listed;
use crate::error::Error;

impl Preprocessing {
    /// Fits the preprocessing to a table of training rows.
    ///
    /// # Errors
    /// Those of [`Schema::infer`] and [`Schema::fit`].
    pub fn fit(table: &Table, columns: &Columns) -> Result<Self, Error> {
        Schema::infer(table, columns)?.fit(table)
    }
}

impl Schema {
    /// Fits the preprocessing to the training rows: scales, categories, classes and replacements for missing values.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] for a table of other columns; [`Error::Cell`] for a cell that is missing where that is
    /// an error, or not finite; [`Error::Setting`] for a target with only one class, or a column with too many
    /// categories.
    pub fn fit(&self, rows: &Table) -> Result<Preprocessing, Error> {
        self.check_columns(rows)?;
        fit(self, rows)
    }
}

/// Fits the preprocessing of a schema to rows.
fn fit(schema: &Schema, table: &Table) -> Result<Preprocessing, Error> {
    if table.rows() == 0 {
        return Err(Error::Shape {
            what: "a table to learn from".into(),
            expected: "at least one row".into(),
            got: "none".into(),
            advice: "give some rows".into(),
        });
    }
    let inputs: Vec<&SchemaColumn> = schema.columns.iter().filter(|column| column.used == ColumnUse::Input).collect();
    let fitted = parallel::map(inputs.len(), table.rows(), |i| {
        let column = inputs[i];
        let fitting = Fitting { schema, table, place: table.find(column.name.as_str())?, reading: schema.reading(column) };
        let mut range = NOTHING;
        let kind = match column.kind {
            ColumnKind::Number => fitting.number(column, &mut range)?,
            ColumnKind::Category => fitting.categories()?,
        };
        Ok::<_, Error>((Feature { name: column.name.clone(), kind }, range))
    });
    let mut features = Vec::new();
    // The minimum and the maximum of all numbers.
    let mut range = NOTHING;
    for fitted in fitted {
        let (feature, own) = fitted?;
        features.push(feature);
        range = (range.0.min(own.0), range.1.max(own.1));
    }
    if schema.scaling == Scaling::MinMaxTogether {
        for feature in &mut features {
            if let FeatureKind::Number { shift, scale, .. } = &mut feature.kind {
                (*shift, *scale) = from_0_to_1(range);
            }
        }
    }
    for feature in &features {
        if let FeatureKind::Number { shift, scale, .. } = &feature.kind
            && !(shift.is_finite() && scale.is_finite())
        {
            return Err(Error::Setting {
                what: format!("column `{}`", feature.name),
                expected: "numbers whose range an f64 can hold".into(),
                got: "a larger one".into(),
            });
        }
    }
    let target = schema.columns.iter().find(|column| column.used == ColumnUse::Target);
    let target =
        target.ok_or_else(|| Error::Setting { what: "the targets of a schema".into(), expected: "1".into(), got: "0".into() })?;
    let place = table.find(target.name.as_str())?;
    let fitting = Fitting { schema, table, place, reading: schema.reading(target) };
    let column = target.name.clone();
    let by_place = table.is_by_place().then(|| ByPlace { width: table.names().len(), target: place });
    let target = match target.kind {
        ColumnKind::Category => FittedTarget::Classes { names: fitting.classes()?, column },
        ColumnKind::Number => {
            let (shift, scale) = moments(&fitting.numbers(true)?);
            FittedTarget::Number { column, shift, scale, written: target.written.clone() }
        }
    };
    Ok(Preprocessing { features, target, missing_words: schema.missing_words.clone(), by_place })
}

/// An indicator of missing numbers is learned from at least this many rows. From fewer, it would rather be noise.
const FEWEST_INDICATED: usize = 30;

/// The minimum and the maximum of no numbers.
const NOTHING: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

/// A column that is fitted.
struct Fitting<'a> {
    schema: &'a Schema,
    table: &'a Table,
    /// The column's index.
    place: usize,
    reading: Reading,
}

impl Fitting<'_> {
    /// The numbers of the column; NaN where they are missing, unless that is an error.
    fn numbers(&self, must_be_filled: bool) -> Result<Vec<f64>, Error> {
        let values = self.table.values(self.place, &self.reading);
        let number = |row: usize| {
            let value = values.get(self.table.at(row));
            match value.as_number() {
                Some(number) if number.is_finite() => Ok(number),
                Some(_) => Err(self.table.refuse(row, self.place, "a finite number")),
                None if !must_be_filled => Ok(f64::NAN),
                None if value.is_missing() => Err(self.table.refuse(row, self.place, "a number, where missing ones are refused")),
                None => Err(self.table.refuse(row, self.place, "a number")),
            }
        };
        (0..self.table.rows()).map(number).collect()
    }

    fn number(&self, column: &SchemaColumn, range: &mut (f64, f64)) -> Result<FeatureKind, Error> {
        let mut values = self.numbers(self.schema.missing == Missing::Error)?;
        let missing_rows = values.iter().filter(|value| value.is_nan()).count();
        // The median reorders them.
        let mut present: Vec<f64> = match self.schema.missing {
            Missing::Error => Vec::new(),
            _ => values.iter().copied().filter(|value| !value.is_nan()).collect(),
        };
        let own = values.iter().fold(NOTHING, |(least, greatest), value| (value.min(least), value.max(greatest)));
        // The rows may be part of a table, where all of these are missing.
        let own_of = Some(own).filter(|own| *own != NOTHING);
        let own = own_of.unwrap_or((0.0, 0.0));
        *range = own;
        let missing = match self.schema.missing {
            Missing::Error => None,
            _ if own_of.is_none() => Some(0.0),
            Missing::Median | Missing::Indicator => Some(median(&mut present)),
            // Finds runs of equal numbers and takes the first of the longest.
            Missing::MostFrequent => {
                present.sort_by(f64::total_cmp);
                let longest = present
                    .chunk_by(|a, b| a == b)
                    .fold(&present[..0], |best, run| if run.len() > best.len() { run } else { best });
                longest.first().copied()
            }
        };
        if let Some(missing) = missing {
            values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = missing);
        }
        let (shift, scale) = match self.schema.scaling {
            // The common scale is known once all columns are.
            Scaling::None | Scaling::MinMaxTogether => (0.0, 1.0),
            // Where no row has a number, nothing is known of them, so that the input stays 0.
            _ if own_of.is_none() => (0.0, f64::MAX),
            Scaling::Standardise => moments(&values),
            Scaling::MinMax => from_0_to_1(own),
        };
        let indicator = self.schema.missing == Missing::Indicator && missing_rows >= FEWEST_INDICATED;
        Ok(FeatureKind::Number { shift, scale, missing, indicator, written: column.written.clone() })
    }

    fn categories(&self) -> Result<FeatureKind, Error> {
        let missing_of = self.schema.missing;
        let (mut counts, mut any_missing) = (HashMap::new(), false);
        for row in 0..self.table.rows() {
            let cell = self.table.cell(row, self.place);
            match self.reading.is_missing(&cell) {
                true if missing_of == Missing::Error => {
                    return Err(self.table.refuse(row, self.place, "a category, where missing ones are refused"));
                }
                true => any_missing = true,
                false => count(&mut counts, cell),
            }
        }
        let mut names = spellings(counts);
        let is_number = |(name, _): &&(String, usize)| name.parse::<f64>().is_ok();
        if names.len() > MOST_CATEGORIES {
            let (word, _) = names.iter().find(|name| !is_number(name)).unwrap_or(&names[0]);
            return Err(Error::Setting {
                what: format!("column `{}`, which is categorical because it contains `{word}`", self.table.names()[self.place]),
                expected: format!("at most {MOST_CATEGORIES} categories; drop the column or correct it"),
                got: names.len().to_string(),
            });
        }
        let most = (0..names.len()).fold(0, |best, i| if names[i].1 > names[best].1 { i } else { best });
        let missing = match missing_of {
            Missing::Error => None,
            // The category of missing ones has an empty name, which is the first.
            Missing::Indicator if any_missing => {
                names.insert(0, (String::new(), 0));
                Some(0)
            }
            Missing::Indicator => Some(names.len()),
            // In a column without any value, a missing one counts as unknown.
            Missing::Median | Missing::MostFrequent => Some(most),
        };
        Ok(FeatureKind::Categories { names: names.into_iter().map(|(name, _)| name).collect(), missing })
    }

    fn classes(&self) -> Result<Vec<String>, Error> {
        let mut counts = HashMap::new();
        for row in 0..self.table.rows() {
            let cell = self.table.cell(row, self.place);
            // A word for missing values may be the name of a class, such as `None`.
            if cell.is_empty() {
                return Err(self.table.refuse(row, self.place, "a class"));
            }
            count(&mut counts, cell);
        }
        let mut names: Vec<String> = spellings(counts).into_iter().map(|(name, _)| name).collect();
        if names.len() < 2 {
            return Err(Error::Setting {
                what: format!("the classes of column {}", self.table.names()[self.place]),
                expected: "at least 2".into(),
                got: listed(&names),
            });
        }
        if names.iter().all(|name| name.parse::<f64>().is_ok()) {
            let number = |name: &String| name.parse::<f64>().unwrap_or(f64::NAN);
            names.sort_by(|a, b| number(a).total_cmp(&number(b)));
        }
        Ok(names)
    }
}

/// The spellings of a name, and how often each occurs.
type Counts = HashMap<String, HashMap<String, usize>>;

fn count(counts: &mut Counts, cell: Cow<'_, str>) {
    let name = canonical(&cell);
    if !counts.contains_key(&*name) {
        counts.insert(name.clone().into_owned(), HashMap::new());
    }
    let Some(spellings) = counts.get_mut(&*name) else { return };
    match spellings.get_mut(&*cell) {
        Some(count) => *count += 1,
        None => {
            spellings.insert(cell.into_owned(), 1);
        }
    }
}

/// The most frequent spelling of each name, and how often the name occurs, sorted. Of equally frequent spellings, the
/// shortest.
fn spellings(counts: Counts) -> Vec<(String, usize)> {
    if !counts.keys().all(|name| has_spellings(name)) {
        let mut names: Vec<(String, usize)> = counts.into_values().flatten().collect();
        names.sort_unstable();
        return names;
    }
    let name = |spellings: HashMap<String, usize>| {
        let count = spellings.values().sum();
        let most = spellings.into_iter().max_by(|(a, often), (b, other)| often.cmp(other).then((b.len(), b).cmp(&(a.len(), a))));
        most.map(|(name, _)| (name, count))
    };
    let mut names: Vec<(String, usize)> = counts.into_values().filter_map(name).collect();
    names.sort_unstable();
    names
}

/// The mean and the standard deviation. For a constant column these are the value itself and 1: a rounded mean would
/// leave residues.
fn moments(values: &[f64]) -> (f64, f64) {
    let Some(first) = values.first() else { return (0.0, 1.0) };
    if values.iter().all(|value| value == first) {
        return (*first, 1.0);
    }
    let of = |unit: f64| {
        let scaled = || values.iter().map(|value| value / unit);
        let mean = scaled().sum::<f64>() / values.len() as f64;
        let variance = scaled().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64;
        (mean, variance)
    };
    let (mean, variance) = of(1.0);
    if variance.is_normal() && mean.is_finite() {
        return (mean, variance.sqrt());
    }
    // The squares are beyond an f64, or vanish in it.
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let (mean, variance) = of(largest);
    let deviation = variance.sqrt() * largest;
    if deviation > 0.0 { (mean * largest, deviation) } else { (*first, 1.0) }
}

/// The shift and the scale that map the minimum to 0 and the maximum to 1.
fn from_0_to_1((least, greatest): (f64, f64)) -> (f64, f64) {
    (least, if greatest > least { greatest - least } else { 1.0 })
}

/// The median: the middle value, or the mean of the two middle ones. Reorders the values.
fn median(values: &mut [f64]) -> f64 {
    let (middle, even) = (values.len() / 2, values.len().is_multiple_of(2));
    let (before, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = before.iter().copied().max_by(f64::total_cmp).filter(|_| even).unwrap_or(upper);
    lower / 2.0 + upper / 2.0
}

//! Prints a preprocessing.

use std::fmt;

use super::super::written::Written;
use super::{Feature, FeatureKind, FittedTarget, Preprocessing};
use crate::display::{listed, short};

/// Prints a line for each column, and one for the target.
impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.features.iter().map(|feature| name(&feature.name).chars().count()).max().unwrap_or(0);
        for Feature { name: feature, kind } in &self.features {
            write!(f, "{:longest$}  ", name(feature))?;
            match kind {
                FeatureKind::Number { shift, scale, missing, indicator, written } => {
                    write!(f, "number{}: (x - {shift}) / {scale}", as_written(written))?;
                    missing.map_or(Ok(()), |missing| write!(f, "; missing: {missing}"))?;
                    f.write_str(if *indicator { ", with an indicator" } else { "" })?;
                }
                FeatureKind::Categories { names, missing } => {
                    let named: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
                    write!(f, "{} categories: {}", named.len(), listed(&named))?;
                    let stand_in = |place: usize| match names.get(place).map(String::as_str) {
                        Some("") => "a category of its own".into(),
                        Some(stand_in) => name(stand_in),
                        None => "another".into(),
                    };
                    missing.map_or(Ok(()), |missing| write!(f, "; missing: {}", stand_in(missing)))?;
                }
            }
            writeln!(f)?;
        }
        match &self.target {
            FittedTarget::Classes { column, names } => {
                write!(f, "target {}  {} classes: {}", name(column), names.len(), listed(names))
            }
            FittedTarget::Number { column, shift, scale, written } => {
                write!(f, "target {}  number{}: y * {scale} + {shift}", name(column), as_written(written))
            }
        }
    }
}

/// A name as it is shown.
fn name(text: &str) -> String {
    short(text, 40)
}

/// How the numbers of a column are written, unless that is plain.
fn as_written(written: &Written) -> String {
    match written {
        Written::Plain => String::new(),
        Written::Point => " with a decimal point and signs".into(),
        Written::Comma => " with a decimal comma".into(),
        Written::Date => " of days since 1970".into(),
        Written::DateAs(format) => format!(" of days since 1970, written {}", short(format, 40)),
    }
}

//! Checks a preprocessing that was read from a file.

use std::collections::HashSet;

use super::super::missing::is_missing;
use super::{FeatureKind, FittedTarget, MOST_CATEGORIES, Preprocessing};

impl Preprocessing {
    /// Checks a preprocessing that was read from a file.
    pub(crate) fn check(&self) -> Result<(), String> {
        let refuse = |what: &str| Err(format!("a preprocessing {what}"));
        let scales = |shift: f64, scale: f64| shift.is_finite() && scale.is_finite() && scale > 0.0;
        let once_each = |names: Vec<&String>| names.iter().collect::<HashSet<_>>().len() == names.len();
        if self.features.is_empty() || !once_each(self.features.iter().map(|feature| &feature.name).collect()) {
            return refuse("without columns, or with two of a name");
        }
        for feature in &self.features {
            match &feature.kind {
                FeatureKind::Number { shift, scale, missing, .. } => {
                    if !scales(*shift, *scale) || missing.is_some_and(|value| !value.is_finite()) {
                        return refuse("with a scale or a stand-in for missing numbers that is none");
                    }
                }
                FeatureKind::Categories { names, missing } => {
                    let sorted = names.windows(2).all(|pair| pair[0] < pair[1]);
                    // The first name may be empty: the category of missing values.
                    let of_missing = names.first().is_some_and(String::is_empty) && *missing == Some(0);
                    let known = !names[usize::from(of_missing)..].iter().any(|name| is_missing(name, &self.missing_words));
                    if !sorted || !known || names.len() > MOST_CATEGORIES || missing.is_some_and(|place| place > names.len()) {
                        return refuse(
                            "with categories that are not in order, too many, a word for missing values, or lack the one for these",
                        );
                    }
                }
            }
        }
        if self.by_place.is_some_and(|by_place| by_place.width < 2 || by_place.target >= by_place.width) {
            return refuse("of a table of fewer than two columns, or whose target is beyond them");
        }
        match &self.target {
            FittedTarget::Classes { names, .. } if names.len() < 2 || !once_each(names.iter().collect()) => {
                refuse("with fewer than two classes, or two of a name")
            }
            FittedTarget::Number { shift, scale, .. } if !scales(*shift, *scale) => {
                refuse("with a scale of the target that is none")
            }
            _ => Ok(()),
        }
    }
}

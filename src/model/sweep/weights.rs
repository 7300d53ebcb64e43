//! The sample weights of each network: rows that it is not trained on have the weight 0.

use std::collections::HashMap;
use std::ops::Range;

use super::member::{Member, of_member};
use crate::data::{Data, check_rows};
use crate::error::Error;
use crate::kernel::Fused;

/// The sample weights by member.
pub struct Weights {
    /// The distinct lists.
    kinds: Vec<Vec<f32>>,
    /// The index of each member's list.
    of: Vec<usize>,
}

/// A member's sample weights within those of all members.
#[derive(Clone, Copy)]
pub struct RowWeights {
    /// The index where they begin.
    pub first: u32,
    /// Their sum.
    pub total: f64,
}

impl Weights {
    /// The sample weights for each member, if any differ.
    pub fn new(members: &[Member], data: &Data<'_>) -> Result<Option<Self>, Error> {
        let rows = data.inputs.rows();
        check_rows(rows)?;
        if data.weights.is_none() && members.iter().all(|member| member.rows.is_none()) {
            return Ok(None);
        }
        let all = data.weights.clone().unwrap_or_else(|| vec![1.0; rows]);
        let mut weights = Self { kinds: Vec::new(), of: Vec::new() };
        // Compares the addresses of the lists, so that a fold shared by many members is processed once.
        let mut known: HashMap<Option<*const usize>, usize> = HashMap::new();
        for (k, member) in members.iter().enumerate() {
            let own = member.rows.as_deref();
            let key = own.map(<[usize]>::as_ptr);
            if let Some(kind) = known.get(&key) {
                weights.of.push(*kind);
                continue;
            }
            let mut values = all.clone();
            if let Some(own) = own {
                values.fill(0.0);
                for row in own {
                    let Some(value) = values.get_mut(*row) else {
                        let expected = format!("rows from 0 to {}", rows - 1);
                        return Err(of_member(k, Error::Setting { what: "its rows".into(), expected, got: row.to_string() }));
                    };
                    *value += all[*row];
                }
            }
            let total: f64 = values.iter().map(|value| f64::from(*value)).sum();
            if !(total as f32).is_normal() {
                let expected = "rows whose weights add up to more than 0".into();
                return Err(of_member(k, Error::Setting { what: "its rows".into(), expected, got: total.to_string() }));
            }
            known.insert(key, weights.kinds.len());
            weights.of.push(weights.kinds.len());
            weights.kinds.push(values);
        }
        Ok(Some(weights))
    }

    /// The sample weights of a member.
    pub fn of(&self, member: usize) -> &[f32] {
        &self.kinds[self.of[member]]
    }

    /// Packs the weights of those members for a fused kernel, each list once, and tells where each member's list is.
    pub fn pack(&self, fused: &Fused, members: Range<usize>) -> (Vec<f32>, Vec<RowWeights>) {
        let mut all = Vec::new();
        let mut known: HashMap<usize, RowWeights> = HashMap::new();
        let lists = members
            .map(|k| {
                *known.entry(self.of[k]).or_insert_with(|| {
                    let first = all.len() as u32;
                    let (packed, total) = fused.pack_weights(self.of(k));
                    all.extend(packed);
                    RowWeights { first, total }
                })
            })
            .collect();
        (all, lists)
    }
}

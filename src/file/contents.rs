//! A model, as files hold it.

use std::collections::BTreeMap;

use super::description::Description;
use crate::data::Preprocessing;
use crate::network::{Layout, Network, Tensor};

/// A model to be saved.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    pub network: &'a Network,
    pub layout: &'a Layout,
    /// Flat, as the layout says.
    pub parameters: &'a [f64],
    pub preprocessing: Option<&'a Preprocessing>,
    /// The epochs that it was trained for.
    pub epochs: u64,
    pub notes: &'a BTreeMap<String, String>,
}

/// A model that was loaded.
pub struct Loaded {
    pub network: Network,
    /// Flat, as the network's layout says.
    pub parameters: Vec<f64>,
    pub preprocessing: Option<Preprocessing>,
    /// The epochs that it was trained for.
    pub epochs: u64,
    pub notes: BTreeMap<String, String>,
}

impl<'a> Saved<'a> {
    pub fn network(&self) -> &'a Network {
        self.network
    }

    pub fn preprocessing(&self) -> Option<&'a Preprocessing> {
        self.preprocessing
    }

    pub fn weights(&self) -> Vec<Tensor> {
        self.layout.tensors(self.parameters)
    }

    pub fn describe(&self) -> Description {
        Description::new(self.network, self.preprocessing, self.epochs, self.notes.clone())
    }
}

//! The contents of a model file.

use std::collections::BTreeMap;

use super::description::Description;
use crate::data::Preprocessing;
use crate::network::{Layout, Network, Tensor};

/// A model to save.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    pub network: &'a Network,
    pub layout: &'a Layout,
    /// The parameters, flat, in the order of the layout.
    pub parameters: &'a [f64],
    pub preprocessing: Option<&'a Preprocessing>,
    /// The number of epochs trained.
    pub epochs: u64,
    pub notes: &'a BTreeMap<String, String>,
}

/// A model that was loaded.
pub struct Loaded {
    pub network: Network,
    /// The parameters, flat, in the order of the network's layout.
    pub parameters: Vec<f64>,
    pub preprocessing: Option<Preprocessing>,
    /// The number of epochs trained.
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

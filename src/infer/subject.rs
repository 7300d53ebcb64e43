//! A network with its weights, to be asked something.

use std::ops::Range;

use crate::gpu::Device;
use crate::network::{Layout, Network};

/// Rows go through the network in pieces of about this many values in its widest layer.
const PIECE: usize = 1 << 20;

/// A network with its weights, on the device that computes.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub device: &'a Device,
    pub network: &'a Network,
    pub layout: &'a Layout,
    /// Flat, as the layout says.
    pub parameters: &'a [f64],
}

impl Subject<'_> {
    /// The rows, in pieces that bound the memory of a forward pass.
    pub fn pieces(&self, rows: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let widest = self.network.layers().iter().map(|layer| layer.units).max().unwrap_or(1).max(self.network.inputs());
        let piece = (PIECE / widest).max(1);
        (0..rows).step_by(piece).map(move |start| start..rows.min(start + piece))
    }
}

//! The numbers of all networks of a sweep.

use crate::network::Layout;

/// Parameters, optimizer state and losses, one network after the other.
#[derive(Clone, Debug)]
pub struct Networks {
    /// The positions of a network's tensors.
    pub layout: Layout,
    /// The parameters of all networks, without gaps.
    pub parameters: Vec<f32>,
    /// The optimizer state of each network, slot by slot; empty before the first training run.
    pub slots: Vec<f32>,
    /// The last loss of each network; NaN before the first training run.
    pub losses: Vec<f32>,
}

impl Networks {
    /// The number of networks.
    pub fn len(&self) -> usize {
        self.losses.len()
    }

    /// The number of parameters of one network.
    pub fn parameters_each(&self) -> usize {
        self.parameters.len() / self.len()
    }

    /// The parameters of one network.
    pub fn parameters_of(&self, network: usize) -> &[f32] {
        &self.parameters[network * self.parameters_each()..][..self.parameters_each()]
    }

    /// The optimizer state of one network, slot by slot.
    pub fn slots_of(&self, network: usize) -> &[f32] {
        let each = self.slots.len() / self.len();
        &self.slots[network * each..][..each]
    }

    /// Replaces the parameters of one network.
    pub fn set_parameters(&mut self, network: usize, values: &[f32]) {
        let each = self.parameters_each();
        self.parameters[network * each..][..each].copy_from_slice(values);
    }

    /// Replaces the optimizer state of one network.
    pub fn set_slots(&mut self, network: usize, values: &[f32]) {
        let each = self.slots.len() / self.len();
        self.slots[network * each..][..each].copy_from_slice(values);
    }

    /// Whether the loss and all parameters of a network are finite.
    pub fn is_finite(&self, network: usize) -> bool {
        self.losses[network].is_finite() && self.parameters_of(network).iter().all(|value| value.is_finite())
    }
}

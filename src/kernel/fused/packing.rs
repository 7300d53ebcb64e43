//! Packs networks, rows and sample weights as a fused kernel reads them.

use super::network::{Fused, LanePlace, Lanes};

impl Fused {
    /// Packs the numbers of networks, each given as its tensors' values followed by the optimizer's slots.
    pub fn pack<'a>(&self, networks: impl ExactSizeIterator<Item = &'a [f32]>) -> Vec<f32> {
        let (places, count) = (self.places(), networks.len());
        let mut packed = vec![0.0; count * self.network_numbers()];
        for (network, values) in networks.enumerate() {
            for (place, value) in places.iter().zip(values) {
                packed[self.index(*place, network, count)] = *value;
            }
        }
        packed
    }

    /// Extracts the numbers of one of `networks` networks from the packed ones.
    pub fn unpack(&self, places: &[LanePlace], packed: &[f32], network: usize, networks: usize) -> Vec<f32> {
        places.iter().map(|place| packed[self.index(*place, network, networks)]).collect()
    }

    /// The index of a location in the buffer of `networks` networks.
    pub fn index(&self, place: LanePlace, network: usize, networks: usize) -> usize {
        let word = match self.lanes {
            // Adjacent invocations read adjacent words.
            Lanes::One => place.word * networks + network,
            Lanes::Subgroup(_) | Lanes::Memory(_) => (network * self.words() + place.word) * self.lanes.count() + place.lane,
        };
        4 * word + place.component
    }

    /// Packs the inputs for the kernel: each row is padded to whole words.
    pub fn pack_inputs(&self, values: &[f32]) -> Vec<f32> {
        let mut packed = vec![0.0; values.len() / self.inputs * self.input_words() * 4];
        for (to, from) in packed.chunks_mut(self.input_words() * 4).zip(values.chunks(self.inputs)) {
            to[..self.inputs].copy_from_slice(from);
        }
        packed
    }

    /// Packs the targets for the kernel: in each row, each lane's part is padded to whole words.
    pub fn pack_targets(&self, values: &[f32]) -> Vec<f32> {
        let last = self.layers.len() - 1;
        let (outs, units, words) = (self.layers[last].outs, self.units(last), self.target_words());
        let row = self.lanes.count() * words * 4;
        let mut packed = vec![0.0; values.len() / outs * row];
        for (to, from) in packed.chunks_mut(row).zip(values.chunks(outs)) {
            for (j, value) in from.iter().enumerate() {
                to[j / units * words * 4 + j % units] = *value;
            }
        }
        packed
    }

    /// Packs the sample weights for the kernel and returns their sum. The kernel sums weighted gradients before it
    /// divides by the total weight, so for a mean the weights may be multiplied by any number. A power of two that
    /// brings the largest near 1 prevents overflow and underflow.
    pub fn pack_weights(&self, weights: &[f32]) -> (Vec<f32>, f64) {
        let largest = weights.iter().copied().fold(0.0f32, f32::max);
        let scale = match self.loss.is_mean() && largest > 0.0 {
            true => f64::from(largest).log2().floor().exp2().recip(),
            false => 1.0,
        };
        let scaled = |weight: &f32| (f64::from(*weight) * scale) as f32;
        let packed: Vec<f32> = weights.iter().map(scaled).collect();
        let total = packed.iter().map(|weight| f64::from(*weight)).sum();
        (packed, total)
    }
}

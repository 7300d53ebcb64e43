//! Random numbers: Philox for everything in this library, and NumPy's Mersenne Twister for the tutorials.

use std::convert::Infallible;

use rand::{Rng, TryRng};

/// A counter-based random number generator, Philox 4x32-10: J. K. Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011.
///
/// Each number depends only on (seed, purpose, epoch, step, index), so that any of them can be computed anywhere, in
/// any order. It implements `rand`'s traits.
///
/// ```
/// use rand::Rng;
/// use shaderprop::Philox;
/// let mut a = Philox::new(7, 0, 0, 0);
/// let mut b = Philox::new(7, 0, 0, 0);
/// assert_eq!(a.next_u32(), b.next_u32());
/// assert_ne!(a.next_u32(), Philox::new(8, 0, 0, 0).next_u32());
/// ```
#[derive(Clone, Debug)]
pub struct Philox {
    key: [u32; 2],
    /// Block index, step, epoch, purpose.
    counter: [u32; 4],
    /// The current block, and the number of its words already used.
    block: [u32; 4],
    used: usize,
}

/// The `purpose` of the numbers that initialise weights. `step` is then the tensor's index in the network.
pub(crate) const INITIALISE: u32 = 0;

/// The `purpose` of the numbers that shuffle the rows of an epoch. `step` is then the mixing round. Also in
/// shaders/order.wgsl.
pub(crate) const SHUFFLE: u32 = 1;

/// The `purpose` of the numbers that split rows, and shuffle them on the host.
pub(crate) const SPLIT: u32 = 2;

/// The `purpose` of dropout's numbers: this value, with the layer's number in the upper bits. `index` is then the
/// element's index divided by four.
pub(crate) const DROPOUT: u32 = 3;

impl Philox {
    /// The stream for these four keys, from its first number.
    pub fn new(seed: u64, purpose: u32, epoch: u32, step: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], counter: [0, step, epoch, purpose], block: [0; 4], used: 4 }
    }

    /// The four words of one counter: block index, step, epoch, purpose.
    pub(crate) fn words(seed: u64, counter: [u32; 4]) -> [u32; 4] {
        Self::block(counter, [seed as u32, (seed >> 32) as u32])
    }

    /// A number from the standard normal distribution: G. E. P. Box and M. E. Muller, 1958.
    pub(crate) fn normal(&mut self) -> f64 {
        let (high, low) = (f64::from(self.next_u32()), f64::from(self.next_u32()));
        // From above 0 up to 1, so that the logarithm is finite.
        let radius = (-2.0 * ((high + 1.0) / 4_294_967_296.0).ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * low / 4_294_967_296.0).cos()
    }

    /// A number from 0 (inclusive) to 1 (exclusive), a multiple of 2⁻²⁴.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// The four words at `counter`: ten rounds of two multiplications.
    fn block(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
        let multiply = |a: u32, b: u32| {
            let product = u64::from(a) * u64::from(b);
            ((product >> 32) as u32, product as u32)
        };
        for _ in 0..10 {
            let (high_0, low_0) = multiply(0xD251_1F53, counter[0]);
            let (high_1, low_1) = multiply(0xCD9E_8D57, counter[2]);
            counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        counter
    }
}

impl TryRng for Philox {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        if self.used == 4 {
            self.block = Self::block(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        Ok(self.block[self.used - 1])
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.next_u32());
        Ok(u64::from(self.next_u32()) << 32 | low)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_u32().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// The numbers of `numpy.random.rand` after `numpy.random.seed(seed)`: a Mersenne Twister (MT19937) with 53 bits for
/// each number.
pub(crate) struct NumPy(rand_mt::Mt);

impl NumPy {
    pub fn new(seed: u32) -> Self {
        Self(rand_mt::Mt::new(seed))
    }

    /// The next number from 0 (inclusive) to 1 (exclusive).
    pub fn uniform(&mut self) -> f64 {
        let high = f64::from(self.0.next_u32() >> 5);
        let low = f64::from(self.0.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }
}

/// The threshold for dropout: a random word below it drops the element.
pub fn dropout_threshold(rate: f64) -> u32 {
    // The rate is below 1, but may be rounded up to it.
    (rate * 4_294_967_296.0).round().min(4_294_967_295.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that Random123 publishes for philox4x32 with ten rounds, in its file `kat_vectors`.
    #[test]
    fn philox_gives_the_published_blocks() {
        let all = u32::MAX;
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(Philox::block([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(Philox::block([all; 4], [all; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(Philox::block(pi, [0xa409_3822, 0x299f_31d0]), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn philox_streams_differ_by_every_key() {
        let first = |seed, purpose, epoch, step| Philox::new(seed, purpose, epoch, step).next_u64();
        let base = first(1, 2, 3, 4);
        for other in [first(9, 2, 3, 4), first(1 << 32 | 1, 2, 3, 4), first(1, 9, 3, 4), first(1, 2, 9, 4), first(1, 2, 3, 9)] {
            assert_ne!(base, other);
        }
    }

    /// `numpy.random.seed(42); numpy.random.rand(9)`, as in the tutorials' recomputed initial weights.
    #[test]
    fn numpy_gives_numpys_numbers() {
        let mut numbers = NumPy::new(42);
        let expected = [
            0.3745401188473625,
            0.9507143064099162,
            0.7319939418114051,
            0.5986584841970366,
            0.15601864044243652,
            0.15599452033620265,
            0.05808361216819946,
            0.8661761457749352,
            0.6011150117432088,
        ];
        assert_eq!(expected.map(|_| numbers.uniform()), expected);
    }
}

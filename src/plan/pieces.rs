//! Splits stages into pieces.

use std::ops::Range;

/// The number of elements that one workgroup adds, where a sum is computed in parts.
pub const ONE_WORKGROUP: usize = 4096;

/// Splits 0..len into ranges of at most `longest`.
pub(super) fn parts(len: usize, longest: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(longest).map(move |start| start..len.min(start.saturating_add(longest)))
}

/// A count as u32. It is known to be below 2³², since its buffer can be bound.
pub(super) fn word(count: usize) -> u32 {
    u32::try_from(count).expect("the limits keep counts below 2³²")
}

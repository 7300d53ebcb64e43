//! Cutting a stage into pieces.

use std::ops::Range;

/// How many elements one workgroup adds alone, where a sum is taken in parts.
pub const ONE_WORKGROUP: usize = 4096;

/// 0..len in parts of at most `longest`.
pub(super) fn parts(len: usize, longest: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(longest).map(move |start| start..len.min(start.saturating_add(longest)))
}

/// A count that is known to be below 2³², since the buffer it belongs to could be bound.
pub(super) fn word(count: usize) -> u32 {
    u32::try_from(count).expect("the limits keep counts below 2³²")
}

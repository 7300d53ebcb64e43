//! What all WGSL here is made of: the size of a workgroup, how long loops may be, and the parts that kernels share.

use crate::network::MathFunction;

/// Invocations in a workgroup: the `@workgroup_size` of every file in `shaders/`.
pub const WORKGROUP_SIZE: u32 = 64;

/// No invocation loops more often than this; some drivers end a shader's loops after 65,535 rounds and say nothing.
pub const LONGEST_LOOP: usize = 32_768;

/// What kernels are made of beside their own file: each is appended where it is needed.
pub const PARTS: [(&str, &str); 3] = [("step.wgsl", STEP), ("philox.wgsl", PHILOX), ("math.wgsl", MATH)];

/// A row of the step table.
pub(super) const STEP: &str = include_str!("../../shaders/step.wgsl");
const PHILOX: &str = include_str!("../../shaders/philox.wgsl");
const MATH: &str = include_str!("../../shaders/math.wgsl");

/// A part that is appended whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A row of the step table: shaders/step.wgsl.
    Step,
    /// Random numbers: shaders/philox.wgsl.
    Philox,
}

impl Part {
    /// Its WGSL.
    pub fn text(self) -> &'static str {
        match self {
            Self::Step => STEP,
            Self::Philox => PHILOX,
        }
    }
}

/// The WGSL of a function of shaders/math.wgsl, with the comment above it.
pub(super) fn math(function: MathFunction) -> &'static str {
    let declared = format!("fn {}(", function.name());
    MATH.split("\n\n").find(|text| text.contains(&declared)).map_or("", str::trim_end)
}

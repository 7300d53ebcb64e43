//! Constants of all kernels, such as the workgroup size and the maximum number of loop iterations, and the WGSL parts
//! they share.

use crate::network::MathFunction;

/// The number of invocations in a workgroup: the `@workgroup_size` of every file in `shaders/`.
pub const WORKGROUP_SIZE: u32 = 64;

/// The maximum number of loop iterations of an invocation. Some drivers silently end a shader's loops after 65,535
/// iterations.
pub const LONGEST_LOOP: usize = 32_768;

/// The parts that are appended to a kernel's file where they are needed.
pub const PARTS: [(&str, &str); 3] = [("step.wgsl", STEP), ("philox.wgsl", PHILOX), ("math.wgsl", MATH)];

/// The row of the step table.
pub(super) const STEP: &str = include_str!("../../shaders/step.wgsl");
const PHILOX: &str = include_str!("../../shaders/philox.wgsl");
const MATH: &str = include_str!("../../shaders/math.wgsl");

/// A part that is appended whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The row of the step table: shaders/step.wgsl.
    Step,
    /// Random numbers: shaders/philox.wgsl.
    Philox,
}

impl Part {
    /// The WGSL text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Step => STEP,
            Self::Philox => PHILOX,
        }
    }
}

/// The WGSL of a function of shaders/math.wgsl, with its comment.
pub(super) fn math(function: MathFunction) -> &'static str {
    let declared = format!("fn {}(", function.name());
    MATH.split("\n\n").find(|text| text.contains(&declared)).map_or("", str::trim_end)
}

//! What all WGSL here is made of: limits, the parts that stages share, and words in it.

/// Invocations in a workgroup: the `@workgroup_size` of every shader.
pub const WORKGROUP_SIZE: u32 = 64;

/// No invocation loops more often than this; some drivers end a shader's loops after 65,535 rounds and say nothing.
pub const LONGEST_LOOP: usize = 32_768;

/// What stages are made of beside their own file: each is appended where it is needed.
pub const PARTS: [(&str, &str); 3] = [("step.wgsl", STEP), ("philox.wgsl", PHILOX), ("math.wgsl", MATH)];

pub(crate) const STEP: &str = include_str!("../../shaders/step.wgsl");
pub(crate) const PHILOX: &str = include_str!("../../shaders/philox.wgsl");
pub(crate) const MATH: &str = include_str!("../../shaders/math.wgsl");

/// The identifiers and keywords in WGSL text.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The text without what stands behind `//`.
pub(crate) fn without_comments(code: &str) -> String {
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).fold(String::new(), |text, line| text + line + "\n")
}

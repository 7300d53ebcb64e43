//! The storage buffers that kernels declare.

/// A storage buffer that a kernel declares and uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The number of its `@binding`.
    pub index: u32,
    /// The name in the WGSL.
    pub name: &'static str,
    /// Whether its access is `read_write`.
    pub written: bool,
}

impl Binding {
    /// The access mode in WGSL.
    pub fn access(self) -> &'static str {
        if self.written { "read_write" } else { "read" }
    }

    /// The declaration in WGSL, with the type `of`.
    pub fn declaration(self, of: &str) -> String {
        format!("@group(0) @binding({}) var<storage, {}> {}: {of};", self.index, self.access(), self.name)
    }
}

/// A read-only buffer.
pub fn read(index: u32, name: &'static str) -> Option<Binding> {
    Some(Binding { index, name, written: false })
}

/// A buffer that is read and written.
pub fn write(index: u32, name: &'static str) -> Option<Binding> {
    Some(Binding { index, name, written: true })
}

/// A buffer that is used only if the condition holds.
pub fn when(used: bool, binding: Option<Binding>) -> Option<Binding> {
    binding.filter(|_| used)
}

/// The buffers that are used.
pub fn used<const N: usize>(bindings: [Option<Binding>; N]) -> Vec<Binding> {
    bindings.into_iter().flatten().collect()
}

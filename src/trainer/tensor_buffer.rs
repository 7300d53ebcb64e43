//! A tensor on the device, for bindings and copies.

/// A tensor on the device, as bindings and copies need it.
#[derive(Clone, Copy, Debug)]
pub struct TensorBuffer<'a> {
    /// The buffer that contains it, which also contains other tensors. It can be bound as storage and copied from and
    /// to.
    pub buffer: &'a wgpu::Buffer,
    /// The offset in bytes, a multiple of 256.
    pub offset: u64,
    /// The size in bytes; an f32 is four.
    pub size: u64,
}

impl<'a> TensorBuffer<'a> {
    /// The tensor as a resource of a bind group.
    pub fn as_entire_binding(&self) -> wgpu::BindingResource<'a> {
        let size = std::num::NonZero::new(self.size);
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: self.buffer, offset: self.offset, size })
    }
}

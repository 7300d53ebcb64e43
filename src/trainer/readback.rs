//! Weights that come back when the application submits and polls.

use std::sync::{Arc, Mutex};

use super::tensor_buffer::TensorBuffer;
use crate::error::Error;
use crate::gpu::{Gpu, RECORDING, lock};
use crate::network::{Layout, Tensor};

/// A pending readback of weights from the device.
pub struct Readback {
    gpu: Arc<Gpu>,
    staging: wgpu::Buffer,
    layout: Layout,
    state: Arc<Mutex<Mapped>>,
}

/// The state of a readback. An error tells why it will not arrive.
#[derive(Debug)]
enum Mapped {
    Away,
    Back(Result<(), String>),
    Taken,
}

/// Reports how a readback ended. If it is dropped without a report, the readback was never submitted.
struct Reporter(Arc<Mutex<Mapped>>);

impl Drop for Reporter {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if matches!(*state, Mapped::Away) {
            *state = Mapped::Back(Err("the command buffer was dropped".into()));
        }
    }
}

impl Readback {
    /// Records a copy of all weights, which arrives after the application has submitted the command buffer and polled.
    pub(super) fn record(
        gpu: &Arc<Gpu>,
        encoder: &mut wgpu::CommandEncoder,
        parameters: TensorBuffer<'_>,
        layout: &Layout,
    ) -> Result<Self, Error> {
        use wgpu::BufferUsages as Usage;
        let TensorBuffer { buffer, offset, size } = parameters;
        let staging = pollster::block_on(gpu.buffer("weights, read back", size, Usage::MAP_READ | Usage::COPY_DST))?;
        let state = Arc::new(Mutex::new(Mapped::Away));
        let telling = Reporter(state.clone());
        gpu.call(RECORDING, || {
            encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, size);
            encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., move |result| {
                *lock(&telling.0) = Mapped::Back(result.map_err(|error| error.to_string()));
            });
        })?;
        Ok(Self { gpu: gpu.clone(), staging, layout: layout.clone(), state })
    }

    /// Returns all weights and biases once they have arrived. It returns `None` before the application has submitted
    /// the command buffer and polled its device until it was done, and after the weights have been returned once.
    ///
    /// It returns [`Error::DeviceLost`] after a call of [`Trainer::device_lost`](crate::Trainer::device_lost), and [`Error::Driver`] if the weights
    /// will not arrive because the command buffer was dropped or the device was lost.
    #[must_use]
    pub fn take(&self) -> Option<Result<Vec<Tensor>, Error>> {
        let refused = |message: String| Error::Driver { what: "weights read back".into(), message, cause: None };
        let mut state = lock(&self.state);
        let mapped = match std::mem::replace(&mut *state, Mapped::Taken) {
            Mapped::Back(mapped) => mapped,
            other => {
                *state = other;
                return None;
            }
        };
        // A lost device still maps. The values are valid only if no loss has been reported by now.
        Some(self.gpu.check().and(mapped.map_err(refused)).and_then(|()| {
            let view = self.staging.get_mapped_range(..).map_err(|error| refused(error.to_string()))?;
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&view[..]);
            drop(view);
            self.staging.unmap();
            let flat: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            Ok(self.layout.tensors(&flat))
        }))
    }
}

impl std::fmt::Debug for Readback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readback").field("state", &self.state).finish_non_exhaustive()
    }
}

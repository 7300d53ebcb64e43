//! Measures how long an application's steps take, with the device's timestamps, which are read back whenever the
//! application polls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::error::Error;
use crate::gpu::{Gpu, lock};

/// The maximum number of measurements in flight: frames that are submitted but not yet polled for.
const MOST: usize = 4;

/// The alignment at which WebGPU resolves timestamps. Each measurement has its own slot.
const ALIGNMENT: u64 = wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;

/// Measures training passes with timestamps.
pub struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    measurements: Vec<Measurement>,
}

struct Measurement {
    staging: wgpu::Buffer,
    state: Arc<Mutex<State>>,
    steps: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// Recorded, not read yet.
    Away,
    /// Mapped.
    Back,
}

/// Reports how a readback ended. If it is dropped without a report, the readback was never submitted.
struct Reporter(Arc<Mutex<State>>);

impl Drop for Reporter {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if *state == State::Away {
            *state = State::Free;
        }
    }
}

impl Clock {
    /// Creates a clock if the device has TIMESTAMP_QUERY.
    pub async fn new(gpu: &Gpu) -> Result<Option<Self>, Error> {
        use wgpu::BufferUsages as Usage;
        let Some(queries) = gpu.queries("training's clock", 2 * MOST as u32).await? else { return Ok(None) };
        let resolved = gpu.buffer("training's clock", ALIGNMENT * MOST as u64, Usage::QUERY_RESOLVE | Usage::COPY_SRC).await?;
        let mut measurements = Vec::with_capacity(MOST);
        for _ in 0..MOST {
            let staging = gpu.buffer("training's clock, read back", 16, Usage::MAP_READ | Usage::COPY_DST).await?;
            measurements.push(Measurement { staging, state: Arc::new(Mutex::new(State::Free)), steps: 0 });
        }
        Ok(Some(Self { queries, resolved, measurements }))
    }

    /// The measurements that have come back since the last call: the number of steps, and their time.
    pub fn measured(&self, gpu: &Gpu) -> Vec<(usize, Duration)> {
        let mut measured = Vec::new();
        for Measurement { staging, state, steps } in &self.measurements {
            if *lock(state) != State::Back {
                continue;
            }
            // A readback that cannot be read is ignored.
            if let Ok(view) = staging.get_mapped_range(..) {
                let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&view[..]);
                // A clock that stood still has measured nothing.
                let passed = ticks[1].checked_sub(ticks[0]).filter(|passed| *passed > 0);
                measured.extend(passed.map(|passed| (*steps, gpu.ticks(passed))));
            }
            staging.unmap();
            *lock(state) = State::Free;
        }
        measured
    }

    /// The index of a measurement that is not in use.
    pub fn free(&self) -> Option<usize> {
        self.measurements.iter().position(|measurement| *lock(&measurement.state) == State::Free)
    }

    /// The timestamp writes of a pass, for its beginning, its end, or both.
    pub fn writes(&self, measurement: usize, begins: bool, ends: bool) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = 2 * measurement as u32;
        (begins || ends).then_some(wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: begins.then_some(first),
            end_of_pass_write_index: ends.then_some(first + 1),
        })
    }

    /// Records the readback of the timestamps.
    pub fn read(&mut self, encoder: &mut wgpu::CommandEncoder, measurement: usize, steps: usize) {
        let (first, at) = (2 * measurement as u32, ALIGNMENT * measurement as u64);
        let Measurement { staging, state, steps: of } = &mut self.measurements[measurement];
        *of = steps;
        *lock(state) = State::Away;
        encoder.resolve_query_set(&self.queries, first..first + 2, &self.resolved, at);
        encoder.copy_buffer_to_buffer(&self.resolved, at, staging, 0, 16);
        let telling = Reporter(state.clone());
        encoder.map_buffer_on_submit(staging, wgpu::MapMode::Read, .., move |result| {
            *lock(&telling.0) = if result.is_ok() { State::Back } else { State::Free };
        });
    }
}

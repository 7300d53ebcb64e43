//! How long the steps take that an application submits: by the device's clock, read back whenever the application polls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::error::Error;
use crate::gpu::{Gpu, lock};

/// How many measurements may be on their way: frames that are submitted and have not been polled for.
const MOST: usize = 4;

/// Where each measurement's timestamps are resolved to: WebGPU's alignment for that.
const ALIGNMENT: u64 = wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;

/// A clock for training's passes.
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
    /// Recorded, and not read yet.
    Away,
    /// Mapped.
    Back,
}

/// Tells how a readback ended; dropped without, it was never submitted.
struct Telling(Arc<Mutex<State>>);

impl Drop for Telling {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if *state == State::Away {
            *state = State::Free;
        }
    }
}

impl Clock {
    /// One, if the device has TIMESTAMP_QUERY.
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

    /// What has come back since it was last asked: how many steps took how long.
    pub fn measured(&self, gpu: &Gpu) -> Vec<(usize, Duration)> {
        let mut measured = Vec::new();
        for Measurement { staging, state, steps } in &self.measurements {
            if *lock(state) != State::Back {
                continue;
            }
            // What is not there to be read is not believed.
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

    /// A measurement that is free.
    pub fn free(&self) -> Option<usize> {
        self.measurements.iter().position(|measurement| *lock(&measurement.state) == State::Free)
    }

    /// What a pass has to be told so that it is measured, from its beginning or to its end.
    pub fn writes(&self, measurement: usize, begins: bool, ends: bool) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = 2 * measurement as u32;
        (begins || ends).then_some(wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: begins.then_some(first),
            end_of_pass_write_index: ends.then_some(first + 1),
        })
    }

    /// Has the timestamps read back after that submission.
    pub fn read(&mut self, encoder: &mut wgpu::CommandEncoder, measurement: usize, steps: usize) {
        let (first, at) = (2 * measurement as u32, ALIGNMENT * measurement as u64);
        let Measurement { staging, state, steps: of } = &mut self.measurements[measurement];
        *of = steps;
        *lock(state) = State::Away;
        encoder.resolve_query_set(&self.queries, first..first + 2, &self.resolved, at);
        encoder.copy_buffer_to_buffer(&self.resolved, at, staging, 0, 16);
        let telling = Telling(state.clone());
        encoder.map_buffer_on_submit(staging, wgpu::MapMode::Read, .., move |result| {
            *lock(&telling.0) = if result.is_ok() { State::Back } else { State::Free };
        });
    }
}

//! The device's timestamps, which measure kernels and an application's training.

use std::time::Duration;

use super::opening::Gpu;
use super::readback::Region;
use crate::error::Error;

impl Gpu {
    /// Timestamp queries for compute passes, if the device supports them.
    pub async fn queries(&self, label: &str, count: u32) -> Result<Option<wgpu::QuerySet>, Error> {
        if !self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let descriptor = wgpu::QuerySetDescriptor { label: Some(label), ty: wgpu::QueryType::Timestamp, count };
        self.scoped(label, u64::from(count) * 8, || self.device.create_query_set(&descriptor)).await.map(Some)
    }

    /// The duration of that many ticks.
    pub fn ticks(&self, ticks: u64) -> Duration {
        Duration::from_nanos((ticks as f64 * f64::from(self.queue.get_timestamp_period())) as u64)
    }

    /// Runs a compute pass and measures how long the device takes; `None` without timestamps.
    pub async fn timed(&self, record: impl FnOnce(&mut wgpu::ComputePass<'_>)) -> Result<Option<Duration>, Error> {
        use wgpu::BufferUsages as Usage;
        let Some(set) = self.queries("timestamps", 2).await? else { return Ok(None) };
        let resolved = self.buffer("timestamps", 16, Usage::QUERY_RESOLVE | Usage::COPY_SRC).await?;
        let staging = self.buffer("staging", 16, Usage::MAP_READ | Usage::COPY_DST).await?;
        let timestamp_writes = wgpu::ComputePassTimestampWrites {
            query_set: &set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        };
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(timestamp_writes) };
        let commands = self.record(|encoder| {
            record(&mut encoder.begin_compute_pass(&descriptor));
            encoder.resolve_query_set(&set, 0..2, &resolved, 0);
        })?;
        self.submit(vec![commands])?;
        let read = self.read(&staging, &[Region { buffer: &resolved, offset: 0, size: 16 }]).await?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&read[0]);
        Ok(Some(self.ticks(ticks[1].saturating_sub(ticks[0]))))
    }
}

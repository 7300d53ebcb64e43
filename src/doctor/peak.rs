//! What an adapter can do at most: multiply-adds on registers, and bytes to and from memory, in shaders that do nothing else.

use std::time::Instant;

use crate::error::Error;
use crate::gpu::Gpu;

/// What was reached.
pub struct Peak {
    /// Multiply-adds a second in GFLOP/s, two operations each, by loops whose body is one multiply-add for each chain.
    pub rolled: f64,
    /// The same by loops that were unrolled by hand, sixteen multiply-adds for each chain.
    pub unrolled: f64,
    /// Bytes a second read and written, in GB/s, four neighbouring values at a time.
    pub bytes: f64,
}

const CHAINS: [u32; 5] = [1, 2, 4, 8, 16];
const WORKGROUPS: [u32; 3] = [8, 64, 256];
const ROUNDS: u32 = 8192;
const INVOCATIONS: u32 = 4096;
/// Values that are read and written: 32 MiB, more than caches hold.
const VALUES: u32 = 8 << 20;

/// The best of several shaders: 1 to 16 chains of dependent multiply-adds, in workgroups of several sizes, rolled and unrolled.
pub fn peak(gpu: &Gpu, rounds: u32) -> Result<Peak, Error> {
    gpu.block_on(measured(gpu, rounds))
}

async fn measured(gpu: &Gpu, rounds: u32) -> Result<Peak, Error> {
    let invocations = INVOCATIONS * rounds;
    let buffer = gpu.buffer("peak", u64::from(VALUES.max(invocations)) * 4, wgpu::BufferUsages::STORAGE).await?;
    let mut best = Peak { rolled: 0.0, unrolled: 0.0, bytes: 0.0 };
    best.bytes = 8.0 * f64::from(VALUES) / time(gpu, &buffer, COPY, VALUES / 4 / 64).await? / 1e9;
    for chains in CHAINS {
        for workgroup in WORKGROUPS {
            if workgroup > gpu.limits().max_compute_invocations_per_workgroup {
                continue;
            }
            for (unrolled, reached) in [(1, &mut best.rolled), (16, &mut best.unrolled)] {
                let seconds = time(gpu, &buffer, &source(chains, workgroup, unrolled), invocations / workgroup).await?;
                *reached = reached.max(2.0 * f64::from(ROUNDS) * f64::from(chains) * f64::from(invocations) / seconds / 1e9);
            }
        }
    }
    Ok(best)
}

/// The time of a dispatch of that shader in seconds, the best of three.
async fn time(gpu: &Gpu, buffer: &wgpu::Buffer, source: &str, workgroups: u32) -> Result<f64, Error> {
    let pipeline = gpu.compile("peak", source).await?;
    let entries = [wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }];
    let bind_group = gpu.bind_group("peak", &pipeline, &entries).await?;
    let mut best = f64::INFINITY;
    // The first one is the driver's, which may compile yet.
    for round in 0..4 {
        let start = Instant::now();
        let commands = gpu.record(|encoder| {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(workgroups, 1, 1);
        })?;
        let submission = gpu.submit(vec![commands])?;
        gpu.finished(submission).await?;
        if round > 0 {
            best = best.min(start.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}

const COPY: &str = "
@group(0) @binding(0) var<storage, read_write> data: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    data[id.x] = data[id.x] + 1.0;
}
";

fn source(chains: u32, workgroup: u32, unrolled: u32) -> String {
    let each = |line: &dyn Fn(u32) -> String| (0..chains).map(line).collect::<String>();
    let start = each(&|i| format!("    var c{i} = f32(id.x + {i}u);\n"));
    let round = each(&|i| format!("        c{i} = c{i} * x + y;\n")).repeat(unrolled as usize);
    let sum: Vec<_> = (0..chains).map(|i| format!("c{i}")).collect();
    format!(
        "@group(0) @binding(0) var<storage, read_write> data: array<f32>;\n\n\
         @compute @workgroup_size({workgroup})\nfn main(@builtin(global_invocation_id) id: vec3u) {{\n    \
         let x = data[id.x] + 0.5;\n    let y = data[0] + 0.25;\n{start}    \
         for (var k = 0u; k < {}u; k++) {{\n{round}    }}\n    data[id.x] = {};\n}}\n",
        ROUNDS / unrolled,
        sum.join(" + ")
    )
}

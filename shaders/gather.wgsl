// gather: the batch's rows out of the data. One invocation, one element, or as many neighbours as a Real has.
//
// `Real` is appended to this file: f32, vec2f or vec4f, whichever divides a row.

struct Params {
    first: u32,    // this dispatch copies the elements first..end of the batch, in Reals
    end: u32,
    columns: u32,  // Reals in a row
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> data: array<Real>;
@group(0) @binding(3) var<storage, read_write> batch: array<Real>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    batch[i] = data[order[i / params.columns] * params.columns + i % params.columns];
}

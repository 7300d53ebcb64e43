// bias_activation: x = product + bias, then y = f(x). Each invocation computes one element of the layer's output.
//
// `activation` (f) is appended to this file. It is defined in src/network/activation.
// `sums` holds the matrix product before, and x after, for the stages that need x itself.

struct Params {
    first: u32,    // this dispatch computes the elements first..end, counted row by row
    end: u32,
    columns: u32,  // the layer's units: element i belongs to unit i % columns
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> outputs: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    let x = sums[i] + bias[i % params.columns];
    sums[i] = x;
    outputs[i] = activation(x);
}

// hidden_delta: delta = error · f', where the error was passed back through the next layer's weights. Each invocation computes
// one element.
//
// `activation_derivative` (f') is appended to this file. It is defined in src/network/activation, and reads `sums` (x) or
// `outputs` (y) at element i, or both. `deltas` holds the error before, and the delta after.

struct Params {
    first: u32,  // this dispatch computes the elements first..end
    end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read_write> deltas: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    deltas[i] = deltas[i] * activation_derivative(i);
}

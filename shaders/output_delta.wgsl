// output_delta: delta = ∂loss/∂x of the last layer, by the chain rule ∂loss/∂y · f'. One invocation, one element.
//
// `loss_gradient` (∂loss/∂y) and `activation_derivative` (f') are appended to this file: the choices, from src/network/loss and
// src/network/activation. They read `sums` (x), `outputs` (y) and `targets` at element i, whichever their formulas need. So is
// `weight`, what the row counts: 1 where rows have no weights.

struct Params {
    first: u32,    // this dispatch computes the elements first..end
    end: u32,
    columns: u32,  // the network's outputs
    scale: f32,    // one over what the loss takes its mean over; 1 for a sum
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> deltas: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    deltas[i] = params.scale * weight(i) * loss_gradient(i) * activation_derivative(i);
}

// output_delta: delta = ∂loss/∂x of the last layer, by the chain rule ∂loss/∂y · f'. Each invocation computes one element.
//
// Appended to this file: `loss_gradient` (∂loss/∂y), which is defined in src/network/loss; `activation_derivative` (f'), which
// is defined in src/network/activation; `weight`, the sample weight of the row, or 1. They read what their formulas need of
// `sums` (x), `outputs` (y) and `targets` at element i.

struct Params {
    first: u32,    // this dispatch computes the elements first..end
    end: u32,
    columns: u32,  // the number of the network's outputs
    scale: f32,    // 1 / the number of values, or their total weight, in the mean; 1 for a sum
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

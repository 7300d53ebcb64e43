// clip: the factor for all gradients that limits their norm, the root of the sum of their squares. One workgroup.
//
// R. Pascanu, T. Mikolov and Y. Bengio, ICML 2013; the 1e-6 is PyTorch's.

struct Params {
    count: u32,  // the number of partial sums of squares
    limit: f32,  // the maximum norm
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> clip: f32;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = 0.0;
    for (var i = invocation; i < params.count; i += 64u) {
        sum += partials[i];
    }
    partial[invocation] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if invocation < half {
            partial[invocation] += partial[invocation + half];
        }
        workgroupBarrier();
    }
    if invocation == 0u {
        let ratio = params.limit / (sqrt(partial[0]) + 1e-6);
        // If the ratio is NaN, so is a gradient, and the factor 1 leaves it visible.
        clip = select(1.0, ratio, ratio < 1.0);
    }
}

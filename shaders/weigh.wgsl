// weigh: each row's share of the batch's loss: its weight divided by the sum of all weights. One workgroup.
//
// Each invocation sums every 64th weight, then the partial sums are added pairwise, so the order of the additions is fixed. If
// all weights of a batch are 0, so are its shares.

struct Params {
    count: u32,  // the number of rows in the batch
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> shares: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = 0.0;
    for (var i = invocation; i < params.count; i += 64u) {
        sum += weights[i];
    }
    partial[invocation] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if invocation < half {
            partial[invocation] += partial[invocation + half];
        }
        workgroupBarrier();
    }
    for (var i = invocation; i < params.count; i += 64u) {
        shares[i] = select(0.0, weights[i] / partial[0], weights[i] != 0.0);
    }
}

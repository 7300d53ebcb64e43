// square_sum: partial sums of the squares of the gradients. Each workgroup sums 4,096 elements; the clip stage adds the results.
//
// Each invocation sums every 64th element of its part, then the partial sums are added pairwise, so the order of the additions
// is fixed.

struct Params {
    count: u32,  // the number of gradients in the bound range
    part: u32,   // the index of the sum that its first workgroup writes
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
    let end = min((group.x + 1u) * 4096u, params.count);
    var sum = 0.0;
    for (var i = group.x * 4096u + invocation; i < end; i += 64u) {
        sum += gradients[i] * gradients[i];
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
        partials[params.part + group.x] = partial[0];
    }
}

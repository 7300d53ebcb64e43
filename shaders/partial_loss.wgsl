// partial_loss: partial sums of the loss of many elements. Each workgroup sums 4,096 elements; the loss stage adds the results.
//
// `element_loss` is appended to this file. It is defined in src/network/loss, and reads what its formula needs of `sums` (x),
// `outputs` (y) and `targets` at element i. As in the loss stage, each invocation sums every 64th element of its part, then the
// partial sums are added pairwise, so the order of the additions is fixed.

struct Params {
    first: u32,    // this dispatch sums the elements first..end; first is a multiple of 4,096
    end: u32,
    columns: u32,  // the number of the network's outputs
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
    let part = params.first / 4096u + group.x;
    let end = min((part + 1u) * 4096u, params.end);
    var sum = 0.0;
    for (var i = part * 4096u + invocation; i < end; i += 64u) {
        sum += element_loss(i);
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
        partials[part] = partial[0];
    }
}

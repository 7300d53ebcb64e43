// finite: whether all parameters are finite. NaN and infinity are recognised by their bits, because drivers may compare a NaN
// in any way.
//
// Each workgroup checks 4,096 elements, and each of its invocations every 64th of them.

struct Params {
    count: u32,  // parameters in the bound range
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parameters: array<u32>;
@group(0) @binding(2) var<storage, read_write> not_finite: atomic<u32>;  // stays 0 if all are finite

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
    let end = min((group.x + 1u) * 4096u, params.count);
    var found = 0u;
    for (var i = group.x * 4096u + invocation; i < end; i += 64u) {
        // All bits of the exponent.
        found |= u32((parameters[i] & 0x7f800000u) == 0x7f800000u);
    }
    if found == 1u {
        atomicMax(&not_finite, 1u);
    }
}

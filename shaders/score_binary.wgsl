// score_binary: counts outputs by target and by predicted class. Each invocation counts one element.
//
// counts[2 t + p], with the target t and the prediction p, which is 1 if the output is above 0.5. A target that is neither 0
// nor 1 is not counted.

struct Params {
    first: u32,  // this dispatch counts the elements first..end
    end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outputs: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    let t = targets[i];
    if t == 0.0 || t == 1.0 {
        atomicAdd(&counts[2u * u32(t) + u32(outputs[i] > 0.5)], 1u);
    }
}

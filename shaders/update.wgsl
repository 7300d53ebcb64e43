// update: every weight and bias goes against its gradient, in place. One invocation, one parameter, or four neighbours.
//
// All layers' weights and biases lie in one flat buffer, their gradients in another of the same shape, and so does what the
// optimizer keeps of each: this stage walks them together and knows nothing of layers. `update` is appended to this file, the
// choice from src/network/optimizer, with `gradient_of` and `Real`, which is f32 or vec4f. What changes from step to step, like the
// learning rate, is in this step's row of the step table (`Step` is shaders/step.wgsl, appended to this file).

struct Params {
    count: u32,  // parameters in the bound range, in Reals
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> steps: array<Step>;
@group(0) @binding(2) var<storage, read> cursor: u32;
@group(0) @binding(3) var<storage, read> gradients: array<Real>;
@group(0) @binding(4) var<storage, read_write> parameters: array<Real>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= params.count {
        return;
    }
    update(id.x, gradient_of(id.x), steps[cursor]);
}

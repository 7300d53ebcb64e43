// sgd: parameter ← parameter − learning rate · gradient, in place. One invocation, one parameter.
//
// All layers' weights and biases lie in one flat buffer, their gradients in another of the same shape:
// this stage walks both and knows nothing of layers. The learning rate is in this step's row of the step table
// (`Step` is shaders/step.wgsl, appended to this file).

struct Params {
    count: u32,  // parameters in the bound range
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> steps: array<Step>;
@group(0) @binding(2) var<storage, read> cursor: u32;
@group(0) @binding(3) var<storage, read> gradients: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= params.count {
        return;
    }
    parameters[id.x] = parameters[id.x] - steps[cursor].learning_rate * gradients[id.x];
}

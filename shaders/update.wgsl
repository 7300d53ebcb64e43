// update: the optimizer's update of all weights and biases, in place. Each invocation updates one parameter, or four adjacent ones.
//
// The weights and biases of all layers are in one flat buffer. Their gradients and the optimizer's state are in buffers of the
// same layout, so this stage does not need to know about layers.
// Appended to this file: `update`, which src/network/optimizer defines; `gradient_of`, which applies clipping, and `Real`, which
// is f32 or vec4f, both from src/kernel/source.rs; `Step`, the row of the step table with the learning rate of this step.

struct Params {
    count: u32,  // the number of parameters in the bound range, in Reals
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

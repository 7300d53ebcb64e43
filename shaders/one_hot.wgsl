// one_hot: the batch's targets out of the data's class indices: 1 in the column of the row's class, 0 elsewhere.
// One invocation, one element.

struct Params {
    first: u32,    // this dispatch computes the elements first..end of the targets
    end: u32,
    columns: u32,  // how many classes there are
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> classes: array<f32>;
@group(0) @binding(3) var<storage, read_write> targets: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    targets[i] = select(0.0, 1.0, u32(classes[order[i / params.columns]]) == i % params.columns);
}

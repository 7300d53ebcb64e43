// softmax_delta: delta = y (e - Σ e y over the row), in place, with the error e = ∂loss/∂y. Each invocation computes one row.
//
// It follows output_delta for losses that have no combined formula with softmax.

struct Params {
    first: u32,    // this dispatch computes the rows first..end
    end: u32,
    columns: u32,  // the layer's units
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outputs: array<f32>;
@group(0) @binding(2) var<storage, read_write> deltas: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = params.first + id.x;
    if row >= params.end {
        return;
    }
    let start = row * params.columns;
    var sum = 0.0;
    for (var column = 0u; column < params.columns; column++) {
        sum += deltas[start + column] * outputs[start + column];
    }
    for (var column = 0u; column < params.columns; column++) {
        deltas[start + column] = outputs[start + column] * (deltas[start + column] - sum);
    }
}

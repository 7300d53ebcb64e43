// bias_gradient: the sum of each column of the deltas over the rows of the batch. Each invocation computes one column.

struct Params {
    first: u32,      // this dispatch computes the columns first..end
    end: u32,
    columns: u32,    // the layer's units
    row_first: u32,  // and adds the rows row_first..row_end: a long sum takes several dispatches
    row_end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> deltas: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let column = params.first + id.x;
    if column >= params.end {
        return;
    }
    var sum = 0.0;
    if params.row_first > 0u {
        sum = gradient[column];
    }
    for (var row = params.row_first; row < params.row_end; row++) {
        sum += deltas[row * params.columns + column];
    }
    gradient[column] = sum;
}

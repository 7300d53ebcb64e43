// gather: copies the batch's rows from the data. Each workgroup copies one row.
//
// Data that is too long for one binding is split into pieces. A dispatch copies the rows that are in its piece.
// Appended to this file: `Real`, which is f32, vec2f or vec4f, the widest that divides a row; `copy_target`, for classes or for
// numbers; `copy_weight`, which does nothing if rows have no weights.

struct Params {
    first: u32,        // the first row of the batch that this dispatch writes
    columns: u32,      // the number of Reals in a row of the inputs
    outputs: u32,      // the number of columns of the targets
    piece_first: u32,  // the rows of the data in this piece
    piece_end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> data_inputs: array<Real>;
@group(0) @binding(3) var<storage, read> data_targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> inputs: array<Real>;
@group(0) @binding(5) var<storage, read_write> targets: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
    let to = params.first + group.x;
    let row = order[to];
    if row < params.piece_first || row >= params.piece_end {
        return;
    }
    let source = row - params.piece_first;
    for (var column = invocation; column < params.columns; column += 64u) {
        inputs[to * params.columns + column] = data_inputs[source * params.columns + column];
    }
    for (var column = invocation; column < params.outputs; column += 64u) {
        copy_target(source, to, column);
    }
    if invocation == 0u {
        copy_weight(source, to);
    }
}

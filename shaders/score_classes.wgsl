// score_classes: counts which class each row was taken for. One invocation, one row.
//
// counts[r]: the rows whose own class has the r-th largest output, from 0: r = 0 is right, r < k is among the k largest. Of equal
// outputs the first is the larger. Behind these, where it is asked for, the confusion matrix: a row for the class that it
// is, a column for the one it was taken for. Counting needs no order of additions: the numbers are whole.

struct Params {
    first: u32,      // this dispatch looks at the rows first..end
    end: u32,
    columns: u32,    // how many classes there are
    confusion: u32,  // 1 if the confusion matrix is asked for
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outputs: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = params.first + id.x;
    if row >= params.end {
        return;
    }
    let start = row * params.columns;
    var own = 0u;
    var taken = 0u;
    for (var column = 1u; column < params.columns; column++) {
        if targets[start + column] > targets[start + own] {
            own = column;
        }
        if outputs[start + column] > outputs[start + taken] {
            taken = column;
        }
    }
    // Asked this way round because a NaN is not among the largest.
    let y = outputs[start + own];
    var rank = 0u;
    for (var column = 0u; column < params.columns; column++) {
        let other = outputs[start + column];
        let before = (column < own && !(other < y)) || (column > own && !(other <= y));
        rank += u32(before);
    }
    atomicAdd(&counts[rank], 1u);
    if params.confusion == 1u {
        atomicAdd(&counts[params.columns + own * params.columns + taken], 1u);
    }
}

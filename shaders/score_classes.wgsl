// score_classes: counts rows by the rank of their true class, and by true and predicted class. Each invocation counts one row.
//
// counts[r] is the number of rows whose true class has the r-th largest output, from 0: r = 0 is a correct prediction, and
// r < k is among the top k. Of equal outputs, the first ranks higher. The confusion matrix follows, if it is requested, with a
// row for each true class and a column for each predicted class. Counts are integers, so the order of additions does not matter.

struct Params {
    first: u32,      // this dispatch counts the rows first..end
    end: u32,
    columns: u32,    // the number of classes
    confusion: u32,  // 1 if the confusion matrix is requested
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
    // In this form, a NaN does not rank among the largest.
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

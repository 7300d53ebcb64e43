// softmax: x = product + bias, then y = e^x / Σ e^x over the row. Each invocation computes one row.
//
// The largest x is subtracted first, so that nothing overflows. `sums` holds the matrix product before, and ln y after, which is
// x minus the logarithm of the sum. The loss reads it, because y itself may have become 0. `log_of_1_plus` is appended from
// shaders/math.wgsl.

struct Params {
    first: u32,    // this dispatch computes the rows first..end
    end: u32,
    columns: u32,  // the layer's units
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> outputs: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = params.first + id.x;
    if row >= params.end {
        return;
    }
    let start = row * params.columns;
    var largest = 0u;
    var most = sums[start] + bias[0];
    sums[start] = most;
    for (var column = 1u; column < params.columns; column++) {
        let x = sums[start + column] + bias[column];
        sums[start + column] = x;
        if x > most {
            most = x;
            largest = column;
        }
    }
    // The largest itself contributes 1.
    var others = 0.0;
    for (var column = 0u; column < params.columns; column++) {
        if column != largest {
            others += exp(sums[start + column] - most);
        }
    }
    let log_of_sum = select(log(1.0 + others), log_of_1_plus(min(others, 1.0)), others <= 1.0);
    for (var column = 0u; column < params.columns; column++) {
        let x = sums[start + column] - most;
        sums[start + column] = x - log_of_sum;
        outputs[start + column] = exp(x) / (1.0 + others);
    }
}

// sum_slices: adds the slices of a product in order. Each invocation computes one element.

struct Params {
    first: u32,  // this dispatch computes the elements first..end of c, counted row by row
    end: u32,
    rows: u32,  // the number of rows of c, without the one for the bias
    columns: u32,  // the number of columns of c
    slices: u32,  // the number of slices, one after the other
    bias: u32,  // the index of the bias, counted from the weight's first element
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> deltas: array<f32>;
@group(0) @binding(3) var<storage, read> outputs: array<f32>;

// tanh
fn activation_derivative(x: f32, y: f32) -> f32 {
    return 1.0 - y * y;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let element = params.first + id.x;
    if element >= params.end {
        return;
    }
    let columns = params.columns;
    let row = element / columns;
    let column = element % columns;
    let size = params.rows * columns;
    var sum = 0.0;
    for (var slice = 0u; slice < params.slices; slice++) {
        sum += partial[slice * size + element];
    }
    let i = row * columns + column;
    const x = f32();
    let y = outputs[i];
    deltas[i] = sum * activation_derivative(x, y);
}

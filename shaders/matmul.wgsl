// matmul: the matrix product c = a·b; with other strides, aᵀ·b and a·bᵀ. Each invocation computes one element of c.
//
//   c(row, column) = Σ over k of a(row, k) · b(k, column)
//
// The three products of a training step differ only in their strides. With c of shape (M, N) and a sum over K:
//
//   a·b    the forward pass       a_row = K, a_k = 1     b_k = N, b_column = 1
//   aᵀ·b   the weight gradient    a_row = 1, a_k = M     b_k = N, b_column = 1
//   a·bᵀ   the error passed back  a_row = K, a_k = 1     b_k = 1, b_column = K

struct Params {
    first: u32,     // this dispatch computes the elements first..end of c, counted row by row
    end: u32,
    columns: u32,   // the number of columns of c
    k_first: u32,   // and adds the terms k_first..k_end: a long sum takes several dispatches
    k_end: u32,
    a_row: u32,     // from one row of a to the next
    a_k: u32,       // from one term to the next in a
    b_k: u32,       // from one term to the next in b
    b_column: u32,  // from one column of b to the next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let element = params.first + id.x;
    if element >= params.end {
        return;
    }
    let row = element / params.columns;
    let column = element % params.columns;
    var sum = 0.0;
    if params.k_first > 0u {
        sum = c[element];
    }
    for (var k = params.k_first; k < params.k_end; k++) {
        sum += a[row * params.a_row + k * params.a_k] * b[k * params.b_k + column * params.b_column];
    }
    c[element] = sum;
}

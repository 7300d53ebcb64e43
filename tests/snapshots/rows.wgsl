// A matrix product by rows: each invocation computes 8 rows and 4 columns of c in registers.
// c(row, column) = Σ over k of a(row, k) · b(k, column), with c: (M, N), a: (M, K), b: (K, N).

struct Params {
    rows: u32,  // the number of rows of c, M
    columns: u32,  // the number of columns of c, N
    terms: u32,  // the number of terms of each sum, K
    row_first: u32,  // this dispatch computes the rows row_first..row_end
    row_end: u32,
    column_first: u32,  // and the columns from this one
    slice_first: u32,  // and the slices of the sums from this one
    slice_terms: u32,  // the terms of a slice; slice z begins at term z · slice_terms
    bias: u32,  // the index of the bias, counted from the weight's first element
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec2f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> outputs: array<f32>;

// sigmoid
fn activation(x: f32) -> f32 {
    return select(exp(-abs(x)), 1.0, x >= 0.0) / (1.0 + exp(-abs(x)));
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
    let columns = params.columns;
    let terms = params.terms;
    let first_row = params.row_first + group.x * 8u;
    let first_column = params.column_first + (group.y * 8u + lane) * 4u;
    let slice = params.slice_first + group.z;
    let k_first = slice * params.slice_terms;
    let k_end = min(k_first + params.slice_terms, terms);
    // Each lane loads the four terms of one row of a.
    let a_row = first_row + lane;
    var c0 = vec4f();
    var c1 = vec4f();
    var c2 = vec4f();
    var c3 = vec4f();
    var c4 = vec4f();
    var c5 = vec4f();
    var c6 = vec4f();
    var c7 = vec4f();
    for (var k = k_first; k < k_end; k += 4u) {
        let a0 = a[((a_row + 0u) * terms + k) / 4u];
        let b0 = vec4f(b[((k + 0u) * columns + first_column) / 2u], b[((k + 0u) * columns + first_column) / 2u + 1u]);
        let b1 = vec4f(b[((k + 1u) * columns + first_column) / 2u], b[((k + 1u) * columns + first_column) / 2u + 1u]);
        let b2 = vec4f(b[((k + 2u) * columns + first_column) / 2u], b[((k + 2u) * columns + first_column) / 2u + 1u]);
        let b3 = vec4f(b[((k + 3u) * columns + first_column) / 2u], b[((k + 3u) * columns + first_column) / 2u + 1u]);
        c0 += subgroupBroadcast(a0.x, 0u) * b0 + subgroupBroadcast(a0.y, 0u) * b1 + subgroupBroadcast(a0.z, 0u) * b2 + subgroupBroadcast(a0.w, 0u) * b3;
        c1 += subgroupBroadcast(a0.x, 1u) * b0 + subgroupBroadcast(a0.y, 1u) * b1 + subgroupBroadcast(a0.z, 1u) * b2 + subgroupBroadcast(a0.w, 1u) * b3;
        c2 += subgroupBroadcast(a0.x, 2u) * b0 + subgroupBroadcast(a0.y, 2u) * b1 + subgroupBroadcast(a0.z, 2u) * b2 + subgroupBroadcast(a0.w, 2u) * b3;
        c3 += subgroupBroadcast(a0.x, 3u) * b0 + subgroupBroadcast(a0.y, 3u) * b1 + subgroupBroadcast(a0.z, 3u) * b2 + subgroupBroadcast(a0.w, 3u) * b3;
        c4 += subgroupBroadcast(a0.x, 4u) * b0 + subgroupBroadcast(a0.y, 4u) * b1 + subgroupBroadcast(a0.z, 4u) * b2 + subgroupBroadcast(a0.w, 4u) * b3;
        c5 += subgroupBroadcast(a0.x, 5u) * b0 + subgroupBroadcast(a0.y, 5u) * b1 + subgroupBroadcast(a0.z, 5u) * b2 + subgroupBroadcast(a0.w, 5u) * b3;
        c6 += subgroupBroadcast(a0.x, 6u) * b0 + subgroupBroadcast(a0.y, 6u) * b1 + subgroupBroadcast(a0.z, 6u) * b2 + subgroupBroadcast(a0.w, 6u) * b3;
        c7 += subgroupBroadcast(a0.x, 7u) * b0 + subgroupBroadcast(a0.y, 7u) * b1 + subgroupBroadcast(a0.z, 7u) * b2 + subgroupBroadcast(a0.w, 7u) * b3;
    }
    let row_end = min(first_row + 8u, params.row_end);
    // Each row in turn is moved to the first registers, so that one copy of this code serves all rows.
    for (var row = first_row; row < row_end; row++) {
        if first_column + 0u < columns {
            let column = first_column + 0u;
            let i = row * columns + column;
            let x = c0.x + bias[column];
            outputs[i] = activation(x);
        }
        if first_column + 1u < columns {
            let column = first_column + 1u;
            let i = row * columns + column;
            let x = c0.y + bias[column];
            outputs[i] = activation(x);
        }
        if first_column + 2u < columns {
            let column = first_column + 2u;
            let i = row * columns + column;
            let x = c0.z + bias[column];
            outputs[i] = activation(x);
        }
        if first_column + 3u < columns {
            let column = first_column + 3u;
            let i = row * columns + column;
            let x = c0.w + bias[column];
            outputs[i] = activation(x);
        }
        c0 = c1;
        c1 = c2;
        c2 = c3;
        c3 = c4;
        c4 = c5;
        c5 = c6;
        c6 = c7;
    }
}

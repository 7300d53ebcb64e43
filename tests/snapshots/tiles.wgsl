// A matrix product by tiles: each workgroup computes 16 rows and 64 columns of c. It loads 16 terms at a time into
// workgroup memory. Each of its invocations computes 4 rows and 4 columns in registers.
// c(row, column) = Σ over k of a(row, k) · b(k, column), with c: (M, N), aᵀ, a: (K, M), b: (K, N).
// a has an additional row of ones. Its products are the sums of b's columns, the gradient of the bias.

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
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> steps: array<Step>;
@group(0) @binding(4) var<storage, read> cursor: u32;
@group(0) @binding(5) var<storage, read_write> parameters: array<vec4f>;

alias Real = vec4f;

// sgd: parameter = parameter - learning_rate · gradient

fn update(i: u32, gradient: Real, step: Step) {
    let g = gradient;
    parameters[i] = parameters[i] - step.learning_rate * g;
}

// step: a row of the step table, which is uploaded before a run. It holds everything that differs from step to step, so that
// the same dispatches serve all steps. A cursor on the device counts the steps. Appended to the stages that read it.

struct Step {
    learning_rate: f32,
    correction_1: f32,  // the divisors of the optimizer's first and second moment
    correction_2: f32,
    loss_slot: u32,     // the index in `losses` of this step's loss
    adds: u32,          // 1 if it is added to the value there, 0 for the first step of an epoch
    first: u32,         // the position of the batch's first row in the epoch's order
    epoch: u32,         // the epoch, and the step in it: random numbers depend on both
    batch: u32,
}

// Each element has four adjacent rows of a, or columns of b. The term is a separate index: it is a constant in the
// unrolled loop, so one bounds check of the other index serves all terms.
var<workgroup> tile_a: array<array<vec4f, 4>, 16>;
var<workgroup> tile_b: array<array<vec4f, 16>, 16>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
    let columns = params.columns;
    let terms = params.terms;
    let across = invocation % 16u;
    let down = invocation / 16u;
    let tile_row = params.row_first + group.x * 16u;
    let tile_column = params.column_first + group.y * 64u;
    let slice = params.slice_first + group.z;
    let k_first = slice * params.slice_terms;
    let k_end = min(k_first + params.slice_terms, terms);
    var c0_0 = vec4f();
    var c1_0 = vec4f();
    var c2_0 = vec4f();
    var c3_0 = vec4f();
    for (var k = k_first; k < k_end; k += 16u) {
        if invocation < 16u {
            {
                let quad = invocation % 4u;
                let term = invocation / 4u * 4u;
                let first_term = k + term;
                let first = tile_row + quad * 4u;
                let at0 = (first_term + 0u) * params.rows + first;
                let v0 = select(vec4f(), select(a[(at0) / 4u], vec4f(1.0), vec4u(first, first + 1u, first + 2u, first + 3u) >= vec4u(params.rows)), first_term + 0u < k_end);
                let at1 = (first_term + 1u) * params.rows + first;
                let v1 = select(vec4f(), select(a[(at1) / 4u], vec4f(1.0), vec4u(first, first + 1u, first + 2u, first + 3u) >= vec4u(params.rows)), first_term + 1u < k_end);
                let at2 = (first_term + 2u) * params.rows + first;
                let v2 = select(vec4f(), select(a[(at2) / 4u], vec4f(1.0), vec4u(first, first + 1u, first + 2u, first + 3u) >= vec4u(params.rows)), first_term + 2u < k_end);
                let at3 = (first_term + 3u) * params.rows + first;
                let v3 = select(vec4f(), select(a[(at3) / 4u], vec4f(1.0), vec4u(first, first + 1u, first + 2u, first + 3u) >= vec4u(params.rows)), first_term + 3u < k_end);
                tile_a[term + 0u][quad] = v0;
                tile_a[term + 1u][quad] = v1;
                tile_a[term + 2u][quad] = v2;
                tile_a[term + 3u][quad] = v3;
            }
        } else {
            {
                let quad = (invocation - 16u) % 16u;
                let term = (invocation - 16u) / 16u * 4u;
                let first_term = k + term;
                let first = tile_column + quad * 4u;
                let at0 = (first_term + 0u) * columns + first;
                let v0 = select(vec4f(), b[(at0) / 4u], first_term + 0u < k_end);
                let at1 = (first_term + 1u) * columns + first;
                let v1 = select(vec4f(), b[(at1) / 4u], first_term + 1u < k_end);
                let at2 = (first_term + 2u) * columns + first;
                let v2 = select(vec4f(), b[(at2) / 4u], first_term + 2u < k_end);
                let at3 = (first_term + 3u) * columns + first;
                let v3 = select(vec4f(), b[(at3) / 4u], first_term + 3u < k_end);
                tile_b[term + 0u][quad] = v0;
                tile_b[term + 1u][quad] = v1;
                tile_b[term + 2u][quad] = v2;
                tile_b[term + 3u][quad] = v3;
            }
        }
        if (invocation + 64u) < 80u {
            {
                let quad = ((invocation + 64u) - 16u) % 16u;
                let term = ((invocation + 64u) - 16u) / 16u * 4u;
                let first_term = k + term;
                let first = tile_column + quad * 4u;
                let at0 = (first_term + 0u) * columns + first;
                let v0 = select(vec4f(), b[(at0) / 4u], first_term + 0u < k_end);
                let at1 = (first_term + 1u) * columns + first;
                let v1 = select(vec4f(), b[(at1) / 4u], first_term + 1u < k_end);
                let at2 = (first_term + 2u) * columns + first;
                let v2 = select(vec4f(), b[(at2) / 4u], first_term + 2u < k_end);
                let at3 = (first_term + 3u) * columns + first;
                let v3 = select(vec4f(), b[(at3) / 4u], first_term + 3u < k_end);
                tile_b[term + 0u][quad] = v0;
                tile_b[term + 1u][quad] = v1;
                tile_b[term + 2u][quad] = v2;
                tile_b[term + 3u][quad] = v3;
            }
        }
        workgroupBarrier();
        let a0_0 = tile_a[0][down * 1u + 0u];
        let b0_0 = tile_b[0][0u + across];
        c0_0 += a0_0.x * b0_0;
        c1_0 += a0_0.y * b0_0;
        c2_0 += a0_0.z * b0_0;
        c3_0 += a0_0.w * b0_0;
        let a1_0 = tile_a[1][down * 1u + 0u];
        let b1_0 = tile_b[1][0u + across];
        c0_0 += a1_0.x * b1_0;
        c1_0 += a1_0.y * b1_0;
        c2_0 += a1_0.z * b1_0;
        c3_0 += a1_0.w * b1_0;
        let a2_0 = tile_a[2][down * 1u + 0u];
        let b2_0 = tile_b[2][0u + across];
        c0_0 += a2_0.x * b2_0;
        c1_0 += a2_0.y * b2_0;
        c2_0 += a2_0.z * b2_0;
        c3_0 += a2_0.w * b2_0;
        let a3_0 = tile_a[3][down * 1u + 0u];
        let b3_0 = tile_b[3][0u + across];
        c0_0 += a3_0.x * b3_0;
        c1_0 += a3_0.y * b3_0;
        c2_0 += a3_0.z * b3_0;
        c3_0 += a3_0.w * b3_0;
        let a4_0 = tile_a[4][down * 1u + 0u];
        let b4_0 = tile_b[4][0u + across];
        c0_0 += a4_0.x * b4_0;
        c1_0 += a4_0.y * b4_0;
        c2_0 += a4_0.z * b4_0;
        c3_0 += a4_0.w * b4_0;
        let a5_0 = tile_a[5][down * 1u + 0u];
        let b5_0 = tile_b[5][0u + across];
        c0_0 += a5_0.x * b5_0;
        c1_0 += a5_0.y * b5_0;
        c2_0 += a5_0.z * b5_0;
        c3_0 += a5_0.w * b5_0;
        let a6_0 = tile_a[6][down * 1u + 0u];
        let b6_0 = tile_b[6][0u + across];
        c0_0 += a6_0.x * b6_0;
        c1_0 += a6_0.y * b6_0;
        c2_0 += a6_0.z * b6_0;
        c3_0 += a6_0.w * b6_0;
        let a7_0 = tile_a[7][down * 1u + 0u];
        let b7_0 = tile_b[7][0u + across];
        c0_0 += a7_0.x * b7_0;
        c1_0 += a7_0.y * b7_0;
        c2_0 += a7_0.z * b7_0;
        c3_0 += a7_0.w * b7_0;
        let a8_0 = tile_a[8][down * 1u + 0u];
        let b8_0 = tile_b[8][0u + across];
        c0_0 += a8_0.x * b8_0;
        c1_0 += a8_0.y * b8_0;
        c2_0 += a8_0.z * b8_0;
        c3_0 += a8_0.w * b8_0;
        let a9_0 = tile_a[9][down * 1u + 0u];
        let b9_0 = tile_b[9][0u + across];
        c0_0 += a9_0.x * b9_0;
        c1_0 += a9_0.y * b9_0;
        c2_0 += a9_0.z * b9_0;
        c3_0 += a9_0.w * b9_0;
        let a10_0 = tile_a[10][down * 1u + 0u];
        let b10_0 = tile_b[10][0u + across];
        c0_0 += a10_0.x * b10_0;
        c1_0 += a10_0.y * b10_0;
        c2_0 += a10_0.z * b10_0;
        c3_0 += a10_0.w * b10_0;
        let a11_0 = tile_a[11][down * 1u + 0u];
        let b11_0 = tile_b[11][0u + across];
        c0_0 += a11_0.x * b11_0;
        c1_0 += a11_0.y * b11_0;
        c2_0 += a11_0.z * b11_0;
        c3_0 += a11_0.w * b11_0;
        let a12_0 = tile_a[12][down * 1u + 0u];
        let b12_0 = tile_b[12][0u + across];
        c0_0 += a12_0.x * b12_0;
        c1_0 += a12_0.y * b12_0;
        c2_0 += a12_0.z * b12_0;
        c3_0 += a12_0.w * b12_0;
        let a13_0 = tile_a[13][down * 1u + 0u];
        let b13_0 = tile_b[13][0u + across];
        c0_0 += a13_0.x * b13_0;
        c1_0 += a13_0.y * b13_0;
        c2_0 += a13_0.z * b13_0;
        c3_0 += a13_0.w * b13_0;
        let a14_0 = tile_a[14][down * 1u + 0u];
        let b14_0 = tile_b[14][0u + across];
        c0_0 += a14_0.x * b14_0;
        c1_0 += a14_0.y * b14_0;
        c2_0 += a14_0.z * b14_0;
        c3_0 += a14_0.w * b14_0;
        let a15_0 = tile_a[15][down * 1u + 0u];
        let b15_0 = tile_b[15][0u + across];
        c0_0 += a15_0.x * b15_0;
        c1_0 += a15_0.y * b15_0;
        c2_0 += a15_0.z * b15_0;
        c3_0 += a15_0.w * b15_0;
        // The next iteration overwrites what others may still read.
        workgroupBarrier();
    }
    let first_row = tile_row + down * 4u;
    let row_end = min(first_row + 4u, params.row_end);
    let column0 = tile_column + 0u + across * 4u;
    let step = steps[cursor];
    // Each row in turn is moved to the first registers, so that one copy of this code serves all rows.
    for (var row = first_row; row < row_end; row++) {
        if column0 < columns {
            let column = column0;
            let i = (select(row * columns, params.bias, row == params.rows) + column) / 4u;
            update(i, c0_0, step);
        }
        c0_0 = c1_0;
        c1_0 = c2_0;
        c2_0 = c3_0;
    }
}

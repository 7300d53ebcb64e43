// Many epochs of training in one dispatch: each group of 16 invocations holds one network in registers.
//
// The network: 4 inputs, 16 units (tanh), 3 units (softmax). Loss: mean_squared_error. Optimizer: sgd.
// 150 rows, 4 in each step.
//
// Names: w1_0 are the weights from input 0 of layer 1 to the units that the invocation holds, and b1 their biases;
// z1 are their sums before the activation, y1 the outputs after it, e1 the errors (∂loss/∂y1), d1 the deltas (∂loss/∂z1);
// the prefix g_ marks a gradient. Layers, inputs and rows are counted from 0.

struct Params {
    networks: u32,     // the number of networks in the buffers
    first: u32,        // this dispatch trains the networks first..end
    end: u32,
    epochs: u32,       // the number of epochs
    first_epoch: u32,  // the number of epochs trained before
    every: u32,        // one loss in this many epochs is kept
    wait: u32,         // the number of epochs before the first of them
    slot: u32,         // the slot of the first of them
    words: u32,        // the number of words that an invocation holds; a word has four numbers
}

struct Member {
    learning_rate: f32,
    weight_decay: f32,
    loss_scale: f32,   // 1 / the number of values, or their total weight, in the logged loss
    rows: f32,         // the number of rows
    epochs: u32,       // its last epoch
    weights: u32,      // the index where the weights of its rows begin
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> members: array<Member>;
@group(0) @binding(2) var<storage, read> inputs: array<vec4f>;
@group(0) @binding(3) var<storage, read> targets: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;
var<workgroup> all_weights_1: array<f32, 192>;
var<workgroup> all_a1: array<f32, 64>;
var<workgroup> all_sum: array<f32, 12>;
var<workgroup> all_share: array<f32, 12>;
var<workgroup> all_all_products: array<f32, 12>;
var<workgroup> all_all_d1: array<f32, 12>;
var<workgroup> all_losses: array<f32, 12>;

fn activation_tanh(x: f32) -> f32 {
    return select(tanh(x), sign(x), abs(x) > 10.0);
}

fn derivative_tanh(x: f32, y: f32) -> f32 {
    return 1.0 - y * y;
}

// mean_squared_error
fn loss_value(x: f32, y: f32, t: f32) -> f32 {
    return (y - t) * (y - t);
}

// 2 (y - t)
fn loss_gradient(x: f32, y: f32, t: f32) -> f32 {
    return 2.0 * (y - t);
}

struct Step {
    learning_rate: f32,
    correction_1: f32,
    correction_2: f32,
}

// sgd: parameter = parameter - learning_rate · gradient
fn update_f32(parameters: ptr<function, f32>, gradient: f32, step: Step) {
    let g = gradient;
    (*parameters) = (*parameters) - step.learning_rate * g;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
    let lane = invocation % 16u;
    let member_of_group = invocation / 16u;
    let place = params.first + group.x * 4u + member_of_group;
    // All invocations of a workgroup must reach its barriers; those beyond the last network write nothing.
    let exists = place < params.end;
    let network = min(place, params.end - 1u);
    let member = members[network];

    // From here to the end of the dispatch, the network is in registers.
    let word_0 = parameters[(network * 6u + 0u) * 16u + lane];
    var w0_0 = word_0.x;
    var w0_1 = word_0.y;
    var w0_2 = word_0.z;
    var w0_3 = word_0.w;
    let word_1 = parameters[(network * 6u + 1u) * 16u + lane];
    var b0 = word_1.x;
    var w1_0 = word_1.y;
    var w1_1 = word_1.z;
    var w1_2 = word_1.w;
    let word_2 = parameters[(network * 6u + 2u) * 16u + lane];
    var w1_3 = word_2.x;
    var w1_4 = word_2.y;
    var w1_5 = word_2.z;
    var w1_6 = word_2.w;
    let word_3 = parameters[(network * 6u + 3u) * 16u + lane];
    var w1_7 = word_3.x;
    var w1_8 = word_3.y;
    var w1_9 = word_3.z;
    var w1_10 = word_3.w;
    let word_4 = parameters[(network * 6u + 4u) * 16u + lane];
    var w1_11 = word_4.x;
    var w1_12 = word_4.y;
    var w1_13 = word_4.z;
    var w1_14 = word_4.w;
    let word_5 = parameters[(network * 6u + 5u) * 16u + lane];
    var w1_15 = word_5.x;
    var b1 = word_5.y;
    var slot = params.slot;
    var wait = params.wait;
    var last_loss = losses[network];
    if lane < 3u {
        all_weights_1[(member_of_group * 16u + 0u) * 3u + lane * 1u + 0u] = w1_0;
        all_weights_1[(member_of_group * 16u + 1u) * 3u + lane * 1u + 0u] = w1_1;
        all_weights_1[(member_of_group * 16u + 2u) * 3u + lane * 1u + 0u] = w1_2;
        all_weights_1[(member_of_group * 16u + 3u) * 3u + lane * 1u + 0u] = w1_3;
        all_weights_1[(member_of_group * 16u + 4u) * 3u + lane * 1u + 0u] = w1_4;
        all_weights_1[(member_of_group * 16u + 5u) * 3u + lane * 1u + 0u] = w1_5;
        all_weights_1[(member_of_group * 16u + 6u) * 3u + lane * 1u + 0u] = w1_6;
        all_weights_1[(member_of_group * 16u + 7u) * 3u + lane * 1u + 0u] = w1_7;
        all_weights_1[(member_of_group * 16u + 8u) * 3u + lane * 1u + 0u] = w1_8;
        all_weights_1[(member_of_group * 16u + 9u) * 3u + lane * 1u + 0u] = w1_9;
        all_weights_1[(member_of_group * 16u + 10u) * 3u + lane * 1u + 0u] = w1_10;
        all_weights_1[(member_of_group * 16u + 11u) * 3u + lane * 1u + 0u] = w1_11;
        all_weights_1[(member_of_group * 16u + 12u) * 3u + lane * 1u + 0u] = w1_12;
        all_weights_1[(member_of_group * 16u + 13u) * 3u + lane * 1u + 0u] = w1_13;
        all_weights_1[(member_of_group * 16u + 14u) * 3u + lane * 1u + 0u] = w1_14;
        all_weights_1[(member_of_group * 16u + 15u) * 3u + lane * 1u + 0u] = w1_15;
    }
    workgroupBarrier();

    // An epoch: in each batch, the gradients of all rows are added, then the weights and biases are updated.
    for (var epoch = 0u; epoch < params.epochs; epoch++) {
        var loss = 0.0;
        for (var first = 0u; first < 150u; first += 4u) {
            let end = min(first + 4u, 150u);
            var g_w0_0 = f32();
            var g_w0_1 = f32();
            var g_w0_2 = f32();
            var g_w0_3 = f32();
            var g_b0 = f32();
            var g_w1_0 = f32();
            var g_w1_1 = f32();
            var g_w1_2 = f32();
            var g_w1_3 = f32();
            var g_w1_4 = f32();
            var g_w1_5 = f32();
            var g_w1_6 = f32();
            var g_w1_7 = f32();
            var g_w1_8 = f32();
            var g_w1_9 = f32();
            var g_w1_10 = f32();
            var g_w1_11 = f32();
            var g_w1_12 = f32();
            var g_w1_13 = f32();
            var g_w1_14 = f32();
            var g_w1_15 = f32();
            var g_b1 = f32();
            let turned1_0 = all_weights_1[(member_of_group * 16u + min(lane * 1u + 0u, 15u)) * 3u + 0u];
            let turned1_1 = all_weights_1[(member_of_group * 16u + min(lane * 1u + 0u, 15u)) * 3u + 1u];
            let turned1_2 = all_weights_1[(member_of_group * 16u + min(lane * 1u + 0u, 15u)) * 3u + 2u];
            for (var place = first; place < end; place++) {
                let row = place;
                let x_0 = inputs[row * 1u + 0u];
                let targets_0 = targets[(row * 16u + lane) * 1u + 0u];
                // forward
                let z0 = b0 + x_0.x * w0_0 + x_0.y * w0_1 + x_0.z * w0_2 + x_0.w * w0_3;
                let y0 = activation_tanh(z0);
                all_a1[member_of_group * 16u + lane * 1u + 0u] = y0;
                workgroupBarrier();
                let a1_0 = all_a1[member_of_group * 16u + 0u];
                let a1_1 = all_a1[member_of_group * 16u + 1u];
                let a1_2 = all_a1[member_of_group * 16u + 2u];
                let a1_3 = all_a1[member_of_group * 16u + 3u];
                let a1_4 = all_a1[member_of_group * 16u + 4u];
                let a1_5 = all_a1[member_of_group * 16u + 5u];
                let a1_6 = all_a1[member_of_group * 16u + 6u];
                let a1_7 = all_a1[member_of_group * 16u + 7u];
                let a1_8 = all_a1[member_of_group * 16u + 8u];
                let a1_9 = all_a1[member_of_group * 16u + 9u];
                let a1_10 = all_a1[member_of_group * 16u + 10u];
                let a1_11 = all_a1[member_of_group * 16u + 11u];
                let a1_12 = all_a1[member_of_group * 16u + 12u];
                let a1_13 = all_a1[member_of_group * 16u + 13u];
                let a1_14 = all_a1[member_of_group * 16u + 14u];
                let a1_15 = all_a1[member_of_group * 16u + 15u];
                var z1 = b1;
                z1 += a1_0 * w1_0 + a1_1 * w1_1 + a1_2 * w1_2 + a1_3 * w1_3;
                z1 += a1_4 * w1_4 + a1_5 * w1_5 + a1_6 * w1_6 + a1_7 * w1_7;
                z1 += a1_8 * w1_8 + a1_9 * w1_9 + a1_10 * w1_10 + a1_11 * w1_11;
                z1 += a1_12 * w1_12 + a1_13 * w1_13 + a1_14 * w1_14 + a1_15 * w1_15;
                if lane < 3u { all_sum[member_of_group * 3u + lane * 1u + 0u] = z1; }
                workgroupBarrier();
                let sum_0 = all_sum[member_of_group * 3u + 0u];
                let sum_1 = all_sum[member_of_group * 3u + 1u];
                let sum_2 = all_sum[member_of_group * 3u + 2u];
                var largest = 0u;
                var most = sum_0;
                largest = select(largest, 1u, sum_1 > most);
                most = select(most, sum_1, sum_1 > most);
                largest = select(largest, 2u, sum_2 > most);
                most = select(most, sum_2, sum_2 > most);
                let power = exp(z1 - most);
                if lane < 3u { all_share[member_of_group * 3u + lane * 1u + 0u] = power; }
                workgroupBarrier();
                let share_0 = all_share[member_of_group * 3u + 0u];
                let share_1 = all_share[member_of_group * 3u + 1u];
                let share_2 = all_share[member_of_group * 3u + 2u];
                // The largest itself contributes 1.
                var others = 0.0;
                others += select(share_0, 0.0, largest == 0u);
                others += select(share_1, 0.0, largest == 1u);
                others += select(share_2, 0.0, largest == 2u);
                let log_of_sum = select(log(1.0 + others), log_of_1_plus(min(others, 1.0)), others <= 1.0);
                let log_y = z1 - most - log_of_sum;
                let y1 = power / (1.0 + others);
                // loss and delta of the last layer
                loss += select(0.0, loss_value(log_y, y1, targets_0.x), lane < 3u);
                let error1 = select(f32(), loss_gradient(log_y, y1, targets_0.x), lane < 3u);
                let product = error1 * y1;
                if lane < 3u { all_all_products[member_of_group * 3u + lane * 1u + 0u] = product; }
                workgroupBarrier();
                let all_products_0 = all_all_products[member_of_group * 3u + 0u];
                let all_products_1 = all_all_products[member_of_group * 3u + 1u];
                let all_products_2 = all_all_products[member_of_group * 3u + 2u];
                let sum_of_products = all_products_0 + all_products_1 + all_products_2;
                let d1 = y1 * (error1 - sum_of_products);
                // gradients
                g_w1_0 += a1_0 * d1;
                g_w1_1 += a1_1 * d1;
                g_w1_2 += a1_2 * d1;
                g_w1_3 += a1_3 * d1;
                g_w1_4 += a1_4 * d1;
                g_w1_5 += a1_5 * d1;
                g_w1_6 += a1_6 * d1;
                g_w1_7 += a1_7 * d1;
                g_w1_8 += a1_8 * d1;
                g_w1_9 += a1_9 * d1;
                g_w1_10 += a1_10 * d1;
                g_w1_11 += a1_11 * d1;
                g_w1_12 += a1_12 * d1;
                g_w1_13 += a1_13 * d1;
                g_w1_14 += a1_14 * d1;
                g_w1_15 += a1_15 * d1;
                g_b1 += d1;
                // backward
                if lane < 3u { all_all_d1[member_of_group * 3u + lane * 1u + 0u] = d1; }
                workgroupBarrier();
                let all_d1_0 = all_all_d1[member_of_group * 3u + 0u];
                let all_d1_1 = all_all_d1[member_of_group * 3u + 1u];
                let all_d1_2 = all_all_d1[member_of_group * 3u + 2u];
                let e0 = all_d1_0 * turned1_0 + all_d1_1 * turned1_1 + all_d1_2 * turned1_2;
                let d0 = e0 * derivative_tanh(z0, y0);
                // gradients
                g_w0_0 += x_0.x * d0;
                g_w0_1 += x_0.y * d0;
                g_w0_2 += x_0.z * d0;
                g_w0_3 += x_0.w * d0;
                g_b0 += d0;
            }
            // The gradient of the mean, not of the sum.
            let scale = 1.0 / (f32(end - first) * 3.0);
            let step = Step(member.learning_rate, 1.0, 1.0);
            // update
            update_f32(&w0_0, g_w0_0 * scale, step);
            update_f32(&w0_1, g_w0_1 * scale, step);
            update_f32(&w0_2, g_w0_2 * scale, step);
            update_f32(&w0_3, g_w0_3 * scale, step);
            update_f32(&b0, g_b0 * scale, step);
            update_f32(&w1_0, g_w1_0 * scale, step);
            update_f32(&w1_1, g_w1_1 * scale, step);
            update_f32(&w1_2, g_w1_2 * scale, step);
            update_f32(&w1_3, g_w1_3 * scale, step);
            update_f32(&w1_4, g_w1_4 * scale, step);
            update_f32(&w1_5, g_w1_5 * scale, step);
            update_f32(&w1_6, g_w1_6 * scale, step);
            update_f32(&w1_7, g_w1_7 * scale, step);
            update_f32(&w1_8, g_w1_8 * scale, step);
            update_f32(&w1_9, g_w1_9 * scale, step);
            update_f32(&w1_10, g_w1_10 * scale, step);
            update_f32(&w1_11, g_w1_11 * scale, step);
            update_f32(&w1_12, g_w1_12 * scale, step);
            update_f32(&w1_13, g_w1_13 * scale, step);
            update_f32(&w1_14, g_w1_14 * scale, step);
            update_f32(&w1_15, g_w1_15 * scale, step);
            update_f32(&b1, g_b1 * scale, step);
            if lane < 3u {
                all_weights_1[(member_of_group * 16u + 0u) * 3u + lane * 1u + 0u] = w1_0;
                all_weights_1[(member_of_group * 16u + 1u) * 3u + lane * 1u + 0u] = w1_1;
                all_weights_1[(member_of_group * 16u + 2u) * 3u + lane * 1u + 0u] = w1_2;
                all_weights_1[(member_of_group * 16u + 3u) * 3u + lane * 1u + 0u] = w1_3;
                all_weights_1[(member_of_group * 16u + 4u) * 3u + lane * 1u + 0u] = w1_4;
                all_weights_1[(member_of_group * 16u + 5u) * 3u + lane * 1u + 0u] = w1_5;
                all_weights_1[(member_of_group * 16u + 6u) * 3u + lane * 1u + 0u] = w1_6;
                all_weights_1[(member_of_group * 16u + 7u) * 3u + lane * 1u + 0u] = w1_7;
                all_weights_1[(member_of_group * 16u + 8u) * 3u + lane * 1u + 0u] = w1_8;
                all_weights_1[(member_of_group * 16u + 9u) * 3u + lane * 1u + 0u] = w1_9;
                all_weights_1[(member_of_group * 16u + 10u) * 3u + lane * 1u + 0u] = w1_10;
                all_weights_1[(member_of_group * 16u + 11u) * 3u + lane * 1u + 0u] = w1_11;
                all_weights_1[(member_of_group * 16u + 12u) * 3u + lane * 1u + 0u] = w1_12;
                all_weights_1[(member_of_group * 16u + 13u) * 3u + lane * 1u + 0u] = w1_13;
                all_weights_1[(member_of_group * 16u + 14u) * 3u + lane * 1u + 0u] = w1_14;
                all_weights_1[(member_of_group * 16u + 15u) * 3u + lane * 1u + 0u] = w1_15;
            }
            workgroupBarrier();
        }
        if lane < 3u { all_losses[member_of_group * 3u + lane] = loss; }
        workgroupBarrier();
        let whole_loss = all_losses[member_of_group * 3u + 0u] + all_losses[member_of_group * 3u + 1u] + all_losses[member_of_group * 3u + 2u];
        workgroupBarrier();
        last_loss = whole_loss * member.loss_scale;
        if wait == 0u {
            if lane == 0u && exists { losses[slot * params.networks + network] = last_loss; }
            slot++;
            wait = params.every;
        }
        wait--;
    }

    if exists {
        parameters[(network * 6u + 0u) * 16u + lane] = vec4f(w0_0, w0_1, w0_2, w0_3);
        parameters[(network * 6u + 1u) * 16u + lane] = vec4f(b0, w1_0, w1_1, w1_2);
        parameters[(network * 6u + 2u) * 16u + lane] = vec4f(w1_3, w1_4, w1_5, w1_6);
        parameters[(network * 6u + 3u) * 16u + lane] = vec4f(w1_7, w1_8, w1_9, w1_10);
        parameters[(network * 6u + 4u) * 16u + lane] = vec4f(w1_11, w1_12, w1_13, w1_14);
        parameters[(network * 6u + 5u) * 16u + lane] = vec4f(w1_15, b1, 0.0, 0.0);
        if lane == 0u { losses[network] = last_loss; }
    }
}

// ln(1 + e) for e from 0 to 1: 2 (s + s³/3 + s⁵/5 + …) with s = e / (2 + e), at most 1/3.
// WGSL's own log is accurate only to 2⁻²¹ near 1.
fn log_of_1_plus(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    let tail = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0)));
    return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * tail))));
}

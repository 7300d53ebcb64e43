// Many epochs of training in one dispatch: the 8 invocations of a subgroup hold one network in registers.
//
// The network: 4 inputs, 16 units (tanh), 3 units (softmax). Loss: categorical_cross_entropy. Optimizer: adam.
// 150 rows, 32 in each step.
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
@group(0) @binding(6) var<storage, read> order: array<u32>;
@group(0) @binding(7) var<storage, read> steps: array<vec4f>;
@group(0) @binding(8) var<storage, read> weights: array<f32>;

fn activation_tanh(x: f32) -> f32 {
    return select(tanh(x), sign(x), abs(x) > 10.0);
}

fn derivative_tanh(x: f32, y: f32) -> f32 {
    return 1.0 - y * y;
}

// categorical_cross_entropy
fn loss_value(x: f32, y: f32, t: f32) -> f32 {
    return -t * x;
}

// y - t
fn loss_gradient(x: f32, y: f32, t: f32) -> f32 {
    return y - t;
}

struct Step {
    learning_rate: f32,
    correction_1: f32,
    correction_2: f32,
}

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-8;
// adam: mean = beta_1 · mean + (1 - beta_1) · gradient, square = beta_2 · square + (1 - beta_2) · gradient², parameter = parameter - learning_rate · mean / correction_1 / (√(square / correction_2) + epsilon)
fn update_f32(parameters: ptr<function, f32>, means: ptr<function, f32>, squares: ptr<function, f32>, gradient: f32, weight_decay: f32, step: Step) {
    let g = gradient + weight_decay * (*parameters);
    let mean = BETA_1 * (*means) + (1.0 - BETA_1) * g;
    let square = BETA_2 * (*squares) + (1.0 - BETA_2) * g * g;
    (*means) = mean;
    (*squares) = square;
    let denominator = sqrt(square) / sqrt(step.correction_2) + EPSILON;
    (*parameters) = (*parameters) - step.learning_rate / step.correction_1 * mean / denominator;
}

// adam: mean = beta_1 · mean + (1 - beta_1) · gradient, square = beta_2 · square + (1 - beta_2) · gradient², parameter = parameter - learning_rate · mean / correction_1 / (√(square / correction_2) + epsilon)
fn update_vec2f(parameters: ptr<function, vec2f>, means: ptr<function, vec2f>, squares: ptr<function, vec2f>, gradient: vec2f, weight_decay: f32, step: Step) {
    let g = gradient + weight_decay * (*parameters);
    let mean = BETA_1 * (*means) + (1.0 - BETA_1) * g;
    let square = BETA_2 * (*squares) + (1.0 - BETA_2) * g * g;
    (*means) = mean;
    (*squares) = square;
    let denominator = sqrt(square) / sqrt(step.correction_2) + EPSILON;
    (*parameters) = (*parameters) - step.learning_rate / step.correction_1 * mean / denominator;
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
    let network = params.first + group.x;
    let member = members[network];

    // From here to the end of the dispatch, the network is in registers.
    var word_0 = vec4f();
    var word_1 = vec4f();
    var word_2 = vec4f();
    var word_3 = vec4f();
    var word_4 = vec4f();
    var word_5 = vec4f();
    var word_6 = vec4f();
    var word_7 = vec4f();
    var word_8 = vec4f();
    var word_9 = vec4f();
    var word_10 = vec4f();
    var word_11 = vec4f();
    var word_12 = vec4f();
    var word_13 = vec4f();
    var word_14 = vec4f();
    var word_15 = vec4f();
    var word_16 = vec4f();
    var word_17 = vec4f();
    var word_18 = vec4f();
    var word_19 = vec4f();
    var word_20 = vec4f();
    for (var k = 0u; k < params.words; k++) {
        word_0 = word_1;
        word_1 = word_2;
        word_2 = word_3;
        word_3 = word_4;
        word_4 = word_5;
        word_5 = word_6;
        word_6 = word_7;
        word_7 = word_8;
        word_8 = word_9;
        word_9 = word_10;
        word_10 = word_11;
        word_11 = word_12;
        word_12 = word_13;
        word_13 = word_14;
        word_14 = word_15;
        word_15 = word_16;
        word_16 = word_17;
        word_17 = word_18;
        word_18 = word_19;
        word_19 = word_20;
        word_20 = parameters[(network * 21u + k) * 8u + lane];
    }
    var w0_0 = word_0.xy;
    var w0_1 = word_0.zw;
    var w0_2 = word_1.xy;
    var w0_3 = word_1.zw;
    var b0 = word_2.xy;
    var w1_0 = word_2.z;
    var w1_1 = word_2.w;
    var w1_2 = word_3.x;
    var w1_3 = word_3.y;
    var w1_4 = word_3.z;
    var w1_5 = word_3.w;
    var w1_6 = word_4.x;
    var w1_7 = word_4.y;
    var w1_8 = word_4.z;
    var w1_9 = word_4.w;
    var w1_10 = word_5.x;
    var w1_11 = word_5.y;
    var w1_12 = word_5.z;
    var w1_13 = word_5.w;
    var w1_14 = word_6.x;
    var w1_15 = word_6.y;
    var b1 = word_6.z;
    var w0_0_means = vec2f(word_6.w, word_7.x);
    var w0_1_means = word_7.yz;
    var w0_2_means = vec2f(word_7.w, word_8.x);
    var w0_3_means = word_8.yz;
    var b0_means = vec2f(word_8.w, word_9.x);
    var w1_0_means = word_9.y;
    var w1_1_means = word_9.z;
    var w1_2_means = word_9.w;
    var w1_3_means = word_10.x;
    var w1_4_means = word_10.y;
    var w1_5_means = word_10.z;
    var w1_6_means = word_10.w;
    var w1_7_means = word_11.x;
    var w1_8_means = word_11.y;
    var w1_9_means = word_11.z;
    var w1_10_means = word_11.w;
    var w1_11_means = word_12.x;
    var w1_12_means = word_12.y;
    var w1_13_means = word_12.z;
    var w1_14_means = word_12.w;
    var w1_15_means = word_13.x;
    var b1_means = word_13.y;
    var w0_0_squares = word_13.zw;
    var w0_1_squares = word_14.xy;
    var w0_2_squares = word_14.zw;
    var w0_3_squares = word_15.xy;
    var b0_squares = word_15.zw;
    var w1_0_squares = word_16.x;
    var w1_1_squares = word_16.y;
    var w1_2_squares = word_16.z;
    var w1_3_squares = word_16.w;
    var w1_4_squares = word_17.x;
    var w1_5_squares = word_17.y;
    var w1_6_squares = word_17.z;
    var w1_7_squares = word_17.w;
    var w1_8_squares = word_18.x;
    var w1_9_squares = word_18.y;
    var w1_10_squares = word_18.z;
    var w1_11_squares = word_18.w;
    var w1_12_squares = word_19.x;
    var w1_13_squares = word_19.y;
    var w1_14_squares = word_19.z;
    var w1_15_squares = word_19.w;
    var b1_squares = word_20.x;
    var slot = params.slot;
    var wait = params.wait;
    var last_loss = losses[network];

    // An epoch: in each batch, the gradients of all rows are added, then the weights and biases are updated.
    for (var epoch = 0u; epoch < params.epochs; epoch++) {
        let continues = params.first_epoch + epoch < member.epochs;
        var loss = 0.0;
        for (var first = 0u; first < 150u; first += 32u) {
            let end = min(first + 32u, 150u);
            var g_w0_0 = vec2f();
            var g_w0_1 = vec2f();
            var g_w0_2 = vec2f();
            var g_w0_3 = vec2f();
            var g_b0 = vec2f();
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
            var total = 0.0;
            let turned1_0 = select(select(select(select(select(select(select(vec2f(subgroupBroadcast(w1_0, 0u), subgroupBroadcast(w1_1, 0u)), vec2f(subgroupBroadcast(w1_2, 0u), subgroupBroadcast(w1_3, 0u)), lane == 1u), vec2f(subgroupBroadcast(w1_4, 0u), subgroupBroadcast(w1_5, 0u)), lane == 2u), vec2f(subgroupBroadcast(w1_6, 0u), subgroupBroadcast(w1_7, 0u)), lane == 3u), vec2f(subgroupBroadcast(w1_8, 0u), subgroupBroadcast(w1_9, 0u)), lane == 4u), vec2f(subgroupBroadcast(w1_10, 0u), subgroupBroadcast(w1_11, 0u)), lane == 5u), vec2f(subgroupBroadcast(w1_12, 0u), subgroupBroadcast(w1_13, 0u)), lane == 6u), vec2f(subgroupBroadcast(w1_14, 0u), subgroupBroadcast(w1_15, 0u)), lane == 7u);
            let turned1_1 = select(select(select(select(select(select(select(vec2f(subgroupBroadcast(w1_0, 1u), subgroupBroadcast(w1_1, 1u)), vec2f(subgroupBroadcast(w1_2, 1u), subgroupBroadcast(w1_3, 1u)), lane == 1u), vec2f(subgroupBroadcast(w1_4, 1u), subgroupBroadcast(w1_5, 1u)), lane == 2u), vec2f(subgroupBroadcast(w1_6, 1u), subgroupBroadcast(w1_7, 1u)), lane == 3u), vec2f(subgroupBroadcast(w1_8, 1u), subgroupBroadcast(w1_9, 1u)), lane == 4u), vec2f(subgroupBroadcast(w1_10, 1u), subgroupBroadcast(w1_11, 1u)), lane == 5u), vec2f(subgroupBroadcast(w1_12, 1u), subgroupBroadcast(w1_13, 1u)), lane == 6u), vec2f(subgroupBroadcast(w1_14, 1u), subgroupBroadcast(w1_15, 1u)), lane == 7u);
            let turned1_2 = select(select(select(select(select(select(select(vec2f(subgroupBroadcast(w1_0, 2u), subgroupBroadcast(w1_1, 2u)), vec2f(subgroupBroadcast(w1_2, 2u), subgroupBroadcast(w1_3, 2u)), lane == 1u), vec2f(subgroupBroadcast(w1_4, 2u), subgroupBroadcast(w1_5, 2u)), lane == 2u), vec2f(subgroupBroadcast(w1_6, 2u), subgroupBroadcast(w1_7, 2u)), lane == 3u), vec2f(subgroupBroadcast(w1_8, 2u), subgroupBroadcast(w1_9, 2u)), lane == 4u), vec2f(subgroupBroadcast(w1_10, 2u), subgroupBroadcast(w1_11, 2u)), lane == 5u), vec2f(subgroupBroadcast(w1_12, 2u), subgroupBroadcast(w1_13, 2u)), lane == 6u), vec2f(subgroupBroadcast(w1_14, 2u), subgroupBroadcast(w1_15, 2u)), lane == 7u);
            for (var place = first; place < end; place++) {
                let row = order[epoch * 150u + place];
                let x_0 = inputs[row * 1u + 0u];
                let targets_0 = targets[(row * 8u + lane) * 1u + 0u];
                let weight = weights[member.weights + row];
                // forward
                let z0 = b0 + x_0.x * w0_0 + x_0.y * w0_1 + x_0.z * w0_2 + x_0.w * w0_3;
                let y0 = vec2f(activation_tanh(z0.x), activation_tanh(z0.y));
                let a1_0 = subgroupBroadcast(y0.x, 0u);
                let a1_1 = subgroupBroadcast(y0.y, 0u);
                let a1_2 = subgroupBroadcast(y0.x, 1u);
                let a1_3 = subgroupBroadcast(y0.y, 1u);
                let a1_4 = subgroupBroadcast(y0.x, 2u);
                let a1_5 = subgroupBroadcast(y0.y, 2u);
                let a1_6 = subgroupBroadcast(y0.x, 3u);
                let a1_7 = subgroupBroadcast(y0.y, 3u);
                let a1_8 = subgroupBroadcast(y0.x, 4u);
                let a1_9 = subgroupBroadcast(y0.y, 4u);
                let a1_10 = subgroupBroadcast(y0.x, 5u);
                let a1_11 = subgroupBroadcast(y0.y, 5u);
                let a1_12 = subgroupBroadcast(y0.x, 6u);
                let a1_13 = subgroupBroadcast(y0.y, 6u);
                let a1_14 = subgroupBroadcast(y0.x, 7u);
                let a1_15 = subgroupBroadcast(y0.y, 7u);
                var z1 = b1;
                z1 += a1_0 * w1_0 + a1_1 * w1_1 + a1_2 * w1_2 + a1_3 * w1_3;
                z1 += a1_4 * w1_4 + a1_5 * w1_5 + a1_6 * w1_6 + a1_7 * w1_7;
                z1 += a1_8 * w1_8 + a1_9 * w1_9 + a1_10 * w1_10 + a1_11 * w1_11;
                z1 += a1_12 * w1_12 + a1_13 * w1_13 + a1_14 * w1_14 + a1_15 * w1_15;
                let sum_0 = subgroupBroadcast(z1, 0u);
                let sum_1 = subgroupBroadcast(z1, 1u);
                let sum_2 = subgroupBroadcast(z1, 2u);
                var largest = 0u;
                var most = sum_0;
                largest = select(largest, 1u, sum_1 > most);
                most = select(most, sum_1, sum_1 > most);
                largest = select(largest, 2u, sum_2 > most);
                most = select(most, sum_2, sum_2 > most);
                let power = exp(z1 - most);
                let share_0 = subgroupBroadcast(power, 0u);
                let share_1 = subgroupBroadcast(power, 1u);
                let share_2 = subgroupBroadcast(power, 2u);
                // The largest itself contributes 1.
                var others = 0.0;
                others += select(share_0, 0.0, largest == 0u);
                others += select(share_1, 0.0, largest == 1u);
                others += select(share_2, 0.0, largest == 2u);
                let log_of_sum = select(log(1.0 + others), log_of_1_plus(min(others, 1.0)), others <= 1.0);
                let log_y = z1 - most - log_of_sum;
                let y1 = power / (1.0 + others);
                // loss and delta of the last layer
                loss += select(0.0, select(0.0, weight * loss_value(log_y, y1, targets_0.x), weight > 0.0), lane < 3u);
                let d1 = select(f32(), select(f32(), weight * loss_gradient(log_y, y1, targets_0.x), weight > 0.0), lane < 3u);
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
                let all_d1_0 = subgroupBroadcast(d1, 0u);
                let all_d1_1 = subgroupBroadcast(d1, 1u);
                let all_d1_2 = subgroupBroadcast(d1, 2u);
                let e0 = all_d1_0 * turned1_0 + all_d1_1 * turned1_1 + all_d1_2 * turned1_2;
                let d0 = e0 * vec2f(derivative_tanh(z0.x, y0.x), derivative_tanh(z0.y, y0.y));
                // gradients
                g_w0_0 += x_0.x * d0;
                g_w0_1 += x_0.y * d0;
                g_w0_2 += x_0.z * d0;
                g_w0_3 += x_0.w * d0;
                g_b0 += d0;
                total += weight;
            }
            // The gradient of the mean, not of the sum.
            let scale = select(0.0, 1.0 / total, total > 0.0);
            let rates = steps[epoch * 5u + first / 32u];
            let step = Step(member.learning_rate * rates.x + rates.y, rates.z, rates.w);
            // update
            if continues {
                update_vec2f(&w0_0, &w0_0_means, &w0_0_squares, g_w0_0 * scale, member.weight_decay, step);
                update_vec2f(&w0_1, &w0_1_means, &w0_1_squares, g_w0_1 * scale, member.weight_decay, step);
                update_vec2f(&w0_2, &w0_2_means, &w0_2_squares, g_w0_2 * scale, member.weight_decay, step);
                update_vec2f(&w0_3, &w0_3_means, &w0_3_squares, g_w0_3 * scale, member.weight_decay, step);
                update_vec2f(&b0, &b0_means, &b0_squares, g_b0 * scale, member.weight_decay, step);
                update_f32(&w1_0, &w1_0_means, &w1_0_squares, g_w1_0 * scale, member.weight_decay, step);
                update_f32(&w1_1, &w1_1_means, &w1_1_squares, g_w1_1 * scale, member.weight_decay, step);
                update_f32(&w1_2, &w1_2_means, &w1_2_squares, g_w1_2 * scale, member.weight_decay, step);
                update_f32(&w1_3, &w1_3_means, &w1_3_squares, g_w1_3 * scale, member.weight_decay, step);
                update_f32(&w1_4, &w1_4_means, &w1_4_squares, g_w1_4 * scale, member.weight_decay, step);
                update_f32(&w1_5, &w1_5_means, &w1_5_squares, g_w1_5 * scale, member.weight_decay, step);
                update_f32(&w1_6, &w1_6_means, &w1_6_squares, g_w1_6 * scale, member.weight_decay, step);
                update_f32(&w1_7, &w1_7_means, &w1_7_squares, g_w1_7 * scale, member.weight_decay, step);
                update_f32(&w1_8, &w1_8_means, &w1_8_squares, g_w1_8 * scale, member.weight_decay, step);
                update_f32(&w1_9, &w1_9_means, &w1_9_squares, g_w1_9 * scale, member.weight_decay, step);
                update_f32(&w1_10, &w1_10_means, &w1_10_squares, g_w1_10 * scale, member.weight_decay, step);
                update_f32(&w1_11, &w1_11_means, &w1_11_squares, g_w1_11 * scale, member.weight_decay, step);
                update_f32(&w1_12, &w1_12_means, &w1_12_squares, g_w1_12 * scale, member.weight_decay, step);
                update_f32(&w1_13, &w1_13_means, &w1_13_squares, g_w1_13 * scale, member.weight_decay, step);
                update_f32(&w1_14, &w1_14_means, &w1_14_squares, g_w1_14 * scale, member.weight_decay, step);
                update_f32(&w1_15, &w1_15_means, &w1_15_squares, g_w1_15 * scale, member.weight_decay, step);
                update_f32(&b1, &b1_means, &b1_squares, g_b1 * scale, member.weight_decay, step);
            }
        }
        let whole_loss = subgroupBroadcast(loss, 0u) + subgroupBroadcast(loss, 1u) + subgroupBroadcast(loss, 2u);
        last_loss = select(last_loss, whole_loss * member.loss_scale, continues);
        if wait == 0u {
            if lane == 0u { losses[slot * params.networks + network] = last_loss; }
            slot++;
            wait = params.every;
        }
        wait--;
    }

    word_0 = vec4f(w0_0.x, w0_0.y, w0_1.x, w0_1.y);
    word_1 = vec4f(w0_2.x, w0_2.y, w0_3.x, w0_3.y);
    word_2 = vec4f(b0.x, b0.y, w1_0, w1_1);
    word_3 = vec4f(w1_2, w1_3, w1_4, w1_5);
    word_4 = vec4f(w1_6, w1_7, w1_8, w1_9);
    word_5 = vec4f(w1_10, w1_11, w1_12, w1_13);
    word_6 = vec4f(w1_14, w1_15, b1, w0_0_means.x);
    word_7 = vec4f(w0_0_means.y, w0_1_means.x, w0_1_means.y, w0_2_means.x);
    word_8 = vec4f(w0_2_means.y, w0_3_means.x, w0_3_means.y, b0_means.x);
    word_9 = vec4f(b0_means.y, w1_0_means, w1_1_means, w1_2_means);
    word_10 = vec4f(w1_3_means, w1_4_means, w1_5_means, w1_6_means);
    word_11 = vec4f(w1_7_means, w1_8_means, w1_9_means, w1_10_means);
    word_12 = vec4f(w1_11_means, w1_12_means, w1_13_means, w1_14_means);
    word_13 = vec4f(w1_15_means, b1_means, w0_0_squares.x, w0_0_squares.y);
    word_14 = vec4f(w0_1_squares.x, w0_1_squares.y, w0_2_squares.x, w0_2_squares.y);
    word_15 = vec4f(w0_3_squares.x, w0_3_squares.y, b0_squares.x, b0_squares.y);
    word_16 = vec4f(w1_0_squares, w1_1_squares, w1_2_squares, w1_3_squares);
    word_17 = vec4f(w1_4_squares, w1_5_squares, w1_6_squares, w1_7_squares);
    word_18 = vec4f(w1_8_squares, w1_9_squares, w1_10_squares, w1_11_squares);
    word_19 = vec4f(w1_12_squares, w1_13_squares, w1_14_squares, w1_15_squares);
    word_20 = vec4f(b1_squares, 0.0, 0.0, 0.0);
    for (var k = 0u; k < params.words; k++) {
        parameters[(network * 21u + k) * 8u + lane] = word_0;
        word_0 = word_1;
        word_1 = word_2;
        word_2 = word_3;
        word_3 = word_4;
        word_4 = word_5;
        word_5 = word_6;
        word_6 = word_7;
        word_7 = word_8;
        word_8 = word_9;
        word_9 = word_10;
        word_10 = word_11;
        word_11 = word_12;
        word_12 = word_13;
        word_13 = word_14;
        word_14 = word_15;
        word_15 = word_16;
        word_16 = word_17;
        word_17 = word_18;
        word_18 = word_19;
        word_19 = word_20;
    }
    if lane == 0u { losses[network] = last_loss; }
}

// ln(1 + e) for e from 0 to 1: 2 (s + s³/3 + s⁵/5 + …) with s = e / (2 + e), at most 1/3.
// WGSL's own log is accurate only to 2⁻²¹ near 1.
fn log_of_1_plus(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    let tail = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0)));
    return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * tail))));
}

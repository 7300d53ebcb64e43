// Many epochs of training in one dispatch: each invocation holds one network in registers.
//
// The network: 2 inputs, 2 units (sigmoid), 1 unit (sigmoid). Loss: squared_error. Optimizer: sgd.
// 4 rows, all in each step.
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

fn activation_sigmoid(x: f32) -> f32 {
    return select(exp(-abs(x)), 1.0, x >= 0.0) / (1.0 + exp(-abs(x)));
}

fn derivative_sigmoid(x: f32, y: f32) -> f32 {
    return y * (1.0 - y);
}

// squared_error
fn loss_value(x: f32, y: f32, t: f32) -> f32 {
    return (y - t) * (y - t);
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

// sgd: parameter = parameter - learning_rate · gradient
fn update_f32(parameters: ptr<function, f32>, gradient: f32, step: Step) {
    let g = gradient;
    (*parameters) = (*parameters) - step.learning_rate * g;
}

// sgd: parameter = parameter - learning_rate · gradient
fn update_vec2f(parameters: ptr<function, vec2f>, gradient: vec2f, step: Step) {
    let g = gradient;
    (*parameters) = (*parameters) - step.learning_rate * g;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let network = params.first + id.x;
    if network >= params.end {
        return;
    }
    let member = members[network];

    // From here to the end of the dispatch, the network is in registers.
    let word_0 = parameters[0u * params.networks + network];
    var w0_0 = word_0.xy;
    var w0_1 = word_0.zw;
    let word_1 = parameters[1u * params.networks + network];
    var b0 = word_1.xy;
    var w1_0 = word_1.z;
    var w1_1 = word_1.w;
    let word_2 = parameters[2u * params.networks + network];
    var b1 = word_2.x;

    // So are the rows.
    let inputs_0_0 = inputs[0];
    let targets_0_0 = targets[0];
    let inputs_1_0 = inputs[1];
    let targets_1_0 = targets[1];
    let inputs_2_0 = inputs[2];
    let targets_2_0 = targets[2];
    let inputs_3_0 = inputs[3];
    let targets_3_0 = targets[3];

    var slot = params.slot;
    var wait = params.wait;
    var last_loss = losses[network];

    // An epoch: in each batch, the gradients of all rows are added, then the weights and biases are updated.
    for (var epoch = 0u; epoch < params.epochs; epoch++) {
        var loss = 0.0;
        var g_w0_0 = vec2f();
        var g_w0_1 = vec2f();
        var g_b0 = vec2f();
        var g_w1_0 = f32();
        var g_w1_1 = f32();
        var g_b1 = f32();
        {  // row 0
            // forward
            let z0 = b0 + inputs_0_0.x * w0_0 + inputs_0_0.y * w0_1;
            let y0 = vec2f(activation_sigmoid(z0.x), activation_sigmoid(z0.y));
            let z1 = b1 + y0.x * w1_0 + y0.y * w1_1;
            let y1 = activation_sigmoid(z1);
            // loss and delta of the last layer
            loss += loss_value(z1, y1, targets_0_0.x);
            let d1 = loss_gradient(z1, y1, targets_0_0.x) * derivative_sigmoid(z1, y1);
            // gradients
            g_w1_0 += y0.x * d1;
            g_w1_1 += y0.y * d1;
            g_b1 += d1;
            // backward
            let e0 = d1 * vec2f(w1_0, w1_1);
            let d0 = e0 * vec2f(derivative_sigmoid(z0.x, y0.x), derivative_sigmoid(z0.y, y0.y));
            // gradients
            g_w0_0 += inputs_0_0.x * d0;
            g_w0_1 += inputs_0_0.y * d0;
            g_b0 += d0;
        }
        {  // row 1
            // forward
            let z0 = b0 + inputs_1_0.x * w0_0 + inputs_1_0.y * w0_1;
            let y0 = vec2f(activation_sigmoid(z0.x), activation_sigmoid(z0.y));
            let z1 = b1 + y0.x * w1_0 + y0.y * w1_1;
            let y1 = activation_sigmoid(z1);
            // loss and delta of the last layer
            loss += loss_value(z1, y1, targets_1_0.x);
            let d1 = loss_gradient(z1, y1, targets_1_0.x) * derivative_sigmoid(z1, y1);
            // gradients
            g_w1_0 += y0.x * d1;
            g_w1_1 += y0.y * d1;
            g_b1 += d1;
            // backward
            let e0 = d1 * vec2f(w1_0, w1_1);
            let d0 = e0 * vec2f(derivative_sigmoid(z0.x, y0.x), derivative_sigmoid(z0.y, y0.y));
            // gradients
            g_w0_0 += inputs_1_0.x * d0;
            g_w0_1 += inputs_1_0.y * d0;
            g_b0 += d0;
        }
        {  // row 2
            // forward
            let z0 = b0 + inputs_2_0.x * w0_0 + inputs_2_0.y * w0_1;
            let y0 = vec2f(activation_sigmoid(z0.x), activation_sigmoid(z0.y));
            let z1 = b1 + y0.x * w1_0 + y0.y * w1_1;
            let y1 = activation_sigmoid(z1);
            // loss and delta of the last layer
            loss += loss_value(z1, y1, targets_2_0.x);
            let d1 = loss_gradient(z1, y1, targets_2_0.x) * derivative_sigmoid(z1, y1);
            // gradients
            g_w1_0 += y0.x * d1;
            g_w1_1 += y0.y * d1;
            g_b1 += d1;
            // backward
            let e0 = d1 * vec2f(w1_0, w1_1);
            let d0 = e0 * vec2f(derivative_sigmoid(z0.x, y0.x), derivative_sigmoid(z0.y, y0.y));
            // gradients
            g_w0_0 += inputs_2_0.x * d0;
            g_w0_1 += inputs_2_0.y * d0;
            g_b0 += d0;
        }
        {  // row 3
            // forward
            let z0 = b0 + inputs_3_0.x * w0_0 + inputs_3_0.y * w0_1;
            let y0 = vec2f(activation_sigmoid(z0.x), activation_sigmoid(z0.y));
            let z1 = b1 + y0.x * w1_0 + y0.y * w1_1;
            let y1 = activation_sigmoid(z1);
            // loss and delta of the last layer
            loss += loss_value(z1, y1, targets_3_0.x);
            let d1 = loss_gradient(z1, y1, targets_3_0.x) * derivative_sigmoid(z1, y1);
            // gradients
            g_w1_0 += y0.x * d1;
            g_w1_1 += y0.y * d1;
            g_b1 += d1;
            // backward
            let e0 = d1 * vec2f(w1_0, w1_1);
            let d0 = e0 * vec2f(derivative_sigmoid(z0.x, y0.x), derivative_sigmoid(z0.y, y0.y));
            // gradients
            g_w0_0 += inputs_3_0.x * d0;
            g_w0_1 += inputs_3_0.y * d0;
            g_b0 += d0;
        }
        let step = Step(member.learning_rate, 1.0, 1.0);
        // update
        update_vec2f(&w0_0, g_w0_0, step);
        update_vec2f(&w0_1, g_w0_1, step);
        update_vec2f(&b0, g_b0, step);
        update_f32(&w1_0, g_w1_0, step);
        update_f32(&w1_1, g_w1_1, step);
        update_f32(&b1, g_b1, step);
        let whole_loss = loss;
        last_loss = whole_loss * member.loss_scale;
        if wait == 0u {
            losses[slot * params.networks + network] = last_loss;
            slot++;
            wait = params.every;
        }
        wait--;
    }

    parameters[0u * params.networks + network] = vec4f(w0_0.x, w0_0.y, w0_1.x, w0_1.y);
    parameters[1u * params.networks + network] = vec4f(b0.x, b0.y, w1_0, w1_1);
    parameters[2u * params.networks + network] = vec4f(b1, 0.0, 0.0, 0.0);
    losses[network] = last_loss;
}

// dropout: sets random elements to 0 and scales the others up, so that the expected values stay the same. Each invocation
// computes one element. N. Srivastava et al., JMLR 15, 2014.
//
// The forward pass applies it to a layer's outputs. The backward pass applies it to the errors, in place and with the same
// random numbers, which depend only on the seed, the layer, the epoch, the step and the element.
// Appended to this file: `before`, which is element i of `outputs`, or of `dropped` in place; `philox`; `Step`.

struct Params {
    first: u32,      // this dispatch computes the elements first..end
    end: u32,
    seed_low: u32,
    seed_high: u32,
    purpose: u32,    // distinguishes these random numbers from others: dropout, and the layer
    threshold: u32,  // an element is dropped if its random word is below this
    scale: f32,      // the factor for the others: 1 / (1 - rate)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> steps: array<Step>;
@group(0) @binding(2) var<storage, read> cursor: u32;
@group(0) @binding(3) var<storage, read> outputs: array<f32>;
@group(0) @binding(4) var<storage, read_write> dropped: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    let step = steps[cursor];
    // Four adjacent elements share a block of random words.
    let words = philox(vec4u(i / 4u, step.batch, step.epoch, params.purpose), vec2u(params.seed_low, params.seed_high));
    dropped[i] = select(before(i) * params.scale, 0.0, words[i % 4u] < params.threshold);
}

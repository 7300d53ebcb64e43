// dropout: a random share of the elements becomes 0, the others grow to make up for it. One invocation, one element.
//
// Forward it takes a layer's outputs to what the next layer sees, backward the errors, in place, with the same random numbers:
// they depend on the seed, the layer, the epoch, the step and the element alone. N. Srivastava et al., JMLR 15, 2014.
// `before` is appended to this file: element i of `outputs`, or of `dropped` itself. So are `philox` and `Step`.

struct Params {
    first: u32,      // this dispatch computes the elements first..end
    end: u32,
    seed_low: u32,
    seed_high: u32,
    purpose: u32,    // says to the random numbers that they are of dropout, and of which layer
    threshold: u32,  // random words below it drop their element
    scale: f32,      // what the others are multiplied with: one over their share
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
    // Four neighbours share a block of random words.
    let words = philox(vec4u(i / 4u, step.batch, step.epoch, params.purpose), vec2u(params.seed_low, params.seed_high));
    dropped[i] = select(before(i) * params.scale, 0.0, words[i % 4u] < params.threshold);
}

// loss: the mean of the loss over the batch, of the outputs before the update. One workgroup; it also ends the step.
//
// `element_loss` is appended to this file: the choice, from src/network/loss. It reads `sums` (x), `outputs` (y) and `targets` at
// element i, whichever its formula needs. Each invocation adds up every 64th element, then halves of the workgroup are
// folded together: the order of the additions is fixed, so the same step gives the same bits. Where the mean goes is in
// this step's row of the step table (`Step` is shaders/step.wgsl, appended to this file), and whether it is added to what
// the batches before it left there; the cursor then moves on.

struct Params {
    count: u32,    // elements to add: a few thousand; shaders/partial_loss.wgsl comes before where there are more
    columns: u32,  // the network's outputs
    scale: f32,    // one over what the mean is taken over
    slot: u32,     // which of the losses of this step it is
    moves: u32,    // 1 if the cursor moves on, as after the last of them
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read> steps: array<Step>;
@group(0) @binding(5) var<storage, read_write> cursor: u32;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = 0.0;
    for (var i = invocation; i < params.count; i += 64u) {
        sum += element_loss(i);
    }
    partial[invocation] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if invocation < half {
            partial[invocation] += partial[invocation + half];
        }
        workgroupBarrier();
    }
    if invocation == 0u {
        let step = steps[cursor];
        let slot = step.loss_slot + params.slot;
        losses[slot] = select(0.0, losses[slot], step.adds == 1u) + partial[0] * params.scale;
        cursor += params.moves;
    }
}

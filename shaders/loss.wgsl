// loss: the mean loss of the batch, from the outputs before the update. One workgroup, which also ends the step.
//
// `element_loss` is appended to this file. It is defined in src/network/loss, and reads what its formula needs of `sums` (x),
// `outputs` (y) and `targets` at element i. Each invocation sums every 64th element, then the partial sums are added pairwise.
// The order of the additions is fixed, so the same step gives the same bits. The step's row of the step table tells where the
// mean is stored, and whether it is added to the losses of earlier batches (`Step` is appended from shaders/step.wgsl).
// Finally the cursor moves to the next row.

struct Params {
    count: u32,    // the number of elements: a few thousand; for more, shaders/partial_loss.wgsl runs first
    columns: u32,  // the number of the network's outputs
    scale: f32,    // 1 / the number of values, or their total weight, in the mean
    slot: u32,     // the index of this loss among those of the step
    moves: u32,    // 1 if the cursor moves to the next row: for the last loss of the step
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

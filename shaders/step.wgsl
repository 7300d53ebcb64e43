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

// step: a row of the step table, which is uploaded before a run. What differs from step to step is in it, so that
// the recorded dispatches need not differ. Appended to the stages that read it; a cursor on the device counts the steps.

struct Step {
    learning_rate: f32,
    correction_1: f32,  // what the optimizer's first and second moment are divided by
    correction_2: f32,
    loss_slot: u32,     // which element of `losses` takes this step's loss
    adds: u32,          // 1 if it is added to what is there, 0 for the first step of an epoch
    first: u32,         // the place of the batch's first row in the epoch's order
    epoch: u32,         // which epoch, and which of its steps: what random numbers depend on
    batch: u32,
}

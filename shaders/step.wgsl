// step: a row of the step table, which is uploaded before a run. What differs from step to step is in it, so that
// the recorded dispatches need not differ. Appended to the stages that read it; a cursor on the device counts the steps.

struct Step {
    learning_rate: f32,
    loss_slot: u32,  // which element of `losses` takes this step's loss
}

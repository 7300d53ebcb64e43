//! Plans whole steps from stages and products: the rows, the forward pass, the backward pass, the update.

mod backward;
mod data;
mod forward;
mod step;
mod update;

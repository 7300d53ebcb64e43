//! Plans whole steps from stages and products: the rows, the forward pass, the backward pass.

mod backward;
mod data;
mod forward;
mod step;

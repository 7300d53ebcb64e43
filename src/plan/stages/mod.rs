//! The stages other than products, each split by elements, rows or parts.

mod backward;
mod batch;
mod forward;
mod loss;
mod rows;
mod update;

pub use self::forward::{Chance, Dropout};
pub use self::loss::{LossOf, Outputs, Slot};
pub use self::update::Update;

//! Sweeps: many networks of one architecture trained at once. [`sweep`] is what users call; it trains in [`groups`] on
//! the fused engine, or [`one_by_one`].

mod groups;
mod history;
mod member;
mod networks;
mod one_by_one;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod sweep;
mod task;
mod weights;

pub use self::history::{MemberHistory, SweepHistory, SweepLog};
pub use self::member::Member;
pub use self::sweep::Sweep;

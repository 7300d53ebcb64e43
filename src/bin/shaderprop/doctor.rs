//! `doctor`: whether a driver computes what it should.
use crate::talk::Failure;
use clap::Args;
/// x
#[derive(Args)]
pub struct Options {}
pub fn run(_: &Options) -> Result<(), Failure> {
    Ok(())
}

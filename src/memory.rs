//! Reserves large blocks of host memory before they are used, so that too little memory is an error and does not end
//! the process.

use crate::error::Error;

/// Reserved memory. Drop it just before the allocation that it was reserved for.
pub struct Reserve {
    _held: Vec<u8>,
}

impl Reserve {
    /// Reserves that many bytes. They are not written to, so that they only take address space.
    pub fn new(what: &str, bytes: u64) -> Result<Self, Error> {
        let refused = || Error::OutOfMemory { what: what.into(), bytes, taken: 0 };
        let mut held = Vec::new();
        held.try_reserve_exact(usize::try_from(bytes).map_err(|_| refused())?).map_err(|_| refused())?;
        // Without this, the compiler might remove the unused allocation.
        Ok(Self { _held: std::hint::black_box(held) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_is_refused() {
        assert!(Reserve::new("a test", 1 << 20).is_ok());
        let Err(error) = Reserve::new("a test", 1 << 60) else { panic!("an exbibyte") };
        assert_eq!(error, Error::OutOfMemory { what: "a test".into(), bytes: 1 << 60, taken: 0 });
    }
}

//! Memory of this process for what is large: asked for before it is used, so that too little of it is an error and not the process's end.

use crate::error::Error;

/// Memory that is held until it is needed: dropped just before what it was asked for is allocated.
pub struct Reserve {
    _held: Vec<u8>,
}

impl Reserve {
    /// Asks for so many bytes. Nothing is written to them, so that they cost addresses alone.
    pub fn new(what: &str, bytes: u64) -> Result<Self, Error> {
        let refused = || Error::OutOfMemory { what: what.into(), bytes, taken: 0 };
        let mut held = Vec::new();
        held.try_reserve_exact(usize::try_from(bytes).map_err(|_| refused())?).map_err(|_| refused())?;
        // Else the compiler might find that nobody uses it.
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

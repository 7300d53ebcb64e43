//! Reads large results from an engine, with host memory that is reserved for them.

use crate::engine::{Running, Snapshot};
use crate::error::Error;
use crate::memory::Reserve;
use crate::network::Layout;
use crate::settings::Fit;

/// An engine in a training run, with the host memory for its results. The memory is reserved early, so that a long
/// training run does not fail at its end.
pub struct Readout {
    pub engine: Running,
    bytes: u64,
    reserve: Option<Reserve>,
    /// Whether memory is still reserved.
    holds: bool,
}

/// All parameters, and the optimizer state.
pub struct End {
    pub parameters: Vec<f64>,
    pub slots: Vec<Vec<f64>>,
}

impl Readout {
    pub fn new(engine: Running, layout: &Layout, fit: &Fit) -> Result<Self, Error> {
        // The parameters and the optimizer state in f64; the readback of both in f32, as bytes and as numbers; and in a
        // checkpoint all of it transposed, together with the best parameters.
        let copies = 1 + fit.optimizer.definition().slots.len() as u64;
        let once = copies * 8 + 16;
        let each = if fit.checkpoint.is_some() { once + (copies + 2) * 8 } else { once };
        let mut readout = Self { engine, bytes: layout.len as u64 * each, reserve: None, holds: true };
        readout.hold()?;
        Ok(readout)
    }

    fn hold(&mut self) -> Result<(), Error> {
        if self.holds {
            self.reserve = Some(Reserve::new("what training ends with", self.bytes)?);
        }
        Ok(())
    }

    /// Releases the memory for good, before the allocations that it was reserved for.
    pub fn release(&mut self) {
        (self.holds, self.reserve) = (false, None);
    }

    /// Releases the memory while that work runs.
    pub async fn with_memory<T, E: From<Error>>(&mut self, work: impl AsyncFnOnce(&mut Running) -> Result<T, E>) -> Result<T, E> {
        self.reserve = None;
        let done = work(&mut self.engine).await?;
        self.hold()?;
        Ok(done)
    }

    /// Reads the current parameters, or those of a snapshot.
    pub async fn parameters(&mut self, snapshot: Option<Snapshot>) -> Result<Vec<f64>, Error> {
        self.with_memory(async |engine| engine.parameters(snapshot).await).await
    }
}

impl End {
    /// Reads the final state of an engine.
    pub async fn of(engine: &mut Running) -> Result<Self, Error> {
        Ok(Self { parameters: engine.parameters(None).await?, slots: engine.slots().await? })
    }
}

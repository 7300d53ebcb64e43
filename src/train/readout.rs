//! What comes back of an engine as large as the network, and the memory that is held for it.

use crate::engine::{Running, Snapshot};
use crate::error::Error;
use crate::memory::Reserve;
use crate::network::Layout;
use crate::settings::Fit;

/// An engine in training, and the memory of what the training ends with: asked for before it is needed, so that a long training does not fail
/// at its end.
pub struct Readout {
    pub engine: Running,
    bytes: u64,
    reserve: Option<Reserve>,
    /// Whether anything is held any more.
    holds: bool,
}

/// All parameters, and what the optimizer keeps.
pub struct End {
    pub parameters: Vec<f64>,
    pub slots: Vec<Vec<f64>>,
}

impl Readout {
    pub fn new(engine: Running, layout: &Layout, fit: &Fit) -> Result<Self, Error> {
        // In f64 the parameters, and what the optimizer keeps of each; what they are read back through, in f32, as bytes and as numbers; and in a
        // checkpoint all of it transposed, beside the best parameters.
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

    /// Gives the memory back for good: what it was held for comes now.
    pub fn release(&mut self) {
        (self.holds, self.reserve) = (false, None);
    }

    /// Gives the memory back for as long as that work takes.
    pub async fn with_memory<T, E: From<Error>>(&mut self, work: impl AsyncFnOnce(&mut Running) -> Result<T, E>) -> Result<T, E> {
        self.reserve = None;
        let done = work(&mut self.engine).await?;
        self.hold()?;
        Ok(done)
    }

    /// The parameters as they are, or as they were when the snapshot was taken.
    pub async fn parameters(&mut self, snapshot: Option<Snapshot>) -> Result<Vec<f64>, Error> {
        self.with_memory(async |engine| engine.parameters(snapshot).await).await
    }
}

impl End {
    /// That of an engine, as it is.
    pub async fn of(engine: &mut Running) -> Result<Self, Error> {
        Ok(Self { parameters: engine.parameters(None).await?, slots: engine.slots().await? })
    }
}

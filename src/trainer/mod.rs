//! Training inside an application: on its device, in its command buffers.

mod clock;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use web_time::Instant;

use self::clock::Clock;
use crate::data::Matrix;
use crate::engine::staged::{self, StagedEngine, plan};
use crate::engine::{Batches, Rows, Setup, Step};
use crate::error::Error;
use crate::gpu::{self, Gpu, RECORDING, lock};
use crate::model::Model;
use crate::network::{Layout, Network, Tensor};
use crate::settings::{EngineChoice, Fit};
use crate::train::{self, State};

/// A network that is trained on an application's own device, between what the application draws.
///
/// It records training steps into the application's command buffers. It installs no handler on the device, never polls it and never submits
/// to its queue: errors outside of its calls are the application's to see, and so is the loss of the device, of which it
/// [tells](Self::device_lost) the trainer. What is recorded runs when the application submits it, in the order of submissions; steps of a
/// command buffer that is thrown away are lost, and the next ones go on as if they had run, so that the loss of that epoch is none.
///
/// Weights come back by [`record_weights`](Self::record_weights); what the optimizer keeps and the count of epochs stay with the trainer. Whether the
/// loss is still finite is for the application to look at.
///
/// The wgpu to use is [`shaderprop::wgpu`](crate::wgpu).
///
/// ```no_run
/// use std::time::Duration;
/// use shaderprop::{Activation, Device, Fit, Init, Model, Network, Optimizer, Trainer, wgpu};
///
/// # fn frame(adapter: &wgpu::Adapter, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<(), shaderprop::Error> {
/// // Once: asked of the adapter along with what the application needs.
/// let features = Trainer::required_features(adapter);
/// let limits = Trainer::required_limits(adapter);
///
/// let network = Network::new(2).dense(16, Activation::Tanh).dense(1, Activation::Sigmoid);
/// let mut model = Model::new(&Device::cpu(), &network, &Init::default())?;
/// let fit = Fit::new().optimizer(Optimizer::adam());
/// let mut trainer = Trainer::from_device(device, queue, &model, &[[0.0, 1.0]], &[[1.0]], &fit)?;
///
/// // Each frame: as many steps as fit 4 ms, beside whatever is drawn.
/// let mut encoder = device.create_command_encoder(&Default::default());
/// trainer.record_for(&mut encoder, Duration::from_millis(4))?;
/// let weights = trainer.record_weights(&mut encoder)?;
/// queue.submit([encoder.finish()]);
///
/// // Some frames later, when the application has polled its device.
/// if let Some(weights) = weights.take() {
///     model.set_weights(&weights?)?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Trainer {
    gpu: Arc<Gpu>,
    engine: StagedEngine,
    network: Network,
    layout: Layout,
    fit: Fit,
    batches: Batches,
    state: State,
    /// The steps of the epoch that has begun, those that are not recorded yet.
    ahead: VecDeque<Step>,
    steps: u64,
    epochs: u64,
    clock: Option<Clock>,
    pace: Pace,
}

/// A tensor on the device, as bindings and copies take it.
#[derive(Clone, Copy, Debug)]
pub struct TensorBuffer<'a> {
    /// The buffer that it is in, among others; it can be bound as storage, and copied from and to.
    pub buffer: &'a wgpu::Buffer,
    /// Where it begins, in bytes: a multiple of 256.
    pub offset: u64,
    /// How long it is, in bytes: an f32 is four.
    pub size: u64,
}

impl<'a> TensorBuffer<'a> {
    /// The tensor as a resource of a bind group.
    pub fn as_entire_binding(&self) -> wgpu::BindingResource<'a> {
        let size = std::num::NonZero::new(self.size);
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: self.buffer, offset: self.offset, size })
    }
}

/// Weights on their way back from the device.
pub struct Readback {
    gpu: Arc<Gpu>,
    staging: wgpu::Buffer,
    layout: Layout,
    state: Arc<Mutex<Mapped>>,
}

/// How far a readback is; an error is why it will not come.
#[derive(Debug)]
enum Mapped {
    Away,
    Back(Result<(), String>),
    Taken,
}

/// Tells how a readback ended; dropped without, it was never submitted.
struct Telling(Arc<Mutex<Mapped>>);

impl Drop for Telling {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if matches!(*state, Mapped::Away) {
            *state = Mapped::Back(Err("the command buffer was thrown away".into()));
        }
    }
}

impl Readback {
    /// All weights and biases, once they are there: nothing before the application has submitted the command buffer and then polled its
    /// device to the end of it, and nothing a second time.
    ///
    /// [`Error::DeviceLost`] after [`Trainer::device_lost`] was told; [`Error::Driver`] if they do not come: because the command buffer was
    /// thrown away, or the device was lost.
    #[must_use]
    pub fn take(&self) -> Option<Result<Vec<Tensor>, Error>> {
        let refused = |message: String| Error::Driver { what: "weights read back".into(), message, cause: None };
        let mut state = lock(&self.state);
        let mapped = match std::mem::replace(&mut *state, Mapped::Taken) {
            Mapped::Back(mapped) => mapped,
            other => {
                *state = other;
                return None;
            }
        };
        // A lost device still maps: what was read is believed only if nobody has told of a loss by now.
        Some(self.gpu.check().and(mapped.map_err(refused)).and_then(|()| {
            let view = self.staging.get_mapped_range(..).map_err(|error| refused(error.to_string()))?;
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&view[..]);
            drop(view);
            self.staging.unmap();
            let flat: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            Ok(self.layout.tensors(&flat))
        }))
    }
}

impl std::fmt::Debug for Readback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readback").field("state", &self.state).finish_non_exhaustive()
    }
}

/// How long a step takes, as far as that was measured.
struct Pace {
    /// On the host, to record it.
    host: f64,
    /// On the device; nothing before the first measurement.
    device: Option<f64>,
    /// Whether something was measured: the first time is mostly the driver's, which compiles.
    warm: bool,
    /// By how many steps the next frame may have at most.
    most: usize,
}

/// How much of an estimate stays when a step took less than that. What took longer is believed at once, so that budgets are kept.
const INERTIA: f64 = 0.9;

/// By how much a frame's steps may grow from one to the next.
const GROWTH: usize = 2;

/// The epochs' losses take turns in these elements, both of which can be bound.
const LOSS_SLOTS: [usize; 2] = [0, 64];

impl Pace {
    fn learn(&mut self, steps: usize, taken: Duration) {
        if !std::mem::replace(&mut self.warm, true) || steps == 0 {
            return;
        }
        let measured = taken.as_secs_f64() / steps as f64;
        self.device = Some(match self.device {
            Some(before) if measured < before => INERTIA * before + (1.0 - INERTIA) * measured,
            _ => measured,
        });
    }

    /// How many steps fit that time: at least one, or nothing would ever be learned.
    fn fitting(&mut self, budget: Duration) -> usize {
        let Some(device) = self.device else { return 1 };
        let fitting = (budget.as_secs_f64() / (self.host + device).max(1e-9)) as usize;
        let steps = fitting.clamp(1, self.most);
        self.most = steps.saturating_mul(GROWTH).max(2);
        steps
    }
}

impl Trainer {
    /// What of an adapter's features training makes use of, to be asked for along with the application's own: subgroups on software
    /// adapters, and timestamps, by which [`record_for`](Self::record_for) measures. It trains without them too.
    pub fn required_features(adapter: &wgpu::Adapter) -> wgpu::Features {
        gpu::features(adapter)
    }

    /// The limits to ask of an adapter: WebGPU's defaults, or less where it has less, and its own where larger networks or data are the better for it: for the
    /// sizes of buffers and bindings, workgroup memory, and the size and number of workgroups.
    pub fn required_limits(adapter: &wgpu::Adapter) -> wgpu::Limits {
        let own = adapter.limits();
        wgpu::Limits {
            max_buffer_size: own.max_buffer_size,
            max_storage_buffer_binding_size: own.max_storage_buffer_binding_size,
            max_compute_workgroup_storage_size: own.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: own.max_compute_invocations_per_workgroup,
            max_compute_workgroup_size_x: own.max_compute_workgroup_size_x,
            max_compute_workgroups_per_dimension: own.max_compute_workgroups_per_dimension,
            ..wgpu::Limits::default().or_worse_values_from(&own)
        }
    }

    /// A trainer on that device, from a model's weights, which it copies, on rows that stay on the device: `inputs` of shape (rows, inputs),
    /// `targets` as for [`Model::fit`]. The model's own device is of no matter, and may be [`Device::cpu`](crate::Device::cpu).
    ///
    /// Of the settings it takes those of the steps: loss, optimizer, learning rate, warm-up and schedule, decay, clipping, batches and
    /// their order, weights of rows. How many epochs there are is the application's affair.
    ///
    /// # Errors
    /// As [`Model::fit`] for rows and settings; [`Error::Setting`] for settings of a whole training (metrics, validation, early stopping, a
    /// schedule that watches, log points, cancelling, checkpoints, the fused engine); [`Error::TooLarge`] for rows that do not fit the
    /// device's limits; [`Error::OutOfMemory`] and [`Error::Shader`].
    pub fn from_device<'x, 'y>(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        model: &Model,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<Self, Error> {
        let (network, layout) = (model.network(), &model.layout);
        check(fit, network)?;
        let (data, _) = model.parts(inputs.into(), targets.into(), fit)?;
        let gpu = Arc::new(Gpu::adopt(device, queue));
        // As long a step table as there is, for as many steps as an application may record at once.
        let fit = Fit { epochs: usize::MAX, ..fit.clone() };
        let mut frame = train::frame((network, layout, &fit), Rows::of(&data), None, gpu.plan_limits());
        (frame.room, frame.snapshots, frame.scanned) = (LOSS_SLOTS[1] + 1, &[], false);
        let batches = Batches::of(&fit, data.inputs.rows());
        let gathered = [batches.size < batches.rows, false];
        let mut state = model.state.going_on(&fit);
        // From here on the device has them.
        let slots = std::mem::take(&mut state.slots);
        let setup = Setup { frame, parameters: &model.parameters, slots: &slots, data: &data, validation: None };
        // What waits here is an error scope, whose answer is there at once: no device has to be polled for it.
        let (engine, clock) = pollster::block_on(async {
            let planned = plan(&frame, gathered)?;
            let engine = StagedEngine::new(&gpu, &setup, batches, gathered, planned).await?;
            Ok::<_, Error>((engine, Clock::new(&gpu).await?))
        })?;
        let pace = Pace { host: 0.0, device: None, warm: false, most: 1 };
        let (network, layout, ahead) = (network.clone(), layout.clone(), VecDeque::new());
        let mut trainer =
            Self { gpu, engine, network, layout, fit: fit.clone(), batches, state, ahead, steps: 0, epochs: 0, clock, pace };
        trainer.pace.host = trainer.time_of_recording()?;
        Ok(trainer)
    }

    /// How long it takes the host to record a step, in seconds: by recording some into command buffers that are thrown away.
    fn time_of_recording(&self) -> Result<f64, Error> {
        const STEPS: usize = 8;
        let mut shortest = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            let mut encoder = self.gpu.encoder()?;
            let rows = vec![(Default::default(), 0); STEPS];
            pollster::block_on(self.engine.staged.record_steps(&mut encoder, &rows, None))?;
            self.gpu.call(RECORDING, || drop(encoder.finish()))?;
            shortest = shortest.min(began.elapsed().as_secs_f64() / STEPS as f64);
        }
        Ok(shortest)
    }

    /// Records so many steps, of a batch each. An epoch's end is no end to them: its order and learning rate are followed by the next
    /// one's.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] after it was told, [`Error::OutOfMemory`] for the steps' table.
    pub fn record_steps(&mut self, encoder: &mut wgpu::CommandEncoder, steps: usize) -> Result<(), Error> {
        self.gpu.check()?;
        let measurement = self.clock.as_ref().and_then(Clock::free).filter(|_| steps > 0);
        let table = self.engine.staged.table();
        let mut recorded = 0;
        while recorded < steps {
            let count = table.min(steps - recorded);
            let before = (self.state.clone(), self.ahead.clone(), self.steps, self.epochs);
            let rows: Vec<_> = (0..count).map(|_| self.next_step()).collect();
            let ends = (recorded == 0, recorded + count == steps);
            let writes =
                measurement.zip(self.clock.as_ref()).and_then(|(measurement, clock)| clock.writes(measurement, ends.0, ends.1));
            if let Err(error) = pollster::block_on(self.engine.staged.record_steps(encoder, &rows, writes)) {
                // They are still to come.
                (self.state, self.ahead, self.steps, self.epochs) = before;
                return Err(error);
            }
            recorded += count;
        }
        if let (Some(clock), Some(measurement)) = (&mut self.clock, measurement) {
            self.gpu.call(RECORDING, || clock.read(encoder, measurement, steps))?;
        }
        Ok(())
    }

    /// Records as many steps as fit that time by what steps have taken so far, at least one, and gives how many. The time is that of the device for
    /// the steps and of the host for recording them. The first frames have few steps, until it is known how long they take.
    ///
    /// The device's clock says how long that was, if it was opened with [`required_features`](Self::required_features), once the application has
    /// polled; otherwise the application does, by [`took`](Self::took).
    ///
    /// # Errors
    /// As [`record_steps`](Self::record_steps).
    pub fn record_for(&mut self, encoder: &mut wgpu::CommandEncoder, budget: Duration) -> Result<usize, Error> {
        if let Some(clock) = &self.clock {
            for (steps, taken) in clock.measured(&self.gpu) {
                self.pace.learn(steps, taken);
            }
        }
        let steps = self.pace.fitting(budget);
        self.record_steps(encoder, steps)?;
        Ok(steps)
    }

    /// Tells how long the device took for so many steps, where it has no clock of its own.
    pub fn took(&mut self, steps: usize, taken: Duration) {
        self.pace.learn(steps, taken);
    }

    /// The next step's row of the table, and its program.
    fn next_step(&mut self) -> (staged::Step, usize) {
        loop {
            if let Some(step) = self.ahead.pop_front() {
                let row = self.engine.row(&step, LOSS_SLOTS[self.epochs as usize % 2]);
                self.steps += 1;
                if self.ahead.is_empty() {
                    self.epochs += 1;
                }
                return (row, self.engine.program(&step));
            }
            let mut steps = Vec::with_capacity(self.batches.steps());
            self.state.epoch(&self.fit, &self.batches, &mut steps);
            self.ahead.extend(steps);
        }
    }

    /// How many steps it has recorded.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many whole epochs these are.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// A tensor where the device has it, as it is after what was recorded last: `layers.{i}.weight` of shape (in, out), `layers.{i}.bias`, and
    /// `layers.{i}.output`, the layer's activations for the rows of the last batch, of shape (batch, units). A shorter batch at an epoch's end has the
    /// first rows; those behind them are of the batch before. The buffers stay the same.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`].
    pub fn tensor(&self, name: &str) -> Result<TensorBuffer<'_>, Error> {
        let staged = &self.engine.staged;
        if let Ok(place) = self.layout.find(name) {
            let (buffer, offset, _) = staged.place(staged.plan.find("parameters"));
            return Ok(TensorBuffer { buffer, offset: offset + place.offset as u64 * 4, size: place.len as u64 * 4 });
        }
        let outputs = || (0..self.network.layers().len()).map(|i| format!("layers.{i}.output"));
        if outputs().any(|output| output == name) {
            let (buffer, offset, size) = staged.place(staged.plan.find(name));
            return Ok(TensorBuffer { buffer, offset, size });
        }
        let known = self.layout.places.iter().map(|place| place.name.clone()).chain(outputs()).collect();
        Err(Error::UnknownTensor { name: name.into(), known })
    }

    /// All weights and biases in one buffer, with gaps: each [`tensor`](Self::tensor) says where it is.
    pub fn parameters(&self) -> TensorBuffer<'_> {
        let staged = &self.engine.staged;
        let (buffer, offset, size) = staged.place(staged.plan.find("parameters"));
        TensorBuffer { buffer, offset, size }
    }

    /// The loss of the last epoch that was recorded whole, a single f32: the mean over its rows of the losses before each update. Nothing
    /// before the first. The next epoch's goes to another place, and the one after that to this one again.
    pub fn loss(&self) -> Option<TensorBuffer<'_>> {
        let last = self.epochs.checked_sub(1)?;
        let staged = &self.engine.staged;
        let (buffer, offset, _) = staged.place(staged.plan.find("losses"));
        Some(TensorBuffer { buffer, offset: offset + LOSS_SLOTS[last as usize % 2] as u64 * 4, size: 4 })
    }

    /// Records a copy of all weights, as they are after what was recorded before, to be read when the application has submitted and polled.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] after it was told, [`Error::OutOfMemory`].
    pub fn record_weights(&self, encoder: &mut wgpu::CommandEncoder) -> Result<Readback, Error> {
        use wgpu::BufferUsages as Usage;
        let TensorBuffer { buffer, offset, size } = self.parameters();
        let staging = pollster::block_on(self.gpu.buffer("weights, read back", size, Usage::MAP_READ | Usage::COPY_DST))?;
        let state = Arc::new(Mutex::new(Mapped::Away));
        let telling = Telling(state.clone());
        self.gpu.call(RECORDING, || {
            encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, size);
            encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., move |result| {
                *lock(&telling.0) = Mapped::Back(result.map_err(|error| error.to_string()));
            });
        })?;
        Ok(Readback { gpu: self.gpu.clone(), staging, layout: self.layout.clone(), state })
    }

    /// Tells that the device is lost, as the application's own handler heard; all that is recorded later says so.
    pub fn device_lost(&self, message: &str) {
        self.gpu.lost(message);
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("network", &self.network).field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// Refuses settings of a whole training, which an application has in its own hands.
fn check(fit: &Fit, network: &Network) -> Result<(), Error> {
    fit.check(network)?;
    let whole = [
        ("metrics", !fit.metrics.is_empty()),
        ("validation", fit.validation.is_some()),
        ("early_stopping", fit.early_stopping.is_some()),
        ("a schedule that watches the loss", fit.schedule.watches()),
        ("log_every", fit.log_every.is_some()),
        ("log_interval", fit.log_interval.is_some()),
        ("log_weights", fit.log_weights),
        ("cancel", fit.cancel.is_some()),
        ("checkpoint", fit.checkpoint.is_some()),
        ("the fused engine", fit.engine == EngineChoice::Fused),
    ];
    match whole.iter().find(|(_, set)| *set) {
        None => Ok(()),
        Some((what, _)) => Err(Error::Setting {
            what: format!("{what} in a Trainer"),
            expected: "settings of single steps, for the application decides when to train and when to stop".into(),
            got: "one of a whole training".into(),
        }),
    }
}

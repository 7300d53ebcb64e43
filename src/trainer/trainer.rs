//! The trainer: its steps, its budget of time, and its tensors.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use web_time::Instant;

use super::clock::Clock;
use super::readback::Readback;
use super::tensor_buffer::TensorBuffer;
use crate::data::Matrix;
use crate::engine::staged::{self, Gathered, StagedEngine, plan};
use crate::engine::{Batches, DataShape, Setup, Step};
use crate::error::Error;
use crate::gpu::{self, ANY, Gpu, Pace, PaceRules, RECORDING};
use crate::model::Model;
use crate::network::{Layout, Network};
use crate::settings::{EngineChoice, Fit};
use crate::train::{self, State, Task};

/// Trains a network on an application's own wgpu device, between the application's own work.
///
/// It records training steps into the application's command buffers. It installs no handlers on the device, never polls
/// it and never submits to its queue. Errors outside its calls are therefore reported to the application. So is the
/// loss of the device, of which the application [informs](Self::device_lost) the trainer. Recorded steps run when the
/// application submits them, in the order of submission. If a command buffer is dropped, its steps are lost; later
/// steps continue as if they had run, and the loss of that epoch is invalid.
///
/// [`record_weights`](Self::record_weights) reads weights back; the optimizer state and the number of epochs stay with
/// the trainer. The application has to check whether the loss is still finite.
///
/// Use the wgpu version that is re-exported as [`shaderprop::wgpu`](crate::wgpu).
///
/// ```no_run
/// use std::time::Duration;
/// use shaderprop::{Activation, Device, Fit, Init, Model, Network, Optimizer, Trainer, wgpu};
///
/// # fn frame(adapter: &wgpu::Adapter, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<(), shaderprop::Error> {
/// // Once: request these together with what the application needs.
/// let features = Trainer::required_features(adapter);
/// let limits = Trainer::required_limits(adapter);
///
/// let network = Network::new(2).dense(16, Activation::Tanh).dense(1, Activation::Sigmoid);
/// let mut model = Model::new(&Device::cpu(), &network, &Init::default())?;
/// let fit = Fit::new().optimizer(Optimizer::adam());
/// let mut trainer = Trainer::from_device(device, queue, &model, &[[0.0, 1.0]], &[[1.0]], &fit)?;
///
/// // Each frame: as many steps as fit in 4 ms, in addition to what is drawn.
/// let mut encoder = device.create_command_encoder(&Default::default());
/// trainer.record_for(&mut encoder, Duration::from_millis(4))?;
/// let weights = trainer.record_weights(&mut encoder)?;
/// queue.submit([encoder.finish()]);
///
/// // Some frames later, after the application has polled its device.
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
    /// The steps of the current epoch that are not recorded yet.
    ahead: VecDeque<Step>,
    steps: u64,
    epochs: u64,
    clock: Option<Clock>,
    /// The time of a step: recording on the host plus running on the device.
    pace: Pace,
    /// The time of recording a step on the host, in seconds.
    host: f64,
}

/// The estimated time of a step rises at once, so that budgets are kept, and decays slowly. The device's clock measures
/// only the work.
const STEPS: PaceRules =
    PaceRules { rise: 1.0, fall: 0.1, growth: 2.0, enough: 0.0, least: 1.0, answers_late: false, range: ANY };

/// The losses of successive epochs alternate between these elements. Both can be bound.
const LOSS_SLOTS: [usize; 2] = [0, 64];

impl Trainer {
    /// The features of an adapter that training can use; request them together with the application's own. They are
    /// subgroups on software adapters, and timestamps, which [`record_for`](Self::record_for) uses to measure time.
    /// Training also works without them.
    pub fn required_features(adapter: &wgpu::Adapter) -> wgpu::Features {
        gpu::features(adapter)
    }

    /// The limits to request from an adapter. For the sizes of buffers and bindings, workgroup memory, and the size and
    /// number of workgroups they are the adapter's own limits, which allow larger networks and data. All others are
    /// WebGPU's defaults, or less if the adapter has less.
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

    /// Creates a trainer on an application's device. It copies the model's weights, and uploads the rows once: `inputs`
    /// of shape (rows, inputs), `targets` as for [`Model::fit`]. The model's own device does not matter and may be
    /// [`Device::cpu`](crate::Device::cpu).
    ///
    /// It uses the settings of single steps: loss, optimizer, learning rate, warm-up and schedule, weight decay,
    /// clipping, batches and their order, sample and class weights. The application decides how many epochs there are.
    ///
    /// # Errors
    /// The same as [`Model::fit`] for rows and settings; [`Error::Setting`] for settings of a whole training run
    /// (metrics, validation, early stopping, a schedule that watches the loss, log points, cancelling, checkpoints, the
    /// fused engine); [`Error::TooLarge`] for rows that exceed the device's limits; [`Error::OutOfMemory`] and
    /// [`Error::Shader`].
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
        let data = model.parts(inputs.into(), targets.into(), fit)?.train;
        let gpu = Arc::new(Gpu::adopt(device, queue));
        // The longest step table, for as many steps as an application may record at once.
        let fit = Fit { epochs: usize::MAX, ..fit.clone() };
        let mut frame = train::frame(Task { network, layout, fit: &fit }, DataShape::of(&data), None, gpu.plan_limits());
        (frame.room, frame.snapshots, frame.scanned) = (LOSS_SLOTS[1] + 1, &[], false);
        let batches = Batches::of(&fit, data.inputs.rows());
        let gathered = Gathered { training: batches.size < batches.rows, validation: false };
        let mut state = model.state.continued(&fit);
        // From here on they are on the device.
        let slots = std::mem::take(&mut state.slots);
        let setup = Setup { frame, parameters: &model.parameters, slots: &slots, data: &data, validation: None };
        // This waits only for an error scope, which resolves at once without polling the device.
        let (engine, clock) = pollster::block_on(async {
            let planned = plan(&frame, gathered)?;
            let engine = StagedEngine::new(&gpu, &setup, batches, planned).await?;
            Ok::<_, Error>((engine, Clock::new(&gpu).await?))
        })?;
        let (pace, host) = (Pace::new(STEPS), 0.0);
        let (network, layout, ahead) = (network.clone(), layout.clone(), VecDeque::new());
        let mut trainer = Self {
            gpu,
            engine,
            network,
            layout,
            fit: fit.clone(),
            batches,
            state,
            ahead,
            steps: 0,
            epochs: 0,
            clock,
            pace,
            host,
        };
        trainer.host = trainer.time_of_recording()?;
        Ok(trainer)
    }

    /// The time of recording a step on the host, in seconds. It records some into command buffers that are dropped.
    fn time_of_recording(&self) -> Result<f64, Error> {
        const STEPS: usize = 8;
        let mut shortest = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            let mut encoder = self.gpu.encoder()?;
            let rows = vec![(Default::default(), 0); STEPS];
            pollster::block_on(self.engine.staged.record_steps(&self.engine.ids.table, &mut encoder, &rows, None))?;
            self.gpu.call(RECORDING, || drop(encoder.finish()))?;
            shortest = shortest.min(began.elapsed().as_secs_f64() / STEPS as f64);
        }
        Ok(shortest)
    }

    /// Records `steps` training steps, one batch each. They continue across the end of an epoch with the next epoch's
    /// order and learning rate.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] after it was reported, [`Error::OutOfMemory`] for the step table.
    pub fn record_steps(&mut self, encoder: &mut wgpu::CommandEncoder, steps: usize) -> Result<(), Error> {
        self.gpu.check()?;
        let measurement = self.clock.as_ref().and_then(Clock::free).filter(|_| steps > 0);
        let table = self.engine.ids.table;
        let most = self.engine.staged.rows(&table);
        let mut recorded = 0;
        while recorded < steps {
            let count = most.min(steps - recorded);
            let before = (self.state.clone(), self.ahead.clone(), self.steps, self.epochs);
            let rows: Vec<_> = (0..count).map(|_| self.next_step()).collect();
            let ends = (recorded == 0, recorded + count == steps);
            let writes =
                measurement.zip(self.clock.as_ref()).and_then(|(measurement, clock)| clock.writes(measurement, ends.0, ends.1));
            if let Err(error) = pollster::block_on(self.engine.staged.record_steps(&table, encoder, &rows, writes)) {
                // These steps are still to be recorded.
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

    /// Records as many steps as fit in the time `budget`, at least one, and returns how many. The estimate includes the
    /// device's time for the steps and the host's time for recording them. The first frames have few steps, until the
    /// time of a step is known.
    ///
    /// On a device with [`required_features`](Self::required_features), timestamps measure that time once the
    /// application has polled. Otherwise the application reports it with [`report_time`](Self::report_time).
    ///
    /// # Errors
    /// The same as [`record_steps`](Self::record_steps).
    pub fn record_for(&mut self, encoder: &mut wgpu::CommandEncoder, budget: Duration) -> Result<usize, Error> {
        let measured = self.clock.as_ref().map_or(Vec::new(), |clock| clock.measured(&self.gpu));
        for (steps, taken) in measured {
            self.report_time(steps, taken);
        }
        // At least one, or the time of a step would never be measured.
        let steps = self.pace.fitting(budget).map_or(1, |steps| steps as usize).max(1);
        self.record_steps(encoder, steps)?;
        Ok(steps)
    }

    /// Reports how long the device took for `steps` steps, for devices without timestamps.
    pub fn report_time(&mut self, steps: usize, taken: Duration) {
        let recording = Duration::from_secs_f64(steps as f64 * self.host);
        self.pace.learn(steps as f64, taken.saturating_add(recording));
    }

    /// The next step's row of the step table, and its program.
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

    /// The number of steps recorded so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The number of complete epochs recorded so far.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Returns a tensor in its device buffer, as it is after the last recorded step. The names are `layers.{i}.weight`
    /// of shape (in, out), `layers.{i}.bias`, and `layers.{i}.output`, the layer's activations for the rows of the last
    /// batch, of shape (batch, units). After a smaller batch at the end of an epoch, only its first rows are current;
    /// the rows after them are from the batch before. The buffers never change.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`].
    pub fn tensor(&self, name: &str) -> Result<TensorBuffer<'_>, Error> {
        let staged = &self.engine.staged;
        if let Ok(place) = self.layout.find(name) {
            let (buffer, offset, _) = staged.place(self.engine.ids.parameters);
            return Ok(TensorBuffer { buffer, offset: offset + place.offset as u64 * 4, size: place.len as u64 * 4 });
        }
        let outputs = || (0..self.network.layers().len()).map(|i| format!("layers.{i}.output"));
        if let Some(layer) = outputs().position(|output| output == name) {
            let (buffer, offset, size) = staged.place(self.engine.ids.layers[layer].outputs);
            return Ok(TensorBuffer { buffer, offset, size });
        }
        let known = self.layout.places.iter().map(|place| place.name.clone()).chain(outputs()).collect();
        Err(Error::UnknownTensor { name: name.into(), known })
    }

    /// All weights and biases in one buffer, with gaps. Each [`tensor`](Self::tensor) gives its offset.
    pub fn parameters(&self) -> TensorBuffer<'_> {
        let staged = &self.engine.staged;
        let (buffer, offset, size) = staged.place(self.engine.ids.parameters);
        TensorBuffer { buffer, offset, size }
    }

    /// The loss of the last complete epoch, a single f32: the mean over its rows of the losses before each update.
    /// `None` before the first. Successive epochs alternate between two positions.
    pub fn loss(&self) -> Option<TensorBuffer<'_>> {
        let last = self.epochs.checked_sub(1)?;
        let staged = &self.engine.staged;
        let (buffer, offset, _) = staged.place(self.engine.ids.table.losses);
        Some(TensorBuffer { buffer, offset: offset + LOSS_SLOTS[last as usize % 2] as u64 * 4, size: 4 })
    }

    /// Records a copy of all weights, as they are after the last recorded step. Read it after the application has
    /// submitted and polled.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] after it was reported, [`Error::OutOfMemory`].
    pub fn record_weights(&self, encoder: &mut wgpu::CommandEncoder) -> Result<Readback, Error> {
        Readback::record(&self.gpu, encoder, self.parameters(), &self.layout)
    }

    /// Reports the loss of the device, as received by the application's own handler. All later calls that record return
    /// this error.
    pub fn device_lost(&self, message: &str) {
        self.gpu.lost(message);
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("network", &self.network).field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// Refuses settings of a whole training run, which the application controls itself.
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
            expected: "only settings of single steps, because the application decides when to train and when to stop".into(),
            got: "one of a whole training run".into(),
        }),
    }
}

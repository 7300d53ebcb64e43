//! shaderprop trains multi-layer perceptrons entirely in compute shaders. It uses Vulkan, Metal, DX12 and a browser's
//! WebGPU, and so is not tied to one vendor's GPUs.
//!
//! Describe a [`Network`], open a [`Device`], create a [`Model`] from the two, and [`fit`](Model::fit) it:
//!
//! ```no_run
//! use shaderprop::{Activation, Device, DeviceChoice, Fit, Init, Matrix, Model, Network};
//!
//! let device = Device::open(&DeviceChoice::from_env())?;
//! let network = Network::new(2).dense(8, Activation::Tanh).dense(1, Activation::Sigmoid);
//! let mut model = Model::new(&device, &network, &Init::default())?;
//! let inputs = Matrix::from(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//! let targets = Matrix::from(&[[0.0], [1.0], [1.0], [0.0]]);
//! let history = model.fit(&inputs, &targets, &Fit::new().learning_rate(0.5).epochs(5000))?;
//! println!("{:?} after {} epochs", model.predict(&inputs)?.values(), history.loss.len());
//! # Ok::<(), shaderprop::Error>(())
//! ```
//!
//! # Real data
//! [`Fit`] holds the training settings: mini-batches, [`Optimizer`]s, [`Schedule`]s, sample and class weights,
//! [`Metric`]s, validation and [`EarlyStopping`]. A [`Preprocessing`] turns a [`Table`] of numbers, text and missing
//! values into matrices and is then saved with the model. [`Array`] reads IDX and NPY files. [`Split`] and
//! [`cross_validate`] hold out rows.
//!
//! # What happens in an epoch
//! Data and parameters are uploaded to the device once. An epoch is one command buffer of dispatches, one for each
//! stage. Each stage is a WGSL file in `shaders/`: the matrix products, bias and activation, the backward pass from the
//! last layer to the first, the gradients, the update in place, and the loss. The loss stays on the device until it is
//! logged. [`Model::explain`] shows any epoch stage by stage. For wide layers, the stages that follow a matrix product
//! run as an epilogue in the same kernel, on blocks of the product in registers. The fused engine trains a network that
//! fits in the registers, many epochs in one dispatch ([`Fit::engine`]). A [`Sweep`] trains thousands of such networks
//! at once.
//!
//! # Without blocking
//! Every blocking call has an async form for browsers and event loops, such as [`Model::fit_async`]. In a browser only
//! the async forms exist. A future is woken when the device has finished the work it waits for; outside a browser, the
//! device's own polling thread wakes it. That thread starts with the first such wait. If a future is dropped, the model
//! stays as it was before the call. On [`Device::cpu`] all the work is done in the first poll.
//!
//! # Numbers
//! The device computes in f32. The same adapter, driver, version, settings and seed give the same bits. The CPU engine
//! ([`Device::cpu`]) is a separate, plain implementation in f64. The shaders are tested against it.

#![warn(missing_docs)]
#![cfg_attr(
    target_arch = "wasm32",
    allow(dead_code, unused_imports, reason = "in a browser nothing blocks and there are no files, nor what serves these alone")
)]

mod bits;
mod data;
mod display;
#[cfg(not(target_arch = "wasm32"))]
pub mod doctor;
mod engine;
mod error;
mod file;
mod gpu;
mod infer;
mod kernel;
mod memory;
mod model;
mod network;
mod plan;
mod random;
mod settings;
mod train;
#[cfg(not(target_arch = "wasm32"))]
mod trainer;

pub use data::{
    Array, ClassWeights, Column, ColumnKind, ColumnUse, Columns, Csv, CsvNotice, Dataset, Encoding, InferredTarget, Matrix,
    Missing, Parts, Predictions, Preprocessing, Scaling, Schema, SchemaColumn, Split, Table, TableNotice, TableReader,
    TargetNotice, UnreadCells, Written,
};
pub use engine::{Engine, EngineReport};
pub use error::{Cause, Error};
#[cfg(not(target_arch = "wasm32"))]
pub use file::AtomicFile;
pub use file::{Format, Load, Save};
#[cfg(not(target_arch = "wasm32"))]
pub use gpu::devices;
pub use gpu::{Device, DeviceChoice, DeviceInfo, DeviceKind, DeviceLimits, silence_caught_panics};
pub use infer::{Evaluation, Predictor, Stage};
#[cfg(not(target_arch = "wasm32"))]
pub use model::{Fold, cross_validate};
pub use model::{Member, MemberHistory, Model, Sweep, SweepHistory, SweepLog};
pub use network::{Activation, Dense, Init, Loss, Network, Optimizer, Order, Tensor};
pub use random::Philox;
pub use settings::{Answer, Cancel, Checkpoint, EarlyStopping, EngineChoice, Fit, Metric, OnNonFinite, Schedule};
pub use train::{Ended, History, LayerSummary, Log, Summary};
#[cfg(not(target_arch = "wasm32"))]
pub use trainer::{Readback, TensorBuffer, Trainer};
/// The version of wgpu that this crate is built with.
pub use wgpu;

/// Internals for the project's own tests, benchmarks and examples. They have no stability guarantee.
#[doc(hidden)]
pub mod internals {
    pub use crate::data::Order as EpochOrder;
    /// Measures the peak throughput of an adapter.
    #[cfg(not(target_arch = "wasm32"))]
    pub use crate::doctor::peak::{Peak, peak};
    /// The CPU counterparts of the shaders, and the reference built from them.
    pub use crate::engine::cpu::reference;
    pub use crate::engine::staged::{Staged, Step};
    pub use crate::gpu::Gpu;
    pub use crate::kernel::{
        Epilogue, Family, Fused, Kernel, LONGEST_LOOP, Lanes, Layer, Layouts, Limits, PARTS, Product, Products, RowBlocks, Shape,
        Tiles, WORTH_BLOCKS, Weights,
    };
    pub use crate::network::{Layout, Rule};
    pub use crate::plan::{
        BatchIds, Chance, Dispatch, Dropout, Ending, EvaluationStep, Factors, Id, LossOf, Outputs, Piece, Plan, Planned, Slot,
        Source, StepTable, TableSize, TrainingIds, TrainingStep, Update,
    };
    pub use crate::settings::{Counts, Scores};

    /// The same device, planned for as if it had these limits.
    pub fn limited(device: &crate::Device, limits: Limits) -> crate::Device {
        device.with_limits(limits)
    }

    /// The same adapter, opened with WebGPU's default limits and no features.
    ///
    /// # Errors
    /// The same as [`Device::open`](crate::Device::open).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn as_in_a_browser(device: &crate::Device) -> Result<crate::Device, crate::Error> {
        device.reopen_as_in_a_browser()
    }

    /// The device's GPU; `None` for the CPU engine.
    pub fn gpu(device: &crate::Device) -> Option<std::sync::Arc<Gpu>> {
        device.gpu.clone()
    }
}

/// Compiles and runs the Rust code of the README and of docs/ together with the other documentation examples.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/embed/rust.md")]
    struct EmbedRust;
    #[doc = include_str!("../docs/embed/data.md")]
    struct EmbedData;
    #[doc = include_str!("../docs/embed/files.md")]
    struct EmbedFiles;
    #[doc = include_str!("../docs/embed/sweep.md")]
    struct EmbedSweep;
    #[doc = include_str!("../docs/embed/trainer.md")]
    struct EmbedTrainer;
}

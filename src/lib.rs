//! shaderprop trains multi-layer perceptrons entirely in compute shaders, on GPUs through Vulkan, Metal,
//! DX12 and a browser's WebGPU, whoever made them.
//!
//! Describe a [`Network`], open a [`Device`], put the one on the other as a [`Model`], and [`fit`](Model::fit) it:
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
//! [`Fit`] has what training takes beside: mini-batches, [`Optimizer`]s, [`Schedule`]s, weights, [`Metric`]s, validation and
//! [`EarlyStopping`]. A [`Table`] of words, numbers and holes becomes matrices by a [`Preprocessing`], which then goes with the model.
//! [`Array`] reads IDX and NPY files; [`Split`] and [`cross_validate`] hold rows out.
//!
//! # What happens in an epoch
//! Data and parameters are on the device once. An epoch is one command buffer of dispatches, one a stage, each a WGSL file in
//! `shaders/`: the matrix products, bias and activation, the deltas from the last layer to the first, the gradients, the update
//! in place, and the loss, which stays on the device until it is logged. [`Model::explain`] shows any epoch stage by stage. Wide
//! layers do the stages that follow a matrix product in the same kernel, on blocks of it in registers. A network that fits the registers is
//! trained whole: many epochs are one dispatch ([`Fit::engine`]). A [`Sweep`] trains thousands of such networks at once.
//!
//! # Without blocking
//! What browsers and event loops need has a form that does not block, such as [`Model::fit_async`]; in a browser there are these alone. A future is
//! woken when the device has done what it waits for; outside of a browser by a thread that the device has for it from the first such wait on. It may be
//! dropped: the model is then as it was. On [`Device::cpu`] the work is done in the first poll.
//!
//! # Numbers
//! The device computes in f32. The same adapter, driver, version, settings and seed give the same bits. The CPU engine
//! ([`Device::cpu`]) is a separate, plain implementation in f64, against which the shaders are tested.

#![warn(missing_docs)]
#![cfg_attr(
    target_arch = "wasm32",
    allow(dead_code, unused_imports, reason = "in a browser nothing blocks and there are no files, nor what serves these alone")
)]

mod bits;
mod data;
mod display;
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
    Array, ClassWeights, Column, Columns, Csv, Dataset, Matrix, Missing, Parts, Predictions, Preprocessing, Scaling, Split,
    Table, TableReader,
};
pub use engine::{Engine, EngineReport};
pub use error::{Cause, Error};
pub use file::{Format, Load, Save};
#[cfg(not(target_arch = "wasm32"))]
pub use gpu::devices;
pub use gpu::{Device, DeviceChoice, DeviceInfo, DeviceKind, DeviceLimits, silence_caught_panics};
pub use infer::{Evaluation, Predictor, Stage};
#[cfg(not(target_arch = "wasm32"))]
pub use model::{Fold, cross_validate};
pub use model::{Member, MemberHistory, Model, Sweep, SweepHistory};
pub use network::{Activation, Dense, Init, Loss, Network, Optimizer, Order, Tensor};
pub use random::Philox;
pub use settings::{Answer, Cancel, Checkpoint, EarlyStopping, EngineChoice, Fit, Metric, OnNonFinite, Schedule};
pub use train::{Ended, History, LayerSummary, Log, Summary};
#[cfg(not(target_arch = "wasm32"))]
pub use trainer::{Readback, TensorBuffer, Trainer};
/// The wgpu that this version is built with.
pub use wgpu;

/// What the project's own tests, benchmarks and examples reach into. No promise is made for it.
#[doc(hidden)]
pub mod internals {
    pub use crate::data::Order as EpochOrder;
    /// The CPU twins of the shaders, and the reference that is made of them.
    pub use crate::engine::cpu::reference;
    pub use crate::engine::staged::{Staged, Step};
    pub use crate::gpu::Gpu;
    pub use crate::kernel::{
        Family, Finish, Fused, Kernel, LONGEST_LOOP, Lanes, Layer, Layouts, Limits, PARTS, Product, Products, Rows, Shader,
        Shape, Tiles, WORTH_BLOCKS, Weights,
    };
    pub use crate::network::{Layout, Rule};
    pub use crate::plan::{Dispatch, Evaluation, Id, Outputs, Piece, Plan, Slot, Source, Table, Training};
    pub use crate::settings::{Counts, Scores};

    /// The same device, planned for as if it had these limits.
    pub fn limited(device: &crate::Device, limits: Limits) -> crate::Device {
        device.with_limits(limits)
    }

    /// The same adapter opened with WebGPU's default limits, and no features.
    ///
    /// # Errors
    /// As [`Device::open`](crate::Device::open).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn as_in_a_browser(device: &crate::Device) -> Result<crate::Device, crate::Error> {
        device.reopen_as_in_a_browser()
    }

    /// The kernels that a training dispatches, by their labels.
    ///
    /// # Errors
    /// As [`Model::summary`](crate::Model::summary).
    pub fn kernels(
        model: &crate::Model,
        fit: &crate::Fit,
        rows: usize,
    ) -> Result<std::collections::BTreeSet<String>, crate::Error> {
        model.kernels(fit, rows)
    }

    /// Files that are whole or not there.
    pub mod files {
        pub use crate::file::{Existing, Target, write};
        pub use crate::model::savable;
    }

    pub use crate::display::short;

    /// The device's GPU.
    pub fn gpu(device: &crate::Device) -> Option<std::sync::Arc<Gpu>> {
        device.gpu.clone()
    }
}

/// The README's program is compiled and run with the other examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

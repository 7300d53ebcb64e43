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
//! What browsers and event loops need has a form that does not block, such as [`Model::fit_async`]; in a browser there are these alone. Outside of one a
//! future asks the device each time it is polled, and asks to be polled again at once. It may be dropped: the model is then as it was. On
//! [`Device::cpu`] the work is done in the first poll.
//!
//! # Numbers
//! The device computes in f32. The same adapter, driver, version, settings and seed give the same bits. The CPU engine
//! ([`Device::cpu`]) is a separate, plain implementation in f64, against which the shaders are tested.

#![warn(missing_docs)]
#![cfg_attr(
    target_arch = "wasm32",
    allow(dead_code, unused_imports, reason = "in a browser nothing blocks and there are no files, nor what serves these alone")
)]

mod activation;
#[cfg(not(target_arch = "wasm32"))]
mod cross_validation;
mod data;
mod device;
mod engine;
mod error;
mod file;
mod fit;
mod fused;
mod gpu;
mod history;
mod init;
mod loss;
mod matrix;
mod memory;
mod metric;
mod model;
mod network;
mod optimizer;
mod order;
mod plan;
mod predictor;
mod product;
mod random;
mod read;
mod reference;
mod schedule;
mod shader;
mod shown;
mod split;
mod staged;
mod summary;
mod sweep;
mod table;
mod text;
mod trace;
mod train;
#[cfg(not(target_arch = "wasm32"))]
mod trainer;

pub use activation::Activation;
#[cfg(not(target_arch = "wasm32"))]
pub use cross_validation::{Fold, cross_validate};
#[cfg(not(target_arch = "wasm32"))]
pub use device::devices;
pub use device::{Device, DeviceChoice, DeviceInfo, DeviceKind, DeviceLimits};
pub use error::Error;
pub use file::{Format, Load, Save};
pub use fit::{Answer, Cancel, Checkpoint, ClassWeights, EarlyStopping, EngineChoice, Fit, OnNonFinite};
pub use fused::{Engine, EngineReport};
pub use gpu::silence_caught_panics;
pub use history::{Ended, Evaluation, History, Log};
pub use init::{Init, Order};
pub use loss::Loss;
pub use matrix::Matrix;
pub use metric::Metric;
pub use model::Model;
pub use network::{Dense, Network, Tensor};
pub use optimizer::Optimizer;
pub use predictor::Predictor;
pub use random::Philox;
pub use read::Array;
pub use schedule::Schedule;
pub use split::{Parts, Split};
pub use summary::{LayerSummary, Summary};
pub use sweep::{Member, MemberHistory, Sweep, SweepHistory};
pub use table::{Column, Columns, Csv, Dataset, Missing, Predictions, Preprocessing, Scaling, Table, TableReader};
pub use trace::Stage;
#[cfg(not(target_arch = "wasm32"))]
pub use trainer::{Readback, TensorBuffer, Trainer};
/// The wgpu that this version is built with.
pub use wgpu;

/// What the project's own tests, benchmarks and examples reach into. No promise is made for it.
#[doc(hidden)]
pub mod internals {
    pub use crate::fused::{Fused, Lanes, Layer};
    pub use crate::gpu::Gpu;
    pub use crate::network::Layout;
    pub use crate::optimizer::Rule;
    pub use crate::order::Order as EpochOrder;
    pub use crate::plan::{
        Counts, Dispatch, Evaluation, Id, Limits, Outputs, Piece, Plan, Scores, Slot, Source, Table, Training,
    };
    pub use crate::product::choice::{Products, Shape, WORTH_BLOCKS};
    pub use crate::product::{Family, Finish, Layouts, Product, Rows, Tiles};

    /// The CPU twins of the shaders, and the reference that is made of them.
    pub mod reference {
        pub use crate::reference::*;
    }
    pub use crate::shader::{Kernel, LONGEST_LOOP, PARTS, Shader, Weights};
    pub use crate::staged::{Staged, Step};

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
        pub use crate::file::savable;
        pub use crate::file::write::{Existing, Target, write};
    }

    pub use crate::shown::short;

    /// The device's GPU.
    pub fn gpu(device: &crate::Device) -> Option<std::sync::Arc<Gpu>> {
        device.gpu.clone()
    }
}

/// The Rust code of the README and of docs/ is compiled and run with the other examples of the documentation.
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

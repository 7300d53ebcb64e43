//! How fast training is, beside what the device can do at most.

use std::fmt;
use std::time::Instant;

use super::cases::numbers;
use super::{needs_adapter, peak};
use crate::data::Matrix;
use crate::error::Error;
use crate::gpu::Device;
use crate::model::Model;
use crate::network::{Activation, Init, Network};
use crate::settings::{EngineChoice, Fit};

/// How fast a device trains, beside what its shaders reach at most. It prints itself on one line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Speed {
    /// The multiply-adds of training steps of a wide network, in GFLOP/s, two operations each.
    pub training: f64,
    /// The same of a shader that does nothing but multiply-adds on registers.
    pub peak: f64,
    /// The bytes that a shader reads and writes which does nothing else, in GB/s.
    pub bandwidth: f64,
}

impl Speed {
    /// How much of the peak training reaches, from 0 to 1.
    pub fn share_of_peak(&self) -> f64 {
        self.training / self.peak
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "speed: {:.1} GFLOP/s in training steps, {:.0} % of the {:.1} that its shaders reach at most; {:.1} GB/s",
            self.training,
            100.0 * self.share_of_peak(),
            self.peak,
            self.bandwidth
        )
    }
}

/// Measures how fast a device trains. Takes some seconds, for which nothing else should run there.
///
/// # Errors
/// [`Error::NeedsAdapter`] on the CPU engine, and what the driver refuses.
///
/// ```no_run
/// use shaderprop::{Device, DeviceChoice, doctor};
/// println!("{}", doctor::speed(&Device::open(&DeviceChoice::Hardware)?)?);
/// # Ok::<(), shaderprop::Error>(())
/// ```
pub fn speed(device: &Device) -> Result<Speed, Error> {
    let gpu = device.gpu.as_ref().ok_or_else(needs_adapter)?;
    let training = throughput(device)?;
    let peak = peak::peak(gpu, if gpu.is_software() { 1 } else { 64 })?;
    Ok(Speed { training, peak: peak.unrolled, bandwidth: peak.bytes })
}

/// GFLOP/s of training steps of a wide network: multiply-adds of its products, two operations each, by the time of epochs beyond the first ones.
fn throughput(device: &Device) -> Result<f64, Error> {
    let (rows, width) = (256, 512);
    let network =
        Network::new(width).dense(width, Activation::Relu).dense(width, Activation::Relu).dense(width, Activation::Identity);
    let mut model = Model::new(device, &network, &Init::HeUniform { seed: 1 })?;
    let inputs = Matrix::new(rows, width, numbers(rows * width))?;
    let targets = inputs.clone();
    let mut timed = |epochs: usize| -> Result<f64, Error> {
        let begun = Instant::now();
        model.fit(&inputs, &targets, &Fit::new().learning_rate(1e-4).epochs(epochs).engine(EngineChoice::Staged))?;
        Ok(begun.elapsed().as_secs_f64())
    };
    timed(1)?;
    // What a call costs beside its epochs is in both.
    let (mut long, mut short) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..3 {
        (long, short) = (long.min(timed(21)?), short.min(timed(1)?));
    }
    let best = (long - short) / 20.0;
    // Forward, gradients, and errors of all but the first layer.
    let products = 3 + 3 + 2;
    Ok(2.0 * (products * rows * width * width) as f64 / best / 1e9)
}

//! Measures how fast a device trains, compared with its peak.

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

/// How fast a device trains, compared with the peak of its shaders. It implements `Display`, on one line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Speed {
    /// Multiply-adds of the training steps of a wide network, in GFLOP/s, two operations each.
    pub training: f64,
    /// The peak in GFLOP/s: a shader that does nothing but multiply-adds on registers.
    pub peak: f64,
    /// The memory bandwidth in GB/s: a shader that does nothing but read and write.
    pub bandwidth: f64,
}

impl Speed {
    /// The share of the peak that training reaches, from 0 to 1.
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

/// Measures how fast a device trains. This takes a few seconds, during which the device should be otherwise idle.
///
/// # Errors
/// [`Error::NeedsAdapter`] on the CPU engine, and whatever the driver refuses.
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

/// The throughput of training a wide network, in GFLOP/s: the multiply-adds of its products, two operations each,
/// divided by the time of the epochs after the first ones.
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
    // The fixed cost of a call is in both times and cancels out.
    let (mut long, mut short) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..3 {
        (long, short) = (long.min(timed(21)?), short.min(timed(1)?));
    }
    let best = (long - short) / 20.0;
    // Forward, weight gradients, and the deltas of all but the first layer.
    let products = 3 + 3 + 2;
    Ok(2.0 * (products * rows * width * width) as f64 / best / 1e9)
}

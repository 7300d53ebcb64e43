//! Measures a training step in burn (dense layers, sigmoid, mean squared error, SGD) on its default wgpu device:
//! peer-burn LAYERS BATCH STEPS. Prints what `cargo run --example bench` prints about a step, measured in the same way.

use std::hint::black_box;
use std::time::Instant;

use burn::backend::{Autodiff, Wgpu};
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, Optimizer, SgdConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, ElementConversion, Tensor};

type Trained = Autodiff<Wgpu>;

#[derive(Module, Debug)]
struct Network<B: Backend> {
    layers: Vec<Linear<B>>,
}

impl<B: Backend> Network<B> {
    fn forward(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        self.layers.iter().fold(inputs, |values, layer| sigmoid(layer.forward(values)))
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layers, batch, steps] = &arguments[..] else { panic!("usage: peer-burn LAYERS BATCH STEPS, such as 784,128,10 64 20") };
    let sizes: Vec<usize> = layers.split(',').map(|size| size.parse().expect("sizes")).collect();
    let (batch, steps): (usize, usize) = (batch.parse().expect("a batch"), steps.parse().expect("steps"));
    let device = <Trained as burn::tensor::backend::BackendTypes>::Device::default();

    let start = Instant::now();
    let random = |columns| Tensor::<Trained, 2>::random([batch, columns], Distribution::Default, &device);
    let (inputs, targets) = (random(sizes[0]), random(sizes[sizes.len() - 1]));
    let layers = sizes.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(&device)).collect();
    let mut network = Network::<Trained> { layers };
    let mut sgd = SgdConfig::new().init();
    let mut run = |steps: usize| {
        let start = Instant::now();
        let mut last = None;
        for _ in 0..steps {
            let difference = network.forward(inputs.clone()) - targets.clone();
            let loss = (difference.clone() * difference).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = sgd.step(0.1, network.clone(), gradients);
            last = Some(loss);
        }
        // Read a loss and a weight, which waits for all the work.
        black_box(last.map(|loss| loss.into_scalar().elem::<f32>()));
        black_box(network.layers[0].weight.val().slice([0..1, 0..1]).into_scalar().elem::<f32>());
        start.elapsed()
    };
    run(1);
    println!("first_step_ms={:.1}", start.elapsed().as_secs_f64() * 1e3);
    // burn tunes its kernels in the first steps.
    run(3.max(steps));
    let best = (0..3).map(|_| run(steps)).min().expect("three rounds");
    println!("ms_per_step={:.3}", best.as_secs_f64() * 1e3 / steps as f64);
}

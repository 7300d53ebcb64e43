//! The description of a fused kernel, and the distribution of a network's numbers over its lanes.

use crate::kernel::binding::{Binding, read, when, write};
use crate::network::{Activation, Loss, MathFunction, Network, Optimizer, Rule};

/// A kernel that trains whole networks. Its WGSL depends on exactly these fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fused {
    /// The number of inputs.
    pub inputs: usize,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// The loss to minimise.
    pub loss: Loss,
    /// The update rule.
    pub rule: Rule,
    /// The number of rows in the data.
    pub rows: usize,
    /// The number of rows in a batch. The last batch of an epoch may be smaller.
    pub batch: usize,
    /// Whether rows are shuffled for each epoch.
    pub shuffled: bool,
    /// Whether there are sample weights, which may differ between networks.
    pub weighted: bool,
    /// Whether learning rates or the optimizer's corrections change from step to step.
    pub stepped: bool,
    /// Whether networks have weight decay.
    pub decays: bool,
    /// Whether networks may end at different epochs.
    pub ends: bool,
    /// The invocations that hold a network.
    pub lanes: Lanes,
}

/// A layer of a fused kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// The number of inputs.
    pub ins: usize,
    /// The number of outputs.
    pub outs: usize,
    /// The activation function.
    pub activation: Activation,
    /// Whether training leaves the layer unchanged.
    pub frozen: bool,
    /// The layer's own weight decay, as a WGSL number.
    pub decay: Option<String>,
}

/// The invocations that hold a network, and how they exchange values. Each holds some adjacent units of every layer:
/// their weights, biases and optimizer state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lanes {
    /// One invocation holds the whole network. The rows are unrolled, so that they are on the chip too.
    One,
    /// A subgroup of that fixed size. Values are exchanged between registers.
    Subgroup(u32),
    /// This many invocations of a workgroup. Values are exchanged through its memory.
    Memory(u32),
}

/// The number of invocations in a workgroup, except for subgroups.
const INVOCATIONS: u32 = 64;

impl Lanes {
    /// The number of lanes that hold a network.
    pub fn count(self) -> usize {
        match self {
            Lanes::One => 1,
            Lanes::Subgroup(lanes) | Lanes::Memory(lanes) => lanes as usize,
        }
    }

    /// The number of invocations in a workgroup.
    pub fn invocations(self) -> u32 {
        match self {
            Lanes::Subgroup(lanes) => lanes,
            Lanes::One | Lanes::Memory(_) => INVOCATIONS,
        }
    }

    /// The number of networks in a workgroup.
    pub fn networks(self) -> usize {
        self.invocations() as usize / self.count()
    }
}

/// The fields of its `Params` in order, with their meaning.
pub(super) const PARAMS: [(&str, &str); 9] = [
    ("networks", "the number of networks in the buffers"),
    ("first", "this dispatch trains the networks first..end"),
    ("end", ""),
    ("epochs", "the number of epochs"),
    ("first_epoch", "the number of epochs trained before"),
    ("every", "one loss in this many epochs is kept"),
    ("wait", "the number of epochs before the first of them"),
    ("slot", "the slot of the first of them"),
    ("words", "the number of words that an invocation holds; a word has four numbers"),
];

/// A storage buffer of a fused kernel.
#[derive(Clone, Copy, Debug)]
pub struct FusedBuffer {
    /// Its binding.
    pub binding: Binding,
    /// The WGSL type of its elements.
    pub(super) of: &'static str,
}

/// The location of a number in the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanePlace {
    /// The index of the lane's word; a word has four numbers.
    pub word: usize,
    /// The lane.
    pub lane: usize,
    /// The component of the word, from 0 to 3.
    pub component: usize,
}

impl Fused {
    /// Examples of every kind, for tests and for writing them to a folder: XOR, iris in batches with all features,
    /// digits.
    pub fn some() -> Vec<Self> {
        let xor = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
        let iris = Network::new(4).dense(16, Activation::Tanh).dense(3, Activation::Softmax);
        let digits = Network::new(64).dense(32, Activation::Relu).dense(10, Activation::Softmax);
        let alone = Self {
            inputs: 2,
            layers: Self::layers_of(&xor),
            loss: Loss::SquaredError,
            rule: Self::rule_of(&Optimizer::Sgd),
            rows: 4,
            batch: 4,
            shuffled: false,
            weighted: false,
            stepped: false,
            decays: false,
            ends: false,
            lanes: Lanes::One,
        };
        let mut some = vec![alone.clone()];
        for lanes in [Lanes::Subgroup(8), Lanes::Memory(16)] {
            let iris = Self { inputs: 4, layers: Self::layers_of(&iris), rows: 150, lanes, ..alone.clone() };
            let mean = Self { loss: Loss::MeanSquaredError, ..iris.clone() };
            let (loss, rule) = (Loss::CategoricalCrossEntropy, Self::rule_of(&Optimizer::adam()));
            let (batch, all) = (32, true);
            let full = Self { loss, rule, batch, shuffled: all, weighted: all, stepped: all, decays: all, ends: all, ..iris };
            some.extend([mean, full]);
        }
        for lanes in [Lanes::Subgroup(8), Lanes::Memory(32)] {
            let loss = Loss::CategoricalCrossEntropy;
            some.push(Self {
                inputs: 64,
                layers: Self::layers_of(&digits),
                loss,
                rows: 1797,
                batch: 32,
                shuffled: true,
                lanes,
                ..alone.clone()
            });
        }
        // Three layers: the first is frozen, the second is wide.
        let deep = Network::new(3).dense(4, Activation::Elu).frozen().dense(70, Activation::Relu).dense(1, Activation::Sigmoid);
        let (loss, lanes) = (Loss::BinaryCrossEntropy, Lanes::Memory(8));
        some.push(Self { inputs: 3, layers: Self::layers_of(&deep), loss, rows: 9, batch: 4, lanes, ..alone });
        some
    }

    /// The layers of a network.
    pub fn layers_of(network: &Network) -> Vec<Layer> {
        let layer = |((ins, outs), dense): ((usize, usize), &crate::network::Dense)| Layer {
            ins,
            outs,
            activation: dense.activation.clone(),
            frozen: dense.frozen,
            decay: dense.weight_decay.map(|decay| format!("{decay:?}")),
        };
        network.shapes().zip(network.layers()).map(layer).collect()
    }

    /// The fields of its `Params`.
    pub fn params() -> Vec<&'static str> {
        PARAMS.map(|(name, _)| name).to_vec()
    }

    /// The storage buffers it uses.
    pub fn buffers(&self) -> Vec<FusedBuffer> {
        let buffers = [
            (read(1, "members"), "Member"),
            (read(2, "inputs"), "vec4f"),
            (read(3, "targets"), "vec4f"),
            (write(4, "parameters"), "vec4f"),
            (write(5, "losses"), "f32"),
            (when(self.shuffled, read(6, "order")), "u32"),
            (when(self.stepped, read(7, "steps")), "vec4f"),
            (when(self.weighted, read(8, "weights")), "f32"),
        ];
        buffers.into_iter().filter_map(|(binding, of)| Some(FusedBuffer { binding: binding?, of })).collect()
    }

    /// The functions of shaders/math.wgsl that it calls, in any order.
    pub fn calls(&self) -> Vec<MathFunction> {
        let last = &self.layers[self.layers.len() - 1].activation;
        let formulas = self.loss.formulas(last);
        let mut expressions = vec![&formulas.wgsl_value, &formulas.wgsl_gradient];
        for layer in self.layers.iter().filter(|layer| layer.activation != Activation::Softmax) {
            let definition = layer.activation.definition();
            expressions.extend([&definition.wgsl_value, &definition.wgsl_derivative]);
        }
        let softmax = (*last == Activation::Softmax).then_some(MathFunction::LogOf1Plus);
        expressions.into_iter().flat_map(|expression| expression.calls().iter().copied()).chain(softmax).collect()
    }

    /// The optimizer's rule. Weight decay is passed as data.
    pub fn rule_of(optimizer: &Optimizer) -> Rule {
        Rule::of(optimizer, 0.0)
    }

    /// The number of adjacent units of a layer in a lane.
    pub fn units(&self, layer: usize) -> usize {
        self.layers[layer].outs.div_ceil(self.lanes.count())
    }

    /// The units of a layer in a lane, divided into vectors of up to four.
    pub fn widths(&self, layer: usize) -> Vec<usize> {
        let units = self.units(layer);
        (0..units).step_by(4).map(|first| (units - first).min(4)).collect()
    }

    /// The number of weights and biases in a lane.
    pub fn numbers(&self) -> usize {
        (0..self.layers.len()).map(|layer| (self.layers[layer].ins + 1) * self.units(layer)).sum()
    }

    /// The same including the optimizer state.
    pub fn held(&self) -> usize {
        self.numbers() * (1 + self.rule.slots.len())
    }

    /// The number of words in a lane; a word has four numbers.
    pub fn words(&self) -> usize {
        self.held().div_ceil(4)
    }

    /// The number of values of a network in the parameter buffer.
    pub fn network_numbers(&self) -> usize {
        self.words() * 4 * self.lanes.count()
    }

    /// The number of words of a row of the inputs in the buffer.
    pub fn input_words(&self) -> usize {
        self.inputs.div_ceil(4)
    }

    /// The number of words of a row of the targets that a lane reads.
    pub fn target_words(&self) -> usize {
        self.widths(self.layers.len() - 1).len()
    }

    /// The number of batches in an epoch.
    pub fn batches(&self) -> usize {
        self.rows.div_ceil(self.batch)
    }

    /// The number of parameters of a network.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| (layer.ins + 1) * layer.outs).sum()
    }

    /// The number of loop iterations of an epoch.
    pub fn rounds(&self) -> usize {
        match self.lanes {
            Lanes::One => 1,
            Lanes::Subgroup(_) | Lanes::Memory(_) => 1 + self.batches() + self.rows,
        }
    }

    /// The number of loop iterations of loading and storing.
    pub fn rounds_of_words(&self) -> usize {
        2 * self.words()
    }

    /// The locations of a network's parameters in the order of its tensors, then of the optimizer's slots.
    pub fn places(&self) -> Vec<LanePlace> {
        let mut places = Vec::new();
        for slot in 0..=self.rule.slots.len() {
            let mut before = slot * self.numbers();
            for (l, layer) in self.layers.iter().enumerate() {
                let units = self.units(l);
                for i in 0..=layer.ins {
                    places.extend((0..layer.outs).map(|j| {
                        let at = before + i * units + j % units;
                        LanePlace { word: at / 4, lane: j / units, component: at % 4 }
                    }));
                }
                before += (layer.ins + 1) * units;
            }
        }
        places
    }

    /// The number of values that a row's loss averages over: the outputs, or 1. `None` if the gradient is that of a
    /// sum.
    pub(super) fn outputs_in_mean(&self) -> Option<f64> {
        self.loss.is_mean().then(|| self.loss.outputs_in_mean(self.layers[self.layers.len() - 1].outs))
    }

    /// 1 / what an epoch's loss is a mean over, for rows of that total weight.
    pub fn loss_scale(&self, total: f64) -> f32 {
        let outputs = self.layers[self.layers.len() - 1].outs;
        (1.0 / (total * self.loss.outputs_in_mean(outputs))) as f32
    }

    /// An upper bound of the workgroup memory in bytes.
    pub fn workgroup_memory(&self) -> usize {
        if !matches!(self.lanes, Lanes::Memory(_)) {
            return 0;
        }
        let values: usize = self.layers.iter().map(|layer| 2 * layer.outs).sum();
        let passing: usize = self.layers[1..].iter().map(|layer| layer.ins * layer.outs).sum();
        let last = self.layers[self.layers.len() - 1].outs;
        4 * self.lanes.networks() * (values + passing + 4 * last)
    }

    /// The name in messages.
    pub fn label(&self) -> String {
        let sizes: Vec<_> = self.layers.iter().map(|layer| layer.outs.to_string()).collect();
        let lanes = match self.lanes {
            Lanes::One => "lane".to_owned(),
            Lanes::Subgroup(lanes) => format!("subgroup{lanes}"),
            Lanes::Memory(lanes) => format!("lanes{lanes}"),
        };
        format!("fused {}-{} ({}, {}, {lanes})", self.inputs, sizes.join("-"), self.loss.name(), self.rule.name)
    }
}

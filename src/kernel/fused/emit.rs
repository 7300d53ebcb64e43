//! Emits fused kernels: a network's training, unrolled layer by layer, so that all values stay in registers.

use super::network::{Fused, Lanes, PARAMS};
use crate::kernel::text::{Text, component, vector};
use crate::network::Activation;

/// Up to this many words are always loaded and stored one by one.
const FEW_WORDS: usize = 4;

/// The number of terms of a sum in one line.
const TERMS: usize = 4;

impl Fused {
    /// The whole WGSL module except the functions of shaders/math.wgsl.
    pub fn source(&self) -> String {
        let mut emitter = Emitter { fused: self, text: Text::default(), memory: Vec::new(), exchanges: 0 };
        emitter.main();
        // Declarations that the body turned out to need are put above it.
        let (body, memory) = (std::mem::take(&mut emitter.text).text, std::mem::take(&mut emitter.memory));
        emitter.head(&memory);
        emitter.text.text + &body
    }
}

struct Emitter<'a> {
    fused: &'a Fused,
    text: Text,
    /// Arrays in workgroup memory, with their lengths for each network.
    memory: Vec<(String, usize)>,
    /// The number of exchanges of values so far.
    exchanges: usize,
}

/// A vector variable of a lane, and its number of components.
struct Part {
    name: String,
    width: usize,
}

impl Part {
    /// A vector with one expression for each component.
    fn each(&self, value: impl Fn(usize) -> String) -> String {
        let values: Vec<_> = (0..self.width).map(value).collect();
        if self.width == 1 { values[0].clone() } else { format!("{}({})", vector(self.width as u32), values.join(", ")) }
    }

    fn component(&self, c: usize) -> String {
        pick(&self.name, self.width, c)
    }

    fn kind(&self) -> &'static str {
        vector(self.width as u32)
    }
}

/// Component c of a vector of that width.
fn pick(name: &str, width: usize, c: usize) -> String {
    if width == 1 { name.into() } else { format!("{name}.{}", component(c as u32)) }
}

impl Emitter<'_> {
    fn last(&self) -> usize {
        self.fused.layers.len() - 1
    }

    /// The vectors of a layer's units in a lane; their names begin with `name`.
    fn parts(&self, layer: usize, name: &str) -> Vec<Part> {
        let widths = self.fused.widths(layer);
        let single = widths.len() == 1;
        let part = |(p, width): (usize, &usize)| Part {
            name: if single { name.to_owned() } else { format!("{name}_{p}") },
            width: *width,
        };
        widths.iter().enumerate().map(part).collect()
    }

    /// The lane of unit j of a layer, and its component in that lane's vectors of that name.
    fn unit(&self, layer: usize, name: &str, j: usize) -> (usize, String) {
        let units = self.fused.units(layer);
        let (lane, at) = (j / units, j % units);
        (lane, self.parts(layer, name)[at / 4].component(at % 4))
    }

    /// Whether any layer has weight decay.
    fn decays(&self) -> bool {
        self.fused.decays || self.fused.layers.iter().any(|layer| layer.decay.is_some())
    }

    /// The lowest layer that is trained. The backward pass ends there.
    fn lowest_trained(&self) -> usize {
        self.fused.layers.iter().position(|layer| !layer.frozen).unwrap_or(self.fused.layers.len())
    }

    /// The variables of a lane in the order of its words: all parameters, then all slots.
    fn held(&self) -> Vec<(usize, Part)> {
        let slots = std::iter::once("").chain(self.fused.rule.slots.iter().copied());
        let mut held = Vec::new();
        for slot in slots {
            let suffix = if slot.is_empty() { String::new() } else { format!("_{slot}") };
            for (l, layer) in self.fused.layers.iter().enumerate() {
                for name in (0..layer.ins).map(|i| format!("w{l}_{i}")).chain([format!("b{l}")]) {
                    let parts = self.parts(l, &name);
                    held.extend(parts.into_iter().map(|part| (l, Part { name: format!("{}{suffix}", part.name), ..part })));
                }
            }
        }
        held
    }

    /// A sum, with several terms in a line.
    fn sum(&mut self, part: &Part, start: &str, terms: &[String]) {
        if terms.len() <= TERMS {
            let start = Some(start).filter(|start| !start.is_empty());
            let all: Vec<_> = start.into_iter().chain(terms.iter().map(String::as_str)).collect();
            self.text.line(&format!("let {} = {};", part.name, all.join(" + ")));
            return;
        }
        let start = if start.is_empty() { format!("{}()", part.kind()) } else { start.into() };
        self.text.line(&format!("var {} = {start};", part.name));
        for terms in terms.chunks(TERMS) {
            self.text.line(&format!("{} += {};", part.name, terms.join(" + ")));
        }
    }

    /// Shares the values of a layer's units with all lanes. Returns an expression for each.
    fn exchange(&mut self, layer: usize, name: &str, to: &str) -> Vec<String> {
        let count = self.fused.layers[layer].outs;
        let own: Vec<_> = (0..count).map(|j| self.unit(layer, name, j)).collect();
        match self.fused.lanes {
            Lanes::One => return own.into_iter().map(|(_, value)| value).collect(),
            Lanes::Subgroup(_) => {
                for (j, (lane, value)) in own.iter().enumerate() {
                    self.text.line(&format!("let {to}_{j} = subgroupBroadcast({value}, {lane}u);"));
                }
            }
            Lanes::Memory(_) => {
                self.exchanges += 1;
                let array = format!("all_{to}");
                self.memory.push((array.clone(), count));
                let units = self.fused.units(layer);
                for (p, part) in self.parts(layer, name).iter().enumerate() {
                    for c in 0..part.width {
                        let unit = format!("lane * {units}u + {}u", 4 * p + c);
                        let write = format!("{array}[member_of_group * {count}u + {unit}] = {};", part.component(c));
                        self.guarded(layer, 4 * p + c, &write);
                    }
                }
                self.text.line("workgroupBarrier();");
                for j in 0..count {
                    self.text.line(&format!("let {to}_{j} = {array}[member_of_group * {count}u + {j}u];"));
                }
            }
        }
        (0..count).map(|j| format!("{to}_{j}")).collect()
    }

    /// A line that only runs in lanes whose unit exists.
    fn guarded(&mut self, layer: usize, at: usize, line: &str) {
        match self.exists(layer, at) {
            None => self.text.line(line),
            Some(condition) => self.text.line(&format!("if {condition} {{ {line} }}")),
        }
    }

    /// The condition that a lane's unit at that position exists in the layer; `None` if it always does.
    fn exists(&self, layer: usize, at: usize) -> Option<String> {
        let (outs, units) = (self.fused.layers[layer].outs, self.fused.units(layer));
        (self.fused.lanes.count() * units > outs).then(|| match (units, at) {
            (1, _) => format!("lane < {outs}u"),
            (_, 0) => format!("lane * {units}u < {outs}u"),
            _ => format!("lane * {units}u + {at}u < {outs}u"),
        })
    }

    fn head(&mut self, memory: &[(String, usize)]) {
        let fused = self.fused;
        let count = |count: usize, of: &str| format!("{count} {of}{}", if count == 1 { "" } else { "s" });
        let layers: Vec<_> =
            fused.layers.iter().map(|layer| format!("{} ({})", count(layer.outs, "unit"), layer.activation.name())).collect();
        let whole = match fused.lanes {
            Lanes::One => "each invocation holds one network in registers".to_owned(),
            Lanes::Subgroup(lanes) => {
                format!("the {lanes} invocations of a subgroup hold one network in registers")
            }
            Lanes::Memory(lanes) => {
                format!("each group of {lanes} invocations holds one network in registers")
            }
        };
        for line in [
            format!("// Many epochs of training in one dispatch: {whole}."),
            "//".into(),
            format!("// The network: {}, {}. Loss: {}. Optimizer: {}.", count(fused.inputs, "input"), layers.join(", "), fused.loss.name(), fused.rule.name),
            format!("// {}, {}.", count(fused.rows, "row"), if fused.batches() == 1 { "all in each step".to_owned() } else { format!("{} in each step", fused.batch) }),
            "//".into(),
            "// Names: w1_0 are the weights from input 0 of layer 1 to the units that the invocation holds, and b1 their biases;".into(),
            "// z1 are their sums before the activation, y1 the outputs after it, e1 the errors (∂loss/∂y1), d1 the deltas (∂loss/∂z1);\n// the prefix g_ marks a gradient. Layers, inputs and rows are counted from 0.".into(),
        ] {
            self.text.line(&line);
        }
        self.text.line("");
        self.text.open("struct Params {");
        for (field, says) in PARAMS {
            let says = if says.is_empty() { String::new() } else { format!("  // {says}") };
            let field = format!("{field}: u32,");
            self.text.line(format!("{field:17}{says}").trim_end());
        }
        self.text.close("}");
        self.text.line("");
        self.text.open("struct Member {");
        for line in [
            "learning_rate: f32,",
            "weight_decay: f32,",
            "loss_scale: f32,   // 1 / the number of values, or their total weight, in the logged loss",
            "rows: f32,         // the number of rows",
            "epochs: u32,       // its last epoch",
            "weights: u32,      // the index where the weights of its rows begin",
        ] {
            self.text.line(line);
        }
        self.text.close("}");
        self.text.line("");
        self.text.line("@group(0) @binding(0) var<uniform> params: Params;");
        for buffer in fused.buffers() {
            self.text.line(&buffer.binding.declaration(&format!("array<{}>", buffer.of)));
        }
        let networks = fused.lanes.networks();
        for (name, len) in memory {
            self.text.line(&format!("var<workgroup> {name}: array<f32, {}>;", len * networks));
        }
        self.text.line("");
        self.functions();
    }

    /// The chosen functions: activations, loss, update.
    fn functions(&mut self) {
        let fused = self.fused;
        let mut done: Vec<&Activation> = Vec::new();
        for layer in &fused.layers {
            let activation = &layer.activation;
            if *activation == Activation::Softmax || done.contains(&activation) {
                continue;
            }
            done.push(activation);
            let (name, definition) = (activation.name(), activation.definition());
            self.text.open(&format!("fn activation_{name}(x: f32) -> f32 {{"));
            self.text.line(&format!("return {};", definition.wgsl_value.wgsl));
            self.text.close("}");
            self.text.line("");
            self.text.open(&format!("fn derivative_{name}(x: f32, y: f32) -> f32 {{"));
            self.text.line(&format!("return {};", definition.wgsl_derivative.wgsl));
            self.text.close("}");
            self.text.line("");
        }
        let formulas = fused.loss.formulas(&fused.layers[self.last()].activation);
        for (name, of, expression) in [
            ("loss_value", fused.loss.name(), &formulas.wgsl_value),
            ("loss_gradient", formulas.gradient_formula, &formulas.wgsl_gradient),
        ] {
            self.text.line(&format!("// {of}"));
            self.text.open(&format!("fn {name}(x: f32, y: f32, t: f32) -> f32 {{"));
            self.text.line(&format!("return {};", expression.wgsl));
            self.text.close("}");
            self.text.line("");
        }
        self.text.open("struct Step {");
        for field in ["learning_rate", "correction_1", "correction_2"] {
            self.text.line(&format!("{field}: f32,"));
        }
        self.text.close("}");
        self.text.line("");
        let mut widths: Vec<usize> =
            (0..fused.layers.len()).filter(|l| !fused.layers[*l].frozen).flat_map(|l| fused.widths(l)).collect();
        widths.sort_unstable();
        widths.dedup();
        let mut constants = fused.rule.constants();
        for width in widths {
            let of = vector(width as u32);
            self.text.text += &std::mem::take(&mut constants);
            self.text.text += &fused.rule.in_registers(of, self.decays());
            self.text.line("");
        }
    }

    fn main(&mut self) {
        let fused = self.fused;
        self.text.line(&format!("@compute @workgroup_size({})", fused.lanes.invocations()));
        match fused.lanes {
            Lanes::One => {
                self.text.open("fn main(@builtin(global_invocation_id) id: vec3u) {");
                self.text.line("let network = params.first + id.x;");
                self.text.open("if network >= params.end {");
                self.text.line("return;");
                self.text.close("}");
            }
            Lanes::Subgroup(_) => {
                self.text.open("fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {");
                self.text.line("let network = params.first + group.x;");
            }
            Lanes::Memory(lanes) => {
                self.text
                    .open("fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {");
                self.text.line(&format!("let lane = invocation % {lanes}u;"));
                self.text.line(&format!("let member_of_group = invocation / {lanes}u;"));
                self.text.line(&format!("let place = params.first + group.x * {}u + member_of_group;", fused.lanes.networks()));
                self.text.line(
                    "// All invocations of a workgroup must reach its barriers; those beyond the last network write nothing.",
                );
                self.text.line("let exists = place < params.end;");
                self.text.line("let network = min(place, params.end - 1u);");
            }
        }
        self.text.line("let member = members[network];");
        self.text.line("");
        self.text.line("// From here to the end of the dispatch, the network is in registers.");
        self.load();
        if fused.lanes == Lanes::One {
            self.load_rows();
        }
        self.text.line("var slot = params.slot;");
        self.text.line("var wait = params.wait;");
        self.text.line("var last_loss = losses[network];");
        self.share_weights();
        self.text.line("");
        self.text
            .line("// An epoch: in each batch, the gradients of all rows are added, then the weights and biases are updated.");
        self.text.open("for (var epoch = 0u; epoch < params.epochs; epoch++) {");
        if fused.ends {
            self.text.line("let continues = params.first_epoch + epoch < member.epochs;");
        }
        self.text.line("var loss = 0.0;");
        let batches = fused.batches() > 1;
        if batches {
            self.text.open(&format!("for (var first = 0u; first < {}u; first += {}u) {{", fused.rows, fused.batch));
            self.text.line(&format!("let end = min(first + {}u, {}u);", fused.batch, fused.rows));
        }
        self.step(batches);
        if batches {
            self.text.close("}");
        }
        self.keep_loss();
        self.text.close("}");
        self.text.line("");
        self.store();
        self.text.close("}");
    }

    /// The index of a word of the network.
    fn word(&self, k: &str) -> String {
        match self.fused.lanes {
            Lanes::One => format!("parameters[{k} * params.networks + network]"),
            Lanes::Subgroup(lanes) | Lanes::Memory(lanes) => {
                format!("parameters[(network * {}u + {k}) * {lanes}u + lane]", self.fused.words())
            }
        }
    }

    /// Whether words are loaded and stored in a loop that rotates them through all registers. Software drivers turn
    /// each load and store into a loop over the lanes, and take long to compile hundreds of them.
    fn rotates(&self) -> bool {
        matches!(self.fused.lanes, Lanes::Subgroup(_)) && self.fused.words() > FEW_WORDS
    }

    fn load(&mut self) {
        let words = self.fused.words();
        if self.rotates() {
            (0..words).for_each(|k| self.text.line(&format!("var word_{k} = vec4f();")));
            // With a constant bound, compilers would unroll the loop again.
            self.text.open("for (var k = 0u; k < params.words; k++) {");
            (1..words).for_each(|k| self.text.line(&format!("word_{} = word_{k};", k - 1)));
            let word = self.word("k");
            self.text.line(&format!("word_{} = {word};", words - 1));
            self.text.close("}");
        }
        let mut at = 0usize;
        for (_, part) in self.held() {
            if !self.rotates() {
                for word in at.div_ceil(4)..(at + part.width).div_ceil(4) {
                    let line = format!("let word_{word} = {};", self.word(&format!("{word}u")));
                    self.text.line(&line);
                }
            }
            let (first, end) = (at, at + part.width);
            let value = if first / 4 == (end - 1) / 4 {
                let components: String = (first..end).map(|at| component(at as u32 % 4)).collect();
                format!("word_{}{}", first / 4, if part.width == 4 { String::new() } else { format!(".{components}") })
            } else {
                part.each(|c| format!("word_{}.{}", (first + c) / 4, component((first + c) as u32 % 4)))
            };
            self.text.line(&format!("var {} = {value};", part.name));
            at = end;
        }
    }

    /// Writes back what may have changed.
    fn store(&mut self) {
        let held = self.held();
        let values: Vec<_> = held
            .iter()
            .flat_map(|(layer, part)| (0..part.width).map(|c| (part.component(c), !self.fused.layers[*layer].frozen)))
            .collect();
        let guarded = matches!(self.fused.lanes, Lanes::Memory(_));
        if guarded {
            self.text.open("if exists {");
        }
        for (k, word) in values.chunks(4).enumerate() {
            let changes = word.iter().any(|(_, changes)| *changes);
            let mut values: Vec<_> = word.iter().map(|(value, _)| value.clone()).collect();
            values.resize(4, "0.0".into());
            let whole = values[0].strip_suffix(".x").filter(|name| (1..4).all(|c| values[c] == pick(name, 4, c)));
            let value = whole.map_or_else(|| format!("vec4f({})", values.join(", ")), str::to_owned);
            if self.rotates() {
                self.text.line(&format!("word_{k} = {value};"));
            } else if changes {
                let line = format!("{} = {value};", self.word(&format!("{k}u")));
                self.text.line(&line);
            }
        }
        if self.rotates() {
            self.text.open("for (var k = 0u; k < params.words; k++) {");
            let line = format!("{} = word_0;", self.word("k"));
            self.text.line(&line);
            (1..self.fused.words()).for_each(|k| self.text.line(&format!("word_{} = word_{k};", k - 1)));
            self.text.close("}");
        }
        match self.fused.lanes {
            Lanes::One => self.text.line("losses[network] = last_loss;"),
            _ => self.text.line("if lane == 0u { losses[network] = last_loss; }"),
        }
        if guarded {
            self.text.close("}");
        }
    }

    /// Loads the rows, in a kernel that unrolls its rows.
    fn load_rows(&mut self) {
        let fused = self.fused;
        self.text.line("");
        self.text.line("// So are the rows.");
        for row in 0..fused.rows {
            for word in 0..fused.input_words() {
                let at = row * fused.input_words() + word;
                self.text.line(&format!("let inputs_{row}_{word} = inputs[{at}];"));
            }
            for word in 0..fused.target_words() {
                let at = row * fused.target_words() + word;
                self.text.line(&format!("let targets_{row}_{word} = targets[{at}];"));
            }
            if fused.weighted {
                self.text.line(&format!("let weight_{row} = weights[member.weights + {row}u];"));
            }
        }
        self.text.line("");
    }

    /// The layers whose weights the backward pass needs.
    fn passing(&self) -> std::ops::Range<usize> {
        self.lowest_trained() + 1..self.fused.layers.len()
    }

    /// Copies the weights that the backward pass needs to where all lanes can read them.
    fn share_weights(&mut self) {
        if !matches!(self.fused.lanes, Lanes::Memory(_)) || self.passing().is_empty() {
            return;
        }
        for l in self.passing() {
            let (ins, outs) = (self.fused.layers[l].ins, self.fused.layers[l].outs);
            let array = format!("all_weights_{l}");
            if !self.memory.iter().any(|(name, _)| *name == array) {
                self.memory.push((array.clone(), ins * outs));
            }
            let units = self.fused.units(l);
            for at in 0..units {
                let lines: Vec<_> = (0..ins)
                    .map(|i| {
                        let value = self.parts(l, &format!("w{l}_{i}"))[at / 4].component(at % 4);
                        format!("{array}[(member_of_group * {ins}u + {i}u) * {outs}u + lane * {units}u + {at}u] = {value};")
                    })
                    .collect();
                let condition = self.exists(l, at);
                if let Some(condition) = &condition {
                    self.text.open(&format!("if {condition} {{"));
                }
                lines.iter().for_each(|line| self.text.line(line));
                if condition.is_some() {
                    self.text.close("}");
                }
            }
        }
        self.text.line("workgroupBarrier();");
    }

    /// The weights transposed for the backward pass: for each unit j of layer l, vectors over this lane's units of the
    /// layer before.
    fn turned_weights(&mut self, l: usize) -> Vec<Vec<String>> {
        let (outs, before) = (self.fused.layers[l].outs, self.fused.layers[l].ins);
        let units = self.fused.units(l - 1);
        let mut turned = Vec::new();
        for j in 0..outs {
            let parts = self.parts(l - 1, &format!("turned{l}_{j}"));
            let mut names = Vec::new();
            for (p, part) in parts.iter().enumerate() {
                let weight = |i: usize| {
                    let (lane, value) = self.unit(l, &format!("w{l}_{i}"), j);
                    (lane, value)
                };
                let value = match self.fused.lanes {
                    Lanes::One => {
                        names.push(part.each(|c| weight(4 * p + c).1));
                        continue;
                    }
                    Lanes::Subgroup(lanes) => {
                        let of_lane = |lane: usize| {
                            part.each(|c| match lane * units + 4 * p + c {
                                i if i < before => format!("subgroupBroadcast({}, {}u)", weight(i).1, weight(i).0),
                                _ => "0.0".into(),
                            })
                        };
                        let holders = before.div_ceil(units).min(lanes as usize);
                        (1..holders)
                            .fold(of_lane(0), |value, lane| format!("select({value}, {}, lane == {lane}u)", of_lane(lane)))
                    }
                    Lanes::Memory(_) => part.each(|c| {
                        let i = format!("min(lane * {units}u + {}u, {}u)", 4 * p + c, before - 1);
                        format!("all_weights_{l}[(member_of_group * {before}u + {i}) * {outs}u + {j}u]")
                    }),
                };
                self.text.line(&format!("let {} = {value};", part.name));
                names.push(part.name.clone());
            }
            turned.push(names);
        }
        turned
    }

    /// One step: gradients over the batch, then the update.
    fn step(&mut self, batches: bool) {
        let fused = self.fused;
        let trained: Vec<_> = (0..fused.layers.len()).filter(|l| !fused.layers[*l].frozen).collect();
        let gradients: Vec<(usize, Part)> = trained
            .iter()
            .flat_map(|l| (0..fused.layers[*l].ins).map(move |i| (*l, format!("w{l}_{i}"))).chain([(*l, format!("b{l}"))]))
            .flat_map(|(l, name)| self.parts(l, &name).into_iter().map(move |part| (l, part)))
            .collect();
        for (_, part) in &gradients {
            self.text.line(&format!("var g_{} = {}();", part.name, part.kind()));
        }
        if fused.weighted {
            self.text.line("var total = 0.0;");
        }
        let turned: Vec<_> = (0..fused.layers.len())
            .map(|l| if self.passing().contains(&l) { self.turned_weights(l) } else { Vec::new() })
            .collect();
        match fused.lanes {
            Lanes::One => {
                for row in 0..fused.rows {
                    self.text.open(&format!("{{  // row {row}"));
                    let inputs =
                        (0..fused.inputs).map(|i| format!("inputs_{row}_{}.{}", i / 4, component(i as u32 % 4))).collect();
                    let targets = |word: usize| format!("targets_{row}_{word}");
                    let weight = fused.weighted.then(|| format!("weight_{row}"));
                    self.row(inputs, &targets, weight.as_deref(), &turned);
                    self.text.close("}");
                }
            }
            Lanes::Subgroup(_) | Lanes::Memory(_) => {
                let (first, end) =
                    if batches { ("first".to_owned(), "end".to_owned()) } else { ("0u".into(), format!("{}u", fused.rows)) };
                self.text.open(&format!("for (var place = {first}; place < {end}; place++) {{"));
                let row = if fused.shuffled { format!("order[epoch * {}u + place]", fused.rows) } else { "place".into() };
                self.text.line(&format!("let row = {row};"));
                let inputs = self.row_inputs();
                for word in 0..fused.target_words() {
                    let (lanes, words) = (fused.lanes.count(), fused.target_words());
                    self.text.line(&format!("let targets_{word} = targets[(row * {lanes}u + lane) * {words}u + {word}u];"));
                }
                if fused.weighted {
                    self.text.line("let weight = weights[member.weights + row];");
                }
                let before = self.exchanges;
                self.row(inputs, &|word| format!("targets_{word}"), fused.weighted.then_some("weight"), &turned);
                if self.exchanges == before + 1 {
                    self.text.line("// The next row overwrites what this one reads.");
                    self.text.line("workgroupBarrier();");
                }
                self.text.close("}");
            }
        }
        self.update(&gradients, batches);
    }

    /// The inputs of a row, in a loop over rows.
    fn row_inputs(&mut self) -> Vec<String> {
        let (inputs, words) = (self.fused.inputs, self.fused.input_words());
        let name = |i: usize| format!("x_{}.{}", i / 4, component(i as u32 % 4));
        match self.fused.lanes {
            // Each invocation loads a part of what all need.
            Lanes::Subgroup(lanes) if words > 1 => {
                let lanes = lanes as usize;
                for load in 0..words.div_ceil(lanes) {
                    let at = if load == 0 { "lane".to_owned() } else { format!("lane + {}u", load * lanes) };
                    let at = if (load + 1) * lanes > words { format!("min({at}, {}u)", words - 1) } else { at };
                    self.text.line(&format!("let x_{load} = inputs[row * {words}u + {at}];"));
                }
                for i in 0..inputs {
                    let (load, lane) = (i / 4 / lanes, i / 4 % lanes);
                    self.text.line(&format!("let a0_{i} = subgroupBroadcast(x_{load}.{}, {lane}u);", component(i as u32 % 4)));
                }
                (0..inputs).map(|i| format!("a0_{i}")).collect()
            }
            _ => {
                for word in 0..words {
                    self.text.line(&format!("let x_{word} = inputs[row * {words}u + {word}u];"));
                }
                (0..inputs).map(name).collect()
            }
        }
    }

    /// One row: forward pass, loss, deltas, gradients.
    fn row(&mut self, inputs: Vec<String>, targets: &dyn Fn(usize) -> String, weight: Option<&str>, turned: &[Vec<Vec<String>>]) {
        let fused = self.fused;
        let last = self.last();
        self.text.line("// forward");
        let mut ins = vec![inputs];
        for (l, layer) in fused.layers.iter().enumerate() {
            for (p, part) in self.parts(l, &format!("z{l}")).iter().enumerate() {
                let terms: Vec<_> =
                    (0..layer.ins).map(|i| format!("{} * {}", ins[l][i], self.parts(l, &format!("w{l}_{i}"))[p].name)).collect();
                let bias = self.parts(l, &format!("b{l}"))[p].name.clone();
                self.sum(part, &bias, &terms);
            }
            if layer.activation == Activation::Softmax {
                self.softmax(l);
            } else {
                for (z, y) in self.parts(l, &format!("z{l}")).iter().zip(self.parts(l, &format!("y{l}"))) {
                    let value = z.each(|c| format!("activation_{}({})", layer.activation.name(), z.component(c)));
                    self.text.line(&format!("let {} = {value};", y.name));
                }
            }
            if l < last {
                let all = self.exchange(l, &format!("y{l}"), &format!("a{}", l + 1));
                ins.push(all);
            }
        }
        self.output_delta(targets, weight);
        let softmax_alone = fused.layers[last].activation == Activation::Softmax && !fused.loss.fuses_with(&Activation::Softmax);
        if softmax_alone {
            self.softmax_delta();
        }
        let lowest = self.lowest_trained();
        for l in (lowest..fused.layers.len()).rev() {
            if l < last {
                self.text.line("// backward");
                let deltas = self.exchange(l + 1, &format!("d{}", l + 1), &format!("all_d{}", l + 1));
                let name = fused.layers[l].activation.name();
                for (p, part) in self.parts(l, &format!("e{l}")).iter().enumerate() {
                    let terms: Vec<_> =
                        deltas.iter().zip(&turned[l + 1]).map(|(delta, turned)| format!("{delta} * {}", turned[p])).collect();
                    self.sum(part, "", &terms);
                    let z = &self.parts(l, &format!("z{l}"))[p];
                    let y = &self.parts(l, &format!("y{l}"))[p];
                    let slope = part.each(|c| format!("derivative_{name}({}, {})", z.component(c), y.component(c)));
                    let d = &self.parts(l, &format!("d{l}"))[p].name;
                    self.text.line(&format!("let {d} = {} * {slope};", part.name));
                }
            }
            if fused.layers[l].frozen {
                continue;
            }
            self.text.line("// gradients");
            for (i, value) in ins[l].iter().map(|value| format!("{value} * ")).chain([String::new()]).enumerate() {
                let name = if i < fused.layers[l].ins { format!("w{l}_{i}") } else { format!("b{l}") };
                for (part, d) in self.parts(l, &name).iter().zip(self.parts(l, &format!("d{l}"))) {
                    self.text.line(&format!("g_{} += {value}{};", part.name, d.name));
                }
            }
        }
        if weight.is_some() {
            self.text.line(&format!("total += {};", weight.unwrap_or_default()));
        }
    }

    /// Softmax over all lanes' units, as in shaders/softmax.wgsl: ln y in place of z, and y.
    fn softmax(&mut self, l: usize) {
        let all = self.exchange(l, &format!("z{l}"), "sum");
        let lines: Vec<_> = all[1..]
            .iter()
            .enumerate()
            .flat_map(|(j, z)| {
                [format!("largest = select(largest, {}u, {z} > most);", j + 1), format!("most = select(most, {z}, {z} > most);")]
            })
            .collect();
        self.text.line("var largest = 0u;");
        self.text.line(&format!("var most = {};", all[0]));
        lines.iter().for_each(|line| self.text.line(line));
        for (z, e) in self.parts(l, &format!("z{l}")).iter().zip(self.parts(l, "power")) {
            let value = z.each(|c| format!("exp({} - most)", z.component(c)));
            self.text.line(&format!("let {} = {value};", e.name));
        }
        let powers = self.exchange(l, "power", "share");
        self.text.line("// The largest itself contributes 1.");
        self.text.line("var others = 0.0;");
        for (j, power) in powers.iter().enumerate() {
            self.text.line(&format!("others += select({power}, 0.0, largest == {j}u);"));
        }
        self.text.line("let log_of_sum = select(log(1.0 + others), log_of_1_plus(min(others, 1.0)), others <= 1.0);");
        for (p, z) in self.parts(l, &format!("z{l}")).iter().enumerate() {
            let log = &self.parts(l, "log_y")[p].name;
            self.text.line(&format!("let {log} = {} - most - log_of_sum;", z.name));
            let (y, power) = (&self.parts(l, &format!("y{l}"))[p].name, &self.parts(l, "power")[p].name);
            self.text.line(&format!("let {y} = {power} / (1.0 + others);"));
        }
    }

    /// The loss of the row, and ∂loss/∂z of the last layer, or ∂loss/∂y if a softmax follows that is not part of the
    /// loss.
    fn output_delta(&mut self, targets: &dyn Fn(usize) -> String, weight: Option<&str>) {
        let fused = self.fused;
        let l = self.last();
        let activation = &fused.layers[l].activation;
        let softmax = *activation == Activation::Softmax;
        self.text.line("// loss and delta of the last layer");
        let fuses = fused.loss.fuses_with(activation);
        let weighted = weight.map_or(String::new(), |weight| format!("{weight} * "));
        // In a row with weight 0, even an infinity must not count.
        let of_weight = |zero: &str, value: String| match weight {
            Some(weight) => format!("select({zero}, {value}, {weight} > 0.0)"),
            None => value,
        };
        let sums = if softmax { "log_y".to_owned() } else { format!("z{l}") };
        let units = fused.units(l);
        for (p, d) in self.parts(l, &format!("d{l}")).iter().enumerate() {
            let (z, y) = (&self.parts(l, &sums)[p], &self.parts(l, &format!("y{l}"))[p]);
            let t = targets(p);
            let arguments = |c: usize| format!("{}, {}, {t}.{}", z.component(c), y.component(c), component(c as u32));
            for c in 0..d.width {
                let value = of_weight("0.0", format!("{weighted}loss_value({})", arguments(c)));
                let value = match self.exists(l, 4 * p + c) {
                    Some(condition) => format!("select(0.0, {value}, {condition})"),
                    None => value,
                };
                self.text.line(&format!("loss += {value};"));
            }
            let gradient = d.each(|c| format!("loss_gradient({})", arguments(c)));
            let slope = match fuses || softmax {
                true => String::new(),
                false => {
                    format!(
                        " * {}",
                        d.each(|c| format!("derivative_{}({}, {})", activation.name(), z.component(c), y.component(c)))
                    )
                }
            };
            let value = of_weight(&format!("{}()", d.kind()), format!("{weighted}{gradient}{slope}"));
            // Units that do not exist must not contribute to the loss. In other layers nothing reads them.
            let value = match fused.lanes.count() * units > fused.layers[l].outs {
                true => {
                    let exists: Vec<_> = (0..d.width).map(|c| self.exists(l, 4 * p + c).unwrap_or_default()).collect();
                    let exists =
                        if d.width == 1 { exists[0].clone() } else { format!("vec{}<bool>({})", d.width, exists.join(", ")) };
                    format!("select({}(), {value}, {exists})", d.kind())
                }
                false => value,
            };
            let name = if softmax && !fuses { format!("error{}", &d.name[1..]) } else { d.name.clone() };
            self.text.line(&format!("let {name} = {value};"));
        }
    }

    /// y (e - sum of e y over the row), as in shaders/softmax_delta.wgsl.
    fn softmax_delta(&mut self) {
        let l = self.last();
        let parts = |of: &str| self.parts(l, of);
        let (errors, outputs, products, deltas) =
            (parts(&format!("error{l}")), parts(&format!("y{l}")), parts("product"), parts(&format!("d{l}")));
        for ((e, y), product) in errors.iter().zip(&outputs).zip(&products) {
            self.text.line(&format!("let {} = {} * {};", product.name, e.name, y.name));
        }
        let all = self.exchange(l, "product", "all_products");
        self.sum(&Part { name: "sum_of_products".into(), width: 1 }, "", &all);
        for ((e, y), d) in errors.iter().zip(&outputs).zip(&deltas) {
            self.text.line(&format!("let {} = {} * ({} - sum_of_products);", d.name, y.name, e.name));
        }
    }

    /// The update of all weights and biases.
    fn update(&mut self, gradients: &[(usize, Part)], batches: bool) {
        let fused = self.fused;
        let outputs = fused.outputs_in_mean();
        let times = |count: String, outputs: f64| if outputs == 1.0 { count } else { format!("({count} * {outputs:?})") };
        let scale = match (outputs, fused.weighted, batches) {
            (None, ..) => None,
            (Some(outputs), true, _) => Some(format!("select(0.0, 1.0 / {}, total > 0.0)", times("total".into(), outputs))),
            (Some(outputs), false, true) => Some(format!("1.0 / {}", times("f32(end - first)".into(), outputs))),
            (Some(outputs), false, false) => Some(format!("1.0 / {}", times("member.rows".into(), outputs))),
        };
        if let Some(scale) = &scale {
            self.text.line("// The gradient of the mean, not of the sum.");
            self.text.line(&format!("let scale = {scale};"));
        }
        if fused.stepped {
            let at = if batches { format!("epoch * {}u + first / {}u", fused.batches(), fused.batch) } else { "epoch".into() };
            self.text.line(&format!("let rates = steps[{at}];"));
            self.text.line("let step = Step(member.learning_rate * rates.x + rates.y, rates.z, rates.w);");
        } else {
            self.text.line("let step = Step(member.learning_rate, 1.0, 1.0);");
        }
        self.text.line("// update");
        if fused.ends {
            self.text.open("if continues {");
        }
        let scale = if scale.is_some() { " * scale" } else { "" };
        for (layer, part) in gradients {
            let decay = match &fused.layers[*layer].decay {
                _ if !self.decays() => String::new(),
                Some(decay) => format!("{decay}, "),
                None if fused.decays => "member.weight_decay, ".into(),
                None => "0.0, ".into(),
            };
            let slots: String = fused.rule.slots.iter().map(|slot| format!(", &{}_{slot}", part.name)).collect();
            self.text.line(&format!("update_{}(&{}{slots}, g_{}{scale}, {decay}step);", part.kind(), part.name, part.name));
        }
        if fused.ends {
            self.text.close("}");
        }
        self.share_weights();
    }

    /// Stores the loss of the epoch, summed over all lanes, in its slot.
    fn keep_loss(&mut self) {
        let fused = self.fused;
        let outs = fused.layers[self.last()].outs;
        let holders = outs.div_ceil(fused.units(self.last()));
        let all: Vec<String> = match fused.lanes {
            Lanes::One => vec!["loss".into()],
            Lanes::Subgroup(_) => (0..holders).map(|lane| format!("subgroupBroadcast(loss, {lane}u)")).collect(),
            Lanes::Memory(_) => {
                self.memory.push(("all_losses".into(), holders));
                self.text.line(&format!("if lane < {holders}u {{ all_losses[member_of_group * {holders}u + lane] = loss; }}"));
                self.text.line("workgroupBarrier();");
                (0..holders).map(|lane| format!("all_losses[member_of_group * {holders}u + {lane}u]")).collect()
            }
        };
        self.sum(&Part { name: "whole_loss".into(), width: 1 }, "", &all);
        if matches!(fused.lanes, Lanes::Memory(_)) {
            self.text.line("workgroupBarrier();");
        }
        let value = "whole_loss * member.loss_scale";
        match fused.ends {
            true => self.text.line(&format!("last_loss = select(last_loss, {value}, continues);")),
            false => self.text.line(&format!("last_loss = {value};")),
        }
        self.text.open("if wait == 0u {");
        let write = "losses[slot * params.networks + network] = last_loss;";
        match fused.lanes {
            Lanes::One => self.text.line(write),
            Lanes::Subgroup(_) => self.text.line(&format!("if lane == 0u {{ {write} }}")),
            Lanes::Memory(_) => self.text.line(&format!("if lane == 0u && exists {{ {write} }}")),
        }
        self.text.line("slot++;");
        self.text.line("wait = params.every;");
        self.text.close("}");
        self.text.line("wait--;");
    }
}

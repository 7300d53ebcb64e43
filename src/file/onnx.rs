//! Exports ONNX, opset 20: the network with its preprocessing as a graph that other programs can run.

use super::contents::Saved;
use super::protobuf::Message;
use std::collections::{BTreeMap, BTreeSet};

use crate::bits::BEYOND_F32;
use crate::data::{FeatureKind, FittedTarget, Preprocessing, all_spellings};
use crate::error::Error;
use crate::network::{Attribute, Node};

/// The versions: of the operator set, of the operator set `ai.onnx.ml`, and of the file format that supports both.
const OPSET: i64 = 20;
const ML_OPSET: i64 = 4;
const IR_VERSION: i64 = 9;

/// The numbers of element types in ONNX.
const FLOAT: i64 = 1;
const INT64: i64 = 7;
const STRING: i64 = 8;
const DOUBLE: i64 = 11;

/// The maximum length of a message in bytes.
const LONGEST: usize = i32::MAX as usize;

/// The ONNX file of a model, as bytes.
///
/// Without preprocessing, the graph has a float `input` of shape (rows, inputs) and an `output` of shape (rows,
/// outputs). With preprocessing, it has two inputs: the numeric columns as a double tensor `numbers`, where NaN is a
/// missing value, and the categorical columns as a string tensor `categories`, each in the order of the table. A row
/// that the preprocessing refuses has outputs of NaN.
pub fn model(model: &Saved<'_>) -> Result<Vec<u8>, Error> {
    let refuse = |what: String| Error::Export { format: "ONNX".into(), what };
    let weights = model.weights();
    let bytes: usize = weights.iter().map(|tensor| tensor.values.len() * 4).sum();
    if bytes > LONGEST - (1 << 20) {
        return Err(refuse(format!("{bytes} bytes of weights, but at most 2 GiB are allowed")));
    }
    let mut graph = Graph::default();
    let mut properties = vec![("shaderprop", env!("CARGO_PKG_VERSION").to_owned())];
    let (mut x, mut usable) = ("input".to_owned(), None);
    match model.preprocessing() {
        None => graph.input("input", FLOAT, model.network().inputs()),
        Some(preprocessing) => {
            (x, usable) = graph.preprocess(preprocessing, &mut properties);
        }
    }
    for (i, layer) in model.network().layers().iter().enumerate() {
        let [weight, bias] = [&weights[2 * i], &weights[2 * i + 1]];
        for tensor in [weight, bias] {
            let bytes: Vec<u8> = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
            graph.constant(&tensor.name, FLOAT, &tensor.shape, &bytes);
        }
        let sum = format!("layers.{i}.sum");
        graph.node("Gemm", &[&x, &weight.name, &bias.name], &sum, &[]);
        let Some(exports) = &layer.activation.definition().exports else {
            return Err(refuse(format!("the activation {}, which is WGSL of your own", layer.activation.name())));
        };
        let mut y = sum.clone();
        for (step, Node { op, inputs, attributes }) in exports.onnx.iter().enumerate() {
            let names = inputs.iter().map(|input| if *input == "x" { sum.as_str() } else { y.as_str() }).collect::<Vec<_>>();
            let last = step + 1 == exports.onnx.len();
            let output = if last { format!("layers.{i}.output") } else { format!("layers.{i}.step.{step}") };
            graph.node(op, &names, &output, attributes);
            y = output;
        }
        x = y;
    }
    let mut kind = FLOAT;
    if let Some(FittedTarget::Number { shift, scale, .. }) = model.preprocessing().map(|preprocessing| &preprocessing.target) {
        kind = DOUBLE;
        graph.doubles("target.scale", &[*scale]);
        graph.doubles("target.shift", &[*shift]);
        graph.node("Cast", &[&x], "target.scaled", &[("to", Attribute::Int(DOUBLE))]);
        graph.node("Mul", &["target.scaled", "target.scale"], "target.product", &[]);
        graph.node("Add", &["target.product", "target.shift"], "target", &[]);
        x = "target".into();
    }
    match usable {
        None => graph.node("Identity", &[&x], "output", &[]),
        Some(usable) => {
            let nan: &[u8] = if kind == FLOAT { &f32::NAN.to_le_bytes() } else { &f64::NAN.to_le_bytes() };
            graph.constant("refused", kind, &[1], nan);
            graph.node("Where", &[&usable, &x, "refused"], "output", &[]);
        }
    }
    let output = value_info("output", kind, model.network().outputs());
    let graph = Message::new()
        .each(&graph.nodes, |graph, node| graph.message(1, node))
        .bytes(2, "shaderprop")
        .each(&graph.constants, |graph, constant| graph.message(5, constant))
        .each(&graph.inputs, |graph, input| graph.message(11, input))
        .message(12, &output);
    let file = Message::new()
        .int(1, IR_VERSION)
        .bytes(2, "shaderprop")
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .message(7, &graph)
        .message(8, &Message::new().bytes(1, "").int(2, OPSET))
        .message(8, &Message::new().bytes(1, "ai.onnx.ml").int(2, ML_OPSET))
        .each(properties, |file, (key, value)| file.message(14, &Message::new().bytes(1, key).bytes(2, value)))
        .into_bytes();
    if file.len() > LONGEST {
        return Err(refuse(format!("a file of {} bytes, but at most 2 GiB are allowed", file.len())));
    }
    Ok(file)
}

/// A graph under construction.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
}

/// The type and shape of an input or output, for any number of rows.
fn value_info(name: &str, kind: i64, columns: usize) -> Message {
    let rows = Message::new().bytes(2, "rows");
    let shape = Message::new().message(1, &rows).message(1, &Message::new().int(1, columns as i64));
    let tensor = Message::new().int(1, kind).message(2, &shape);
    Message::new().bytes(1, name).message(2, &Message::new().message(1, &tensor))
}

impl Graph {
    fn input(&mut self, name: &str, kind: i64, columns: usize) {
        self.inputs.push(value_info(name, kind, columns));
    }

    fn constant(&mut self, name: &str, kind: i64, shape: &[usize], data: &[u8]) {
        let tensor = Message::new().each(shape, |tensor, n| tensor.int(1, *n as i64));
        self.constants.push(tensor.int(2, kind).bytes(8, name).bytes(9, data));
    }

    fn doubles(&mut self, name: &str, values: &[f64]) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DOUBLE, &[values.len()], &data);
    }

    fn ints(&mut self, name: &str, values: &[i64]) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, INT64, &[values.len()], &data);
    }

    fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) {
        let node = node(op, inputs, output).each(attributes, |node, (name, attribute)| {
            let named = Message::new().bytes(1, name);
            node.message(
                5,
                &match attribute {
                    Attribute::Float(value) => named.float(2, *value).int(20, 1),
                    Attribute::Int(value) => named.int(3, *value).int(20, 2),
                    Attribute::Text(value) => named.bytes(4, value).int(20, 3),
                },
            )
        });
        self.nodes.push(node);
    }

    /// Maps category names to codes; other names become `other`.
    fn codes(&mut self, input: &str, output: &str, names: &[String], codes: &[i64], other: i64) {
        let strings = Message::new().bytes(1, "cats_strings").int(20, 8).each(names, |strings, name| strings.bytes(9, name));
        let ints = Message::new().bytes(1, "cats_int64s").int(20, 7).each(codes, |ints, code| ints.int(8, *code));
        let other = Message::new().bytes(1, "default_int64").int(3, other).int(20, 2);
        let node = node("CategoryMapper", &[input], output).message(5, &strings).message(5, &ints).message(5, &other);
        self.nodes.push(node.bytes(7, "ai.onnx.ml"));
    }

    /// Adds the preprocessing of a table's columns. Returns the names of the network's inputs and of a mask of the
    /// usable rows.
    fn preprocess(
        &mut self,
        preprocessing: &Preprocessing,
        properties: &mut Vec<(&'static str, String)>,
    ) -> (String, Option<String>) {
        let features = &preprocessing.features;
        let is_number = |i: usize| matches!(features[i].kind, FeatureKind::Number { .. });
        let (numbers, categories): (Vec<usize>, Vec<usize>) = (0..features.len()).partition(|i| is_number(*i));
        let names = |columns: &[usize]| -> String {
            let names: Vec<&str> = columns.iter().map(|i| features[*i].name.as_str()).collect();
            serde_json::json!(names).to_string()
        };
        properties.push(("numbers", names(&numbers)));
        properties.push(("categories", names(&categories)));
        if let Some(classes) = preprocessing.classes() {
            properties.push(("classes", serde_json::json!(classes).to_string()));
        }
        let mut usable = Vec::new();
        let mut scaled = String::new();
        if !numbers.is_empty() {
            scaled = self.numbers(preprocessing, numbers.len());
            usable.push("numbers.usable".to_owned());
        }
        if !categories.is_empty() {
            self.input("categories", STRING, categories.len());
        }
        // Adjacent numeric columns are processed together.
        let mut parts: Vec<String> = Vec::new();
        let (mut number, mut category, mut i) = (0, 0, 0);
        while i < features.len() {
            let part = format!("columns.{i}");
            match &features[i].kind {
                FeatureKind::Number { .. } => {
                    let run = (i..features.len()).take_while(|i| is_number(*i)).count();
                    let mut places = Vec::new();
                    for (k, feature) in features[i..i + run].iter().enumerate() {
                        places.push(number + k as i64);
                        // The indicators follow the numbers.
                        if matches!(feature.kind, FeatureKind::Number { indicator: true, .. }) {
                            places.push((numbers.len() + k) as i64 + number);
                        }
                    }
                    self.ints(&format!("{part}.places"), &places);
                    self.node("Gather", &[&scaled, &format!("{part}.places")], &part, &[("axis", Attribute::Int(1))]);
                    (number, i) = (number + run as i64, i + run);
                }
                FeatureKind::Categories { names, missing } => {
                    self.ints(&format!("{part}.place"), &[category]);
                    let cells = format!("{part}.cells");
                    self.node("Gather", &["categories", &format!("{part}.place")], &cells, &[("axis", Attribute::Int(1))]);
                    let others = names.len() as i64;
                    let of_missing = missing.map_or(-1, |place| place as i64);
                    let mut codes: BTreeMap<String, i64> = BTreeMap::new();
                    let words = preprocessing.missing_words.iter().map(String::as_str).chain([""]);
                    for spelling in words.flat_map(spellings) {
                        codes.insert(spelling, of_missing);
                    }
                    for (spelling, place) in all_spellings(names).into_iter().filter(|(spelling, _)| !spelling.is_empty()) {
                        codes.insert(spelling, place as i64);
                    }
                    let (known, codes): (Vec<String>, Vec<i64>) = codes.into_iter().unzip();
                    let code = format!("{part}.code");
                    self.codes(&cells, &code, &known, &codes, others);
                    self.ints(&format!("{part}.all"), &(0..=others).collect::<Vec<_>>());
                    self.node("Equal", &[&code, &format!("{part}.all")], &format!("{part}.equal"), &[]);
                    self.node("Cast", &[&format!("{part}.equal")], &part, &[("to", Attribute::Int(FLOAT))]);
                    if missing.is_none() {
                        self.ints(&format!("{part}.none"), &[-1]);
                        self.node("Greater", &[&code, &format!("{part}.none")], &format!("{part}.present"), &[]);
                        let usable_part = format!("{part}.usable");
                        self.node("Cast", &[&format!("{part}.present")], &usable_part, &[("to", Attribute::Int(FLOAT))]);
                        usable.push(usable_part);
                    }
                    (category, i) = (category + 1, i + 1);
                }
            }
            parts.push(part);
        }
        let concat = |graph: &mut Self, parts: &[String], output: &str| {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            graph.node("Concat", &parts, output, &[("axis", Attribute::Int(1))]);
        };
        concat(self, &parts, "inputs");
        if usable.is_empty() {
            return ("inputs".into(), None);
        }
        concat(self, &usable, "usable.columns");
        self.ints("usable.axis", &[1]);
        self.node("ReduceMin", &["usable.columns", "usable.axis"], "usable.row", &[("keepdims", Attribute::Int(1))]);
        self.constant("usable.half", FLOAT, &[1], &0.5f32.to_le_bytes());
        self.node("Greater", &["usable.row", "usable.half"], "usable", &[]);
        ("inputs".into(), Some("usable".into()))
    }

    /// Fills in and scales the numeric columns, and marks the values that an f32 can hold. Returns the name of the scaled
    /// numbers, which the indicators of missing ones follow if there are any.
    fn numbers(&mut self, preprocessing: &Preprocessing, count: usize) -> String {
        let (mut fills, mut shifts, mut scales, mut indicated) = (Vec::new(), Vec::new(), Vec::new(), false);
        for feature in &preprocessing.features {
            if let FeatureKind::Number { shift, scale, missing, indicator, .. } = feature.kind {
                fills.push(missing.unwrap_or(f64::NAN));
                shifts.push(shift);
                scales.push(scale);
                indicated |= indicator;
            }
        }
        self.input("numbers", DOUBLE, count);
        let mut filled = "numbers";
        if fills.iter().any(|fill| !fill.is_nan()) {
            filled = "numbers.filled";
            self.doubles("numbers.fill", &fills);
            // NaN and infinite numbers are missing. Comparisons with NaN are false.
            self.doubles("numbers.infinite", &[f64::INFINITY]);
            self.node("Abs", &["numbers"], "numbers.size", &[]);
            self.node("Less", &["numbers.size", "numbers.infinite"], "numbers.present", &[]);
            self.node("Where", &["numbers.present", "numbers", "numbers.fill"], filled, &[]);
        }
        self.doubles("numbers.shift", &shifts);
        self.doubles("numbers.scale", &scales);
        self.node("Sub", &[filled, "numbers.shift"], "numbers.shifted", &[]);
        self.node("Div", &["numbers.shifted", "numbers.scale"], "numbers.divided", &[]);
        self.node("Cast", &["numbers.divided"], "numbers.scaled", &[("to", Attribute::Int(FLOAT))]);
        self.doubles("numbers.beyond", &[BEYOND_F32]);
        self.node("Abs", &["numbers.divided"], "numbers.scaled.size", &[]);
        self.node("Less", &["numbers.scaled.size", "numbers.beyond"], "numbers.scaled.finite", &[]);
        self.node("Cast", &["numbers.scaled.finite"], "numbers.usable", &[("to", Attribute::Int(FLOAT))]);
        if !indicated {
            return "numbers.scaled".into();
        }
        self.node("Not", &["numbers.present"], "numbers.absent", &[]);
        self.node("Cast", &["numbers.absent"], "numbers.indicators", &[("to", Attribute::Int(FLOAT))]);
        let both = ["numbers.scaled", "numbers.indicators"];
        self.node("Concat", &both, "numbers.all", &[("axis", Attribute::Int(1))]);
        "numbers.all".into()
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> Message {
    Message::new().each(inputs, |node, input| node.bytes(1, input)).bytes(2, output).bytes(3, output).bytes(4, op)
}

/// All spellings of a word in mixed upper and lower case; of a long one, the usual ones.
fn spellings(word: &str) -> Vec<String> {
    // They double with each letter.
    if word.chars().filter(char::is_ascii_alphabetic).count() > 8 {
        let lower = word.to_ascii_lowercase();
        let first = lower.chars().next().map_or(0, char::len_utf8);
        let title = lower[..first].to_ascii_uppercase() + &lower[first..];
        return BTreeSet::from([word.to_owned(), word.to_ascii_uppercase(), lower, title]).into_iter().collect();
    }
    word.chars().fold(vec![String::new()], |spellings, letter| {
        let mut cases = vec![letter.to_ascii_lowercase(), letter.to_ascii_uppercase()];
        cases.dedup();
        let with = |case: char| spellings.iter().map(move |spelling| format!("{spelling}{case}"));
        cases.into_iter().flat_map(with).collect()
    })
}

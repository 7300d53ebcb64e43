//! Exports C source: the network with its weights and preprocessing as one file of C99 that needs only the C library.

use std::borrow::Cow;
use std::fmt::Write;

use super::contents::Saved;
use crate::bits::BEYOND_F32;
use crate::data::{FeatureKind, FittedTarget, Preprocessing, all_spellings};
use crate::error::Error;
use crate::network::{Activation, Tensor};

/// The C source of a model. The names of its functions start with `stem`.
pub fn source(model: &Saved<'_>, stem: &str) -> Result<String, Error> {
    let layers = model.network().layers();
    for layer in layers {
        if layer.activation.definition().exports.is_none() {
            let what = format!("the custom activation {}", layer.activation.name());
            return Err(Error::Export { format: "C".into(), what });
        }
    }
    let refuse = |what: String| Err(Error::Export { format: "C".into(), what });
    let weights_of = model.weights();
    if let Some(tensor) = weights_of.iter().find(|tensor| !tensor.values.iter().all(|value| value.is_finite())) {
        return refuse(format!("numbers in {} that are not finite", tensor.name));
    }
    for feature in model.preprocessing().map_or(&[][..], |preprocessing| &preprocessing.features) {
        if let FeatureKind::Categories { names, .. } = &feature.kind
            && let Some(name) = names.iter().find(|name| name.contains('\0'))
        {
            return refuse(format!("a category {name:?}, in which a string of C would end"));
        }
    }
    let name = identifier(stem);
    let (inputs, outputs) = (model.network().inputs(), model.network().outputs());
    let mut c = String::new();
    let sizes = layers.iter().map(|layer| format!("-{}", layer.units)).collect::<String>();
    let _ = writeln!(c, "/* A network {inputs}{sizes}, trained with shaderprop {}.", env!("CARGO_PKG_VERSION"));
    let signature = match model.preprocessing() {
        None => plain_interface(&mut c, &name, inputs, outputs),
        Some(preprocessing) => table_interface(&mut c, &name, preprocessing),
    };
    c += "   C99; link with the mathematical library (-lm). */\n\n";
    c += if model.preprocessing().is_some() {
        "#include <math.h>\n#include <stddef.h>\n#include <string.h>\n\n"
    } else {
        "#include <math.h>\n\n"
    };
    let _ = writeln!(c, "{signature};\n");
    for tensor in weights_of {
        weights(&mut c, &name, &tensor);
    }
    let mut written: Vec<&Activation> = Vec::new();
    for activation in layers.iter().map(|layer| &layer.activation) {
        if !written.contains(&activation) {
            activation_function(&mut c, &name, activation);
            written.push(activation);
        }
    }
    network(&mut c, &name, model);
    match model.preprocessing() {
        None => {
            let _ = writeln!(c, "{signature} {{\n    {name}_network(input, output);\n}}");
        }
        Some(preprocessing) => table(&mut c, (&name, &signature), preprocessing, [inputs, outputs]),
    }
    Ok(c)
}

/// A valid start of a C identifier.
fn identifier(stem: &str) -> String {
    let word: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) { word } else { format!("model_{word}") }
}

fn plain_interface(c: &mut String, name: &str, inputs: usize, outputs: usize) -> String {
    let _ = writeln!(c, "\n   {name}_predict computes the {outputs} outputs for {inputs} inputs.\n");
    format!("void {name}_predict(const float input[{inputs}], float output[{outputs}])")
}

fn table_interface(c: &mut String, name: &str, preprocessing: &Preprocessing) -> String {
    let (result, outputs) = match &preprocessing.target {
        FittedTarget::Classes { column, names } => {
            let names: Vec<_> = names.iter().map(|name| comment(name)).collect();
            (
                format!("how likely each class of {} is: {}", comment(column), names.join(", ")),
                format!("float output[{}]", names.len()),
            )
        }
        FittedTarget::Number { column, .. } => (format!("what {} is", comment(column)), "double output[1]".into()),
    };
    let _ = writeln!(c, "\n   {name}_predict says of a row of a table {result}.");
    for (of, are_numbers) in [("numbers (NaN where missing)", true), ("categories (NULL or \"\" where missing)", false)] {
        let columns =
            preprocessing.features.iter().filter(|feature| matches!(feature.kind, FeatureKind::Number { .. }) == are_numbers);
        let columns: Vec<_> = columns.map(|feature| comment(&feature.name)).collect();
        let columns = if columns.is_empty() { "none".into() } else { columns.join(", ") };
        let _ = writeln!(c, "   {of}: {columns}");
    }
    *c += "   It returns 0, or, leaving the output as it is, the place of the column that it refuses, counted from 1:\n";
    *c += "   the numbers first, then the categories.\n\n";
    format!("int {name}_predict(const double *numbers, const char *const *categories, {outputs})")
}

/// Escapes text for a comment.
fn comment(text: &str) -> Cow<'_, str> {
    let plain = |c: char| {
        !c.is_control()
            && c != '*'
            && c != '/'
            && c != '\\'
            && c != '?'
            && !"\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".contains(c)
    };
    if text.chars().all(plain) { text.into() } else { text.replace(|c| !plain(c), "_").into() }
}

/// A C string literal. Question marks are escaped too, since two of them may start a trigraph.
fn string(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'?' => format!("\\{}", byte as char),
        b' '..=b'~' => (byte as char).to_string(),
        _ => format!("\\{byte:03o}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// The shortest decimal form that gives this number.
fn float(value: f32) -> String {
    format!("{value:?}f")
}

fn weights(c: &mut String, prefix: &str, Tensor { name, shape, values }: &Tensor) {
    let dimensions: String = shape.iter().map(|n| format!("[{n}]")).collect();
    let _ = write!(c, "static const float {prefix}_{}{dimensions} = {{", name.replace('.', "_"));
    let row = |values: &[f32]| values.iter().map(|value| float(*value)).collect::<Vec<_>>().join(", ");
    match **shape {
        [_, columns] => values.chunks(columns).for_each(|values| {
            let _ = write!(c, "\n    {{{}}},", row(values));
        }),
        _ => {
            let _ = write!(c, "\n    {}", row(values));
        }
    }
    *c += "\n};\n\n";
}

fn activation_function(c: &mut String, prefix: &str, activation: &Activation) {
    let name = activation.name();
    if *activation == Activation::Softmax {
        let _ = writeln!(c, "static void {prefix}_softmax(float *x, int count) {{");
        *c += "\
    float largest = x[0], sum = 0.0f;
    int i;
    for (i = 1; i < count; i++) largest = fmaxf(largest, x[i]);
    for (i = 0; i < count; i++) sum += x[i] = expf(x[i] - largest);
    for (i = 0; i < count; i++) x[i] /= sum;
}\n\n";
        return;
    }
    let expression = activation.definition().exports.as_ref().map_or("", |exports| exports.c);
    let _ = writeln!(c, "static float {prefix}_{name}(float x) {{\n    return {expression};\n}}\n");
}

fn network(c: &mut String, prefix: &str, model: &Saved<'_>) {
    let shapes: Vec<_> = model.network().shapes().collect();
    let _ = writeln!(c, "static void {prefix}_network(const float *input, float *output) {{");
    for (i, (_, outs)) in shapes.iter().enumerate().take(shapes.len() - 1) {
        let _ = writeln!(c, "    float output_{i}[{outs}];");
    }
    *c += "    int i, j;\n";
    for (i, ((ins, outs), layer)) in shapes.iter().zip(model.network().layers()).enumerate() {
        let from = if i == 0 { "input".into() } else { format!("output_{}", i - 1) };
        let to = if i + 1 == shapes.len() { "output".into() } else { format!("output_{i}") };
        let _ = writeln!(c, "    for (j = 0; j < {outs}; j++) {to}[j] = {prefix}_layers_{i}_bias[j];");
        let _ = writeln!(c, "    for (i = 0; i < {ins}; i++)");
        let _ = writeln!(c, "        for (j = 0; j < {outs}; j++) {to}[j] += {from}[i] * {prefix}_layers_{i}_weight[i][j];");
        match layer.activation {
            Activation::Softmax => {
                let _ = writeln!(c, "    {prefix}_softmax({to}, {outs});");
            }
            _ => {
                let _ = writeln!(c, "    for (j = 0; j < {outs}; j++) {to}[j] = {prefix}_{}({to}[j]);", layer.activation.name());
            }
        }
    }
    *c += "}\n\n";
}

/// The functions that turn a row of a table into the network's inputs, and its outputs into predictions.
fn table(c: &mut String, (name, signature): (&str, &str), preprocessing: &Preprocessing, [inputs, outputs]: [usize; 2]) {
    let features = &preprocessing.features;
    let numbers: Vec<_> = features.iter().filter(|feature| matches!(feature.kind, FeatureKind::Number { .. })).collect();
    let (mut number, mut category, mut first) = (0, 0, 0);
    let mut body = String::new();
    let (mut any_number, mut any_category) = (false, false);
    for feature in features {
        match &feature.kind {
            FeatureKind::Number { shift, scale, missing, indicator, .. } => {
                any_number = true;
                let _ = writeln!(body, "    x = numbers[{number}];");
                if let Some(missing) = missing {
                    let indicate = if *indicator { format!("input[{}] = 1.0f, ", first + 1) } else { String::new() };
                    let _ = writeln!(body, "    if (!isfinite(x)) {indicate}x = {missing:?};");
                }
                let _ = writeln!(body, "    x = (x - ({shift:?})) / {scale:?};");
                let _ = writeln!(body, "    if (!(fabs(x) < {BEYOND_F32:?})) return {};", number + 1);
                let _ = writeln!(body, "    input[{first}] = (float)x;");
                (number, first) = (number + 1, first + feature.width());
            }
            FeatureKind::Categories { names, missing } => {
                any_category = true;
                let count = names.len();
                // Spellings of the same name, such as 1 and 1.0, have the same place.
                let spellings = all_spellings(names);
                let list: Vec<_> = spellings.iter().map(|(name, _)| string(name)).collect();
                // A C array has at least one element.
                let list = if list.is_empty() { "NULL".into() } else { list.join(", ") };
                let _ = writeln!(c, "static const char *const {name}_categories_{category}[] = {{{list}}};\n");
                let cell = format!("categories[{category}]");
                let find =
                    |missing: i64| format!("{name}_find({cell}, {name}_categories_{category}, {}, {missing})", spellings.len());
                let missing = missing.map_or(-1, |place| place as i64);
                if spellings.len() == count {
                    let _ = writeln!(body, "    place = {};", find(missing));
                } else {
                    let places: Vec<_> = spellings.iter().map(|(_, place)| *place).chain([count]).collect();
                    let places = places.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
                    let _ = writeln!(c, "static const int {name}_places_{category}[] = {{{places}}};\n");
                    let _ = writeln!(body, "    place = {};", find(-1));
                    // What is missing has a place already.
                    let _ = writeln!(body, "    place = place < 0 ? {missing} : {name}_places_{category}[place];");
                }
                if missing < 0 {
                    let _ = writeln!(body, "    if (place < 0) return {};", numbers.len() + category + 1);
                }
                let _ = writeln!(body, "    input[{first} + place] = 1.0f;");
                (category, first) = (category + 1, first + count + 1);
            }
        }
    }
    if any_category {
        let words = preprocessing.missing_words.iter().map(String::as_str).chain([""]);
        let words: Vec<_> = words.map(|word| string(&word.to_ascii_lowercase())).collect();
        let _ = writeln!(c, "static const char *const {name}_missing[] = {{{}}};", words.join(", "));
        let _ = writeln!(
            c,
            "
/* Whether two words are the same but for small and capital letters. */
static int {name}_same(const char *a, const char *b) {{
    for (; *a != '\\0' || *b != '\\0'; a++, b++) {{
        char lower = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a;
        if (lower != *b) return 0;
    }}
    return 1;
}}

/* The place of a category, the one after the last for what is none of them. */
static int {name}_find(const char *cell, const char *const *names, int count, int missing) {{
    int i;
    if (cell == NULL) return missing;
    for (i = 0; i < {words}; i++)
        if ({name}_same(cell, {name}_missing[i])) return missing;
    for (i = 0; i < count; i++)
        if (strcmp(cell, names[i]) == 0) return i;
    return count;
}}
",
            words = words.len()
        );
    }
    let _ = writeln!(c, "{signature} {{");
    let _ = writeln!(c, "    float input[{inputs}] = {{0.0f}};");
    *c += if any_number { "    double x;\n" } else { "" };
    *c += if any_category { "    int place;\n" } else { "" };
    if let FittedTarget::Number { .. } = preprocessing.target {
        let _ = writeln!(c, "    float scaled[{outputs}];");
    }
    *c += if any_number { "" } else { "    (void)numbers;\n" };
    *c += if any_category { "" } else { "    (void)categories;\n" };
    *c += &body;
    match preprocessing.target {
        FittedTarget::Classes { .. } => {
            let _ = writeln!(c, "    {name}_network(input, output);");
        }
        FittedTarget::Number { shift, scale, .. } => {
            let _ = writeln!(c, "    {name}_network(input, scaled);\n    output[0] = scaled[0] * {scale:?} + ({shift:?});");
        }
    }
    *c += "    return 0;\n}\n";
}

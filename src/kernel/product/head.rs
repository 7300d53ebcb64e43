//! Emits the beginning of the kernels of products, and the loads they share.

use super::definition::{Layouts, PARAMS, Product};
use crate::kernel::text::{Text, vector};

impl Product {
    /// The head of the module, before its entry point: what a and b are, the layout of their rows, and the epilogue's
    /// declarations.
    pub(super) fn head(&self, text: &mut Text) {
        let of = match self.layouts {
            Layouts::Plain => "a: (M, K), b: (K, N)",
            Layouts::TransposedA => "aᵀ, a: (K, M), b: (K, N)",
            Layouts::TransposedB => "a: (M, K), bᵀ, b: (N, K)",
        };
        text.line(&format!("// c(row, column) = Σ over k of a(row, k) · b(k, column), with c: (M, N), {of}."));
        if self.ones {
            text.line("// a has an additional row of ones. Its products are the sums of b's columns, the gradient of the bias.");
        }
        text.line("");
        params(text, &PARAMS);
        text.line("@group(0) @binding(0) var<uniform> params: Params;");
        text.line(&format!("@group(0) @binding(1) var<storage, read> a: array<{}>;", vector(self.a_width)));
        text.line(&format!("@group(0) @binding(2) var<storage, read> b: array<{}>;", vector(self.b_width)));
        self.epilogue.declarations(text, 3, self.c_width);
        text.line("");
    }
}

/// The struct `Params` with those fields.
pub(super) fn params(text: &mut Text, fields: &[(&str, &str)]) {
    text.open("struct Params {");
    for (name, meaning) in fields {
        let meaning = if meaning.is_empty() { String::new() } else { format!("  // {meaning}") };
        text.line(&format!("{name}: u32,{meaning}"));
    }
    text.close("}");
    text.line("");
}

/// Four adjacent values from element `at` on, of an array whose elements hold `width` values each.
pub(super) fn four(array: &str, at: &str, width: u32) -> String {
    match width {
        4 => format!("{array}[({at}) / 4u]"),
        2 => format!("vec4f({array}[({at}) / 2u], {array}[({at}) / 2u + 1u])"),
        _ => format!("vec4f({array}[{at}], {array}[{at} + 1u], {array}[{at} + 2u], {array}[{at} + 3u])"),
    }
}

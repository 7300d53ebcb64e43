//! Emits the kernel that adds the slices of a product and applies its epilogue.

use super::epilogue::{Epilogue, SLICES_PARAMS};
use super::head::params;
use crate::kernel::text::Text;
use crate::kernel::wgsl::WORKGROUP_SIZE;

impl Epilogue {
    /// The whole WGSL module that adds the slices of a product, in order, and applies this epilogue. One invocation
    /// computes one element.
    pub fn slices_source(&self, bias: bool) -> String {
        let mut text = Text::default();
        text.line("// sum_slices: adds the slices of a product in order. Each invocation computes one element.");
        text.line("");
        params(&mut text, &SLICES_PARAMS);
        text.line("@group(0) @binding(0) var<uniform> params: Params;");
        text.line("@group(0) @binding(1) var<storage, read> partial: array<f32>;");
        self.declarations(&mut text, 2, 1);
        text.line("");
        text.line(&format!("@compute @workgroup_size({WORKGROUP_SIZE})"));
        text.open("fn main(@builtin(global_invocation_id) id: vec3u) {");
        text.line("let element = params.first + id.x;");
        text.open("if element >= params.end {");
        text.line("return;");
        text.close("}");
        text.line("let columns = params.columns;");
        text.line("let row = element / columns;");
        text.line("let column = element % columns;");
        text.line(&format!("let size = {} * columns;", if bias { "(params.rows + 1u)" } else { "params.rows" }));
        text.line("var sum = 0.0;");
        text.open("for (var slice = 0u; slice < params.slices; slice++) {");
        text.line("sum += partial[slice * size + element];");
        text.close("}");
        self.prepare(&mut text, bias);
        self.statements(&mut text, "sum", 1, bias);
        text.close("}");
        text.text
    }
}

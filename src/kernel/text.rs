//! Writes WGSL: lines and blocks, and the names of vector types.

/// WGSL under construction: lines, indented by the number of open blocks.
#[derive(Default)]
pub struct Text {
    pub text: String,
    pub depth: usize,
}

impl Text {
    /// Writes a line.
    pub fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n("    ", self.depth));
        }
        self.text += line;
        self.text.push('\n');
    }

    /// Writes a line that opens a block.
    pub fn open(&mut self, line: &str) {
        self.line(line);
        self.depth += 1;
    }

    /// Writes a line that closes a block.
    pub fn close(&mut self, line: &str) {
        self.depth -= 1;
        self.line(line);
    }
}

/// The WGSL type of a vector of `width` f32.
pub fn vector(width: u32) -> &'static str {
    match width {
        4 => "vec4f",
        3 => "vec3f",
        2 => "vec2f",
        _ => "f32",
    }
}

/// The name of a component: x, y, z or w.
pub fn component(i: u32) -> char {
    ['x', 'y', 'z', 'w'][i as usize % 4]
}

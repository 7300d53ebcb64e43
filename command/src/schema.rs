//! Schemas as files: TOML that can be edited.

use std::path::Path;

use shaderprop::Schema;

use crate::options;
use crate::talk::{Failure, short};

/// What the first lines of a file say.
const HEAD: &str = "\
# What the columns of a table are: edit it, and give it to `shaderprop train --schema`.
#   use      input, target or ignored
#   kind     number or category (for the target: classes)
#   written  how the numbers are written: plain (if left out), point (1,234.5), comma (1.234,5), date (ISO 8601),
#            or { date_as = \"%d/%m/%Y\" }
#   missing  indicator, median, frequent or error; scaling: standardise, min_max, min_max_together or none
";

/// Reads a schema.
pub fn read(path: &Path) -> Result<Schema, Failure> {
    let failed =
        |message: String| Failure::Run(format!("{}: not a schema ({}); correct it", path.display(), short(&message, 300)));
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Run(format!("{}: {error}; choose another file", path.display())))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
        let message = error.message().to_owned();
        failed(line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}")))
    })
}

/// Writes a schema, with comments.
pub fn write(path: &Path, force: bool, schema: &Schema) -> Result<(), Failure> {
    let text =
        toml::to_string(schema).map_err(|error| Failure::Run(format!("{}: {error}; please report this", path.display())))?;
    options::write(path, force, format!("{HEAD}\n{text}").as_bytes())
}

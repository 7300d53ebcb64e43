//! Reads the records of a CSV file.

use std::io::{self, Read};

/// Creates a reader that accepts records of any length. Blanks around cells are part of them: see [`trim`].
pub fn records<R: Read>(text: R, delimiter: u8) -> csv::Reader<R> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(text)
}

/// Removes the blanks around cells. The csv crate can do that too, but then it copies each record, and few need it.
pub fn trim(record: &mut csv::StringRecord) {
    let may_be_blank = |byte: &u8| *byte <= b' ' || !byte.is_ascii();
    let may_have_blanks =
        |cell: &str| cell.as_bytes().first().is_some_and(may_be_blank) || cell.as_bytes().last().is_some_and(may_be_blank);
    if record.iter().any(may_have_blanks) {
        record.trim();
    }
}

/// Retries reads that a signal interrupted, which the csv crate does not.
pub struct Uninterrupted<R>(pub R);

impl<R: Read> Read for Uninterrupted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                result => return result,
            }
        }
    }
}

/// Makes one blank of several where blanks separate the cells. Other text is left as it is.
pub fn separated<R: Read>(text: R, delimiter: u8) -> Separated<R> {
    Separated { text, blanks: delimiter == b' ', quoted: false, pending: false, begun: false }
}

/// See [`separated`].
pub struct Separated<R> {
    text: R,
    blanks: bool,
    quoted: bool,
    /// Whether a blank was read that is not given yet: at the end of a line it separates nothing.
    pending: bool,
    /// Whether the line has begun.
    begun: bool,
}

impl<R: Read> Read for Separated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One pending blank may be given besides what is read.
        if !self.blanks || buffer.len() < 2 {
            return self.text.read(buffer);
        }
        loop {
            let mut read = vec![0; buffer.len() / 2];
            let count = self.text.read(&mut read)?;
            let mut kept = 0;
            for byte in &read[..count] {
                match byte {
                    b' ' | b'\t' if !self.quoted => {
                        self.pending = self.begun;
                        continue;
                    }
                    b'\n' | b'\r' if !self.quoted => (self.pending, self.begun) = (false, false),
                    b'"' => self.quoted = !self.quoted,
                    _ => (),
                }
                if std::mem::take(&mut self.pending) {
                    buffer[kept] = b' ';
                    kept += 1;
                }
                self.begun |= !matches!(byte, b'\n' | b'\r');
                buffer[kept] = *byte;
                kept += 1;
            }
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

//! Reads the records of a CSV file.

use std::io::{self, Read};

/// Creates a reader that accepts records of any length.
pub fn records<R: Read>(text: R, delimiter: u8) -> csv::Reader<R> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).trim(csv::Trim::All).from_reader(text)
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

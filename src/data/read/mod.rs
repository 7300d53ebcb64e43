//! Reads arrays from files: IDX, the format of MNIST, and NPY, NumPy's format; plain or gzipped.

mod idx;
mod npy;

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::matrix::Matrix;
use crate::error::Error;

/// An array read from a file: its shape and its values in row-major order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Array {
    /// The dimensions, slowest first.
    pub shape: Vec<usize>,
    /// Whether the file has integers or booleans, such as labels, and not floats.
    pub integers: bool,
    /// The values, with the last dimension varying fastest.
    values: Numbers,
}

/// Numbers of the narrowest type that has them exactly.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    Single(Vec<f32>),
    Double(Vec<f64>),
    Integers(Vec<i64>),
}

impl Array {
    /// Reads an IDX file of bytes, integers or floats, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read or is not IDX.
    pub fn read_idx(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        idx::read(open(path)?).map_err(|message| Error::file(path, "an IDX file", message))
    }

    /// Reads an NPY file of real numbers, that is integers, floats or booleans, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read or is not NPY.
    pub fn read_npy(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        npy::read(open(path)?, |_| Ok(())).map_err(|message| Error::file(path, "an NPY file of real numbers", message))
    }

    /// Converts to a matrix with one row for each element of the first dimension. Images become rows of pixels; a list
    /// becomes one column.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of values no longer matches the shape.
    ///
    /// ```
    /// use std::io::Write;
    /// // Two bytes, 7 and 9: type 8, one dimension of two elements.
    /// let path = std::env::temp_dir().join("shaderprop-doc.idx");
    /// std::fs::write(&path, [0, 0, 8, 1, 0, 0, 0, 2, 7, 9])?;
    /// let labels = shaderprop::Array::read_idx(&path)?.into_matrix()?;
    /// assert_eq!((labels.rows(), labels.columns(), labels.values()), (2, 1, [7.0, 9.0].as_slice()));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_matrix(self) -> Result<Matrix<'static>, Error> {
        let (rows, columns) = self.rows_and_width();
        Matrix::new(rows, columns, self.into_values())
    }

    /// The values as f32, with the last dimension varying fastest.
    pub fn into_values(self) -> Vec<f32> {
        match self.values {
            Numbers::Single(values) => values,
            Numbers::Double(values) => values.into_iter().map(|value| value as f32).collect(),
            Numbers::Integers(values) => values.into_iter().map(|value| value as f32).collect(),
        }
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Numbers::Single(values) => values.len(),
            Numbers::Double(values) => values.len(),
            Numbers::Integers(values) => values.len(),
        }
    }

    /// The length of the first dimension, and the number of values for each of its elements.
    pub(crate) fn rows_and_width(&self) -> (usize, usize) {
        let rows = self.shape.first().copied().unwrap_or(1);
        (rows, self.len().checked_div(rows).unwrap_or(0))
    }

    /// The index of the 1 in each row, where all others are 0; the array itself if it is not one-hot.
    pub(crate) fn into_indices(self) -> Result<Self, Self> {
        let (rows, width) = self.rows_and_width();
        let is = |at: usize, number: f64| match &self.values {
            Numbers::Single(values) => f64::from(values[at]) == number,
            Numbers::Double(values) => values[at] == number,
            Numbers::Integers(values) => values[at] as f64 == number,
        };
        let index = |row: usize| {
            let cells = || row * width..(row + 1) * width;
            let ones = cells().filter(|at| is(*at, 1.0)).count();
            let zeros = cells().filter(|at| is(*at, 0.0)).count();
            let one = cells().position(|at| is(at, 1.0));
            one.filter(|_| ones == 1 && ones + zeros == width).map(|one| one as i64)
        };
        match (0..rows).map(index).collect::<Option<Vec<i64>>>() {
            Some(indices) if width > 1 => Ok(Self { shape: vec![rows], integers: true, values: Numbers::Integers(indices) }),
            _ => Err(self),
        }
    }

    /// The values column by column, where each row has `width` of them. One column of integers stays exact.
    pub(crate) fn into_columns(self, width: usize) -> Vec<Numbers> {
        fn columns<T: Copy>(values: Vec<T>, width: usize, of: impl Fn(Vec<T>) -> Numbers) -> Vec<Numbers> {
            match width {
                1 => vec![of(values)],
                _ => (0..width).map(|column| of(values.iter().skip(column).step_by(width).copied().collect())).collect(),
            }
        }
        match self.values {
            Numbers::Single(values) if width == 1 && self.integers => {
                vec![Numbers::Integers(values.into_iter().map(|value| value as i64).collect())]
            }
            Numbers::Single(values) => columns(values, width, Numbers::Single),
            Numbers::Double(values) => columns(values, width, Numbers::Double),
            Numbers::Integers(values) => columns(values, width, Numbers::Integers),
        }
    }
}

/// Reads the contents of an NPY file. `accept` checks the shape before any element is read.
pub(crate) fn read_npy(file: impl Read, accept: impl FnOnce(&[usize]) -> Result<(), String>) -> Result<Array, String> {
    npy::read(file, accept)
}

/// Opens a file, and unpacks it while reading if it is gzipped. The first two bytes decide, not the name.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    let failed = |error: std::io::Error| Error::file(path, "a file that can be read", error);
    let mut file = File::open(path).map_err(failed)?;
    let mut magic = Vec::new();
    file.by_ref().take(2).read_to_end(&mut magic).map_err(failed)?;
    let gzipped = magic == [0x1f, 0x8b];
    // A pipe cannot be rewound.
    let file = BufReader::new(Cursor::new(magic).chain(file));
    Ok(if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// The type of an element in the file.
#[derive(Clone, Copy)]
enum Kind {
    Unsigned,
    Signed,
    Float,
}

/// Reads exactly the elements of that shape and expects the end of the file after them. Memory grows with the data that
/// is actually there, whatever the header claims.
fn elements(mut file: impl Read, shape: &[usize], (kind, size): (Kind, usize), big_endian: bool) -> Result<Numbers, String> {
    let count = shape.iter().try_fold(1usize, |count, n| count.checked_mul(*n)).and_then(|count| count.checked_mul(size));
    let bytes = count.ok_or_else(|| format!("a shape of {shape:?}, which overflows"))?;
    let mut data = Vec::new();
    file.by_ref().take(bytes as u64).read_to_end(&mut data).map_err(|error| error.to_string())?;
    if data.len() != bytes {
        return Err(format!("{} bytes of data, but the shape {shape:?} needs {bytes}", data.len()));
    }
    if file.read(&mut [0]).map_err(|error| error.to_string())? != 0 {
        return Err(format!("more data than the shape {shape:?} needs"));
    }
    let bits = |bytes: &[u8]| -> u64 {
        let mut word = [0u8; 8];
        word[..size].copy_from_slice(bytes);
        if big_endian {
            word[..size].reverse();
        }
        u64::from_le_bytes(word)
    };
    let unused = 64 - 8 * size as u32;
    let signed = |bits: u64| (bits << unused) as i64 >> unused;
    Ok(match (kind, size) {
        (Kind::Unsigned, 1 | 2) => Numbers::Single(all(&data, size, |bytes| bits(bytes) as f32)?),
        (Kind::Signed, 1 | 2) => Numbers::Single(all(&data, size, |bytes| signed(bits(bytes)) as f32)?),
        (Kind::Float, 4) => Numbers::Single(all(&data, size, |bytes| f32::from_bits(bits(bytes) as u32))?),
        (Kind::Float, _) => Numbers::Double(all(&data, size, |bytes| f64::from_bits(bits(bytes)))?),
        (Kind::Signed, _) => Numbers::Integers(all(&data, size, |bytes| signed(bits(bytes)))?),
        (Kind::Unsigned, 8) if data.chunks_exact(size).any(|bytes| i64::try_from(bits(bytes)).is_err()) => {
            Numbers::Double(all(&data, size, |bytes| bits(bytes) as f64)?)
        }
        (Kind::Unsigned, _) => Numbers::Integers(all(&data, size, |bytes| bits(bytes) as i64)?),
    })
}

/// All elements, each of `size` bytes.
fn all<T>(data: &[u8], size: usize, value: impl Fn(&[u8]) -> T) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    let count = data.len() / size;
    values.try_reserve_exact(count).map_err(|_| format!("{count} values, for which there is not enough memory"))?;
    values.extend(data.chunks_exact(size).map(value));
    Ok(values)
}

/// Reads `count` bytes.
fn take(file: &mut impl Read, count: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(count as u64).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() < count { Err("it ends in its header".into()) } else { Ok(bytes) }
}

//! Matrices: how data is passed in and predictions are returned.

use std::borrow::Cow;

use crate::error::Error;

/// A matrix of f32 values with one row for each sample. It borrows or owns its values.
///
/// Arrays, and slices of arrays, convert to a matrix without copying wherever a function takes `impl Into<Matrix>`:
///
/// ```
/// use shaderprop::Matrix;
/// let borrowed = Matrix::from(&[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
/// assert_eq!((borrowed.rows(), borrowed.columns()), (3, 2));
/// assert_eq!(borrowed.row(1), [2.0, 3.0]);
///
/// let flat = Matrix::new(3, 2, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])?;
/// assert_eq!(flat, borrowed);
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<'a> {
    rows: usize,
    columns: usize,
    values: Cow<'a, [f32]>,
}

impl<'a> Matrix<'a> {
    /// Creates a matrix from `values`, stored row by row.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are exactly `rows` · `columns` values.
    pub fn new(rows: usize, columns: usize, values: impl Into<Cow<'a, [f32]>>) -> Result<Self, Error> {
        let values = values.into();
        if rows.checked_mul(columns) != Some(values.len()) {
            return Err(Error::Shape {
                what: "matrix".into(),
                expected: format!("{rows} rows of {columns} values"),
                got: format!("{} values", values.len()),
                advice: "give as many values as rows times columns".into(),
            });
        }
        Ok(Self { rows, columns, values })
    }

    /// Creates a matrix by copying `rows`. Each row is a slice, an array or a vector.
    ///
    /// # Errors
    /// [`Error::Shape`] if the rows differ in length.
    ///
    /// ```
    /// let table = vec![vec![0.0, 1.0], vec![2.0]];
    /// assert!(shaderprop::Matrix::from_rows(&table).is_err());
    /// ```
    pub fn from_rows(rows: &[impl AsRef<[f32]>]) -> Result<Matrix<'static>, Error> {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut values = Vec::with_capacity(rows.len().saturating_mul(columns));
        for (i, row) in rows.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != columns {
                return Err(Error::Shape {
                    what: format!("row {i}"),
                    expected: format!("{columns} values, as in row 0"),
                    got: format!("{}", row.len()),
                    advice: "make all rows equally long".into(),
                });
            }
            values.extend_from_slice(row);
        }
        Ok(Matrix { rows: rows.len(), columns, values: values.into() })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns: the values in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row `index`, counted from 0.
    ///
    /// # Panics
    /// If the index is out of range, as for slices.
    pub fn row(&self, index: usize) -> &[f32] {
        assert!(index < self.rows, "row {index} of a matrix of {} rows", self.rows);
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// A new matrix of the given rows, in the given order.
    ///
    /// # Panics
    /// If an index is out of range, as for slices.
    ///
    /// ```
    /// use shaderprop::Matrix;
    /// let matrix = Matrix::from(&[[0.0], [1.0], [2.0]]);
    /// assert_eq!(matrix.select(&[2, 0]).values(), [2.0, 0.0]);
    /// ```
    pub fn select(&self, rows: &[usize]) -> Matrix<'static> {
        let values: Vec<f32> = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        Matrix { rows: rows.len(), columns: self.columns, values: values.into() }
    }

    /// Converts to a matrix that owns its values, copying them if they are borrowed.
    pub fn into_owned(self) -> Matrix<'static> {
        Matrix { rows: self.rows, columns: self.columns, values: self.values.into_owned().into() }
    }

    /// Creates a matrix with one column.
    ///
    /// ```
    /// let targets = shaderprop::Matrix::column(vec![0.0, 1.0]);
    /// assert_eq!((targets.rows(), targets.columns()), (2, 1));
    /// ```
    pub fn column(values: impl Into<Cow<'a, [f32]>>) -> Self {
        let values = values.into();
        Self { rows: values.len(), columns: 1, values }
    }

    /// Refuses NaN and infinite values and reports their position.
    pub(crate) fn check_finite(&self, what: &str) -> Result<(), Error> {
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NotFinite {
                what: what.into(),
                place: format!("row {}, column {}", at / self.columns, at % self.columns),
                value: self.values[at],
            }),
        }
    }
}

impl<'a> From<&'a Matrix<'_>> for Matrix<'a> {
    fn from(matrix: &'a Matrix<'_>) -> Self {
        Matrix { rows: matrix.rows, columns: matrix.columns, values: Cow::Borrowed(&matrix.values) }
    }
}

impl<'a, const COLUMNS: usize> From<&'a [[f32; COLUMNS]]> for Matrix<'a> {
    fn from(rows: &'a [[f32; COLUMNS]]) -> Self {
        Matrix { rows: rows.len(), columns: COLUMNS, values: Cow::Borrowed(rows.as_flattened()) }
    }
}

impl<'a, const ROWS: usize, const COLUMNS: usize> From<&'a [[f32; COLUMNS]; ROWS]> for Matrix<'a> {
    fn from(rows: &'a [[f32; COLUMNS]; ROWS]) -> Self {
        Matrix::from(rows.as_slice())
    }
}

impl<'a, const COLUMNS: usize> From<&'a Vec<[f32; COLUMNS]>> for Matrix<'a> {
    fn from(rows: &'a Vec<[f32; COLUMNS]>) -> Self {
        Matrix::from(rows.as_slice())
    }
}

/// The index of the largest value of a row; the first of equal ones.
pub(crate) fn argmax<T: PartialOrd>(row: &[T]) -> usize {
    (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

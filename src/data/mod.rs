//! Data: matrices, tables, readers, splits, the row order of an epoch, preprocessing.
//!
//! Uses `network`, to check rows against it.

mod class_weights;
mod matrix;
mod order;
mod read;
mod samples;
mod split;
mod table;

pub use self::class_weights::ClassWeights;
pub use self::matrix::Matrix;
pub(crate) use self::matrix::argmax;
pub use self::order::Order;
pub use self::read::Array;
pub(crate) use self::read::read_npy;
pub(crate) use self::samples::{Data, check_inputs, check_rows};
pub use self::split::{Parts, Split};
pub(crate) use self::table::{ByPlace, Feature, FeatureKind, FittedTarget, all_spellings, former_missing_words};
pub use self::table::{
    Column, ColumnKind, ColumnUse, Columns, Csv, CsvNotice, Dataset, Encoding, InferredTarget, Missing, Predictions,
    Preprocessing, Scaling, Schema, SchemaColumn, Table, TableNotice, TableReader, TargetNotice, UnreadCells, Written,
};

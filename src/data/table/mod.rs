//! Tables: named columns of cells, from CSV files or from arrays.

mod cells;
mod columns;
mod csv;
mod dates;
mod encoding;
mod guess;
mod kinds;
mod lines;
mod missing;
mod notice;
mod outliers;
mod parallel;
mod preprocessing;
mod reading;
mod records;
mod schema;
mod shape;
mod spelling;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod table;
mod target;
mod written;

pub use self::columns::{Column, Columns, Missing, Scaling};
pub use self::csv::{Csv, TableReader};
pub use self::encoding::Encoding;
pub use self::guess::CsvNotice;
pub use self::notice::TableNotice;
pub(crate) use self::preprocessing::{ByPlace, Feature, FeatureKind, FittedTarget, former_missing_words};
pub use self::preprocessing::{Dataset, Predictions, Preprocessing, UnreadCells};
pub use self::schema::{ColumnKind, ColumnUse, Schema, SchemaColumn};
pub(crate) use self::spelling::all_spellings;
pub use self::table::Table;
pub use self::target::{InferredTarget, TargetNotice};
pub use self::written::Written;

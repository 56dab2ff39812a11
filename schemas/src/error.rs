//! What can be wrong with a batch of rows.

use thiserror::Error;

/// A batch that is not what its table asks for.
#[derive(Debug, Error)]
pub enum Error {
    /// A column of the table is not in the batch.
    #[error("table `{table}`: column `{column}` is missing")]
    MissingColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A column has another type than the table's.
    #[error("table `{table}`: column `{column}`: expected type {expected}, got {actual}")]
    ColumnType {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The type of the table.
        expected: String,
        /// The type of the batch.
        actual: String,
    },
    /// A value that the column does not admit: a null, or a number that is not finite.
    #[error("table `{table}`: column `{column}`, row {row}: expected {expected}")]
    Value {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Row of the batch, from zero.
        row: usize,
        /// What the column admits.
        expected: &'static str,
    },
    /// Arrow refused to build or cast an array.
    #[error("table `{table}`: {source}")]
    Arrow {
        /// The table.
        table: &'static str,
        /// The cause.
        source: arrow::error::ArrowError,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

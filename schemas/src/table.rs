//! Tables: their specification, and the macro that makes a typed row of one.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::column::ColumnSpec;
use crate::error::Result;

/// What a table is: its columns, what identifies a row, and how its files are laid out.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// Name in the lake and in SQL.
    pub name: &'static str,
    /// Version of the columns; [`crate::migrations`] has the steps from the first to this one.
    pub version: u32,
    /// What a row is.
    pub doc: &'static str,
    /// The columns, in order.
    pub columns: &'static [ColumnSpec],
    /// The columns that identify a row; rows of a drive lie in this order.
    pub key: &'static [&'static str],
    /// The columns that the files are partitioned by.
    pub partition_by: &'static [&'static str],
}

impl TableSpec {
    /// The Arrow schema.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<_> = self.columns.iter().map(ColumnSpec::field).collect();
        Arc::new(Schema::new(fields))
    }

    /// Whether the table has the column.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }
}

/// A typed row of a table.
pub trait Row: Sized + Send + Sync + 'static {
    /// The table.
    const SPEC: &'static TableSpec;

    /// Makes a validated batch of the rows.
    ///
    /// # Errors
    /// When a value is one that its column does not admit: the error names column and row.
    fn to_batch(rows: &[Self]) -> Result<RecordBatch>;

    /// Reads the rows of a batch. Columns are found by name and cast where a reader widened or dictionary-encoded them;
    /// others than the table's are passed over.
    ///
    /// # Errors
    /// When a column is missing, of another type, or null where it may not be.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>>;

    /// Reads the rows of several batches, in order.
    ///
    /// # Errors
    /// As [`Row::from_batch`].
    fn from_batches<'a>(batches: impl IntoIterator<Item = &'a RecordBatch>) -> Result<Vec<Self>> {
        let mut rows = Vec::new();
        for batch in batches {
            rows.append(&mut Self::from_batch(batch)?);
        }
        Ok(rows)
    }
}

/// Defines the row type of a table: a documented struct, its [`TableSpec`] and its [`Row`] conversions.
macro_rules! table {
    (
        $(#[doc = $doc:literal])*
        $row:ident = $name:literal, version $version:literal, key [$($key:literal),* $(,)?], partition_by [$($part:literal),* $(,)?];
        $( $(#[doc = $cdoc:literal])+ [$unit:literal] $col:ident : $ty:ty, )+
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $row {
            $( $(#[doc = $cdoc])+ pub $col: $ty, )+
        }

        impl $crate::Row for $row {
            const SPEC: &'static $crate::TableSpec = &$crate::TableSpec {
                name: $name,
                version: $version,
                doc: concat!($($doc, "\n"),*),
                columns: &[$(
                    $crate::ColumnSpec {
                        name: stringify!($col),
                        unit: $unit,
                        doc: concat!($($cdoc, "\n"),+),
                        data_type: <$ty as $crate::ColumnValue>::data_type,
                        nullable: <$ty as $crate::ColumnValue>::NULLABLE,
                    },
                )+],
                key: &[$($key),*],
                partition_by: &[$($part),*],
            };

            fn to_batch(rows: &[Self]) -> $crate::Result<arrow::record_batch::RecordBatch> {
                for (index, row) in rows.iter().enumerate() {
                    $(
                        if !$crate::ColumnValue::is_valid(&row.$col) {
                            return Err($crate::Error::Value {
                                table: $name,
                                column: stringify!($col),
                                row: index,
                                expected: <$ty as $crate::ColumnValue>::EXPECTED,
                            });
                        }
                    )+
                }
                let columns = vec![$(
                    <$ty as $crate::ColumnValue>::array(rows.iter().map(|row| &row.$col)),
                )+];
                arrow::record_batch::RecordBatch::try_new(Self::SPEC.schema(), columns)
                    .map_err(|source| $crate::Error::Arrow { table: $name, source })
            }

            fn from_batch(batch: &arrow::record_batch::RecordBatch) -> $crate::Result<Vec<Self>> {
                $(
                    let mut $col =
                        $crate::table::read_column::<$ty>(batch, $name, stringify!($col))?.into_iter();
                )+
                let mut rows = Vec::with_capacity(batch.num_rows());
                while let ($(Some($col),)+) = ($($col.next(),)+) {
                    rows.push(Self { $($col),+ });
                }
                Ok(rows)
            }
        }
    };
}
pub(crate) use table;

/// Reads one column by name, casting an equivalent encoding of its type.
pub(crate) fn read_column<T: crate::ColumnValue>(
    batch: &RecordBatch,
    table: &'static str,
    column: &'static str,
) -> Result<Vec<T>> {
    let array = batch
        .column_by_name(column)
        .ok_or(crate::Error::MissingColumn { table, column })?;
    let expected = T::data_type();
    let mismatch = || crate::Error::ColumnType {
        table,
        column,
        expected: expected.to_string(),
        actual: array.data_type().to_string(),
    };
    let array = arrow::compute::cast(array, &expected).map_err(|_| mismatch())?;
    if let (false, Some(row)) = (
        T::NULLABLE,
        (0..array.len()).find(|row| array.is_null(*row)),
    ) {
        let expected = T::EXPECTED;
        return Err(crate::Error::Value {
            table,
            column,
            row,
            expected,
        });
    }
    T::read(&array).ok_or_else(mismatch)
}

//! Old versions of tables keep loading.
//!
//! A table's version goes up by one with each [`Migration`], a file of its own that says which columns the step added and what a row
//! written before it holds there. The store brings older rows up to date as it reads them, and adds the columns to the table itself
//! with the first commit of the new version; files are not written anew. Columns are neither removed nor renamed, and keep their type.

#![expect(
    non_snake_case,
    reason = "the files are named by table, version before and version after"
)]

mod bus_frame__v1__to__v2;
mod calibration__v1__to__v2;
mod camera_frame__v1__to__v2;
mod checkpoint__v1__to__v2;
mod checkpoint__v2__to__v3;
mod failure_slice__v1__to__v2;
mod finding__v1__to__v2;
mod finding__v2__to__v3;
mod lane__v1__to__v2;
mod lidar_sweep__v1__to__v2;
mod map_area__v1__to__v2;
mod object_track__v1__to__v2;
mod sample__v1__to__v2;
mod sample_metric__v1__to__v2;
mod signal__v1__to__v2;
mod slice_metric__v1__to__v2;
mod synthetic_item__v1__to__v2;
mod training_run__v1__to__v2;
mod training_run__v2__to__v3;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::error::{Error, Result};
use crate::table::TableSpec;

/// Every step, by table and version.
pub const MIGRATIONS: &[&Migration] = &[
    &bus_frame__v1__to__v2::STEP,
    &calibration__v1__to__v2::STEP,
    &camera_frame__v1__to__v2::STEP,
    &checkpoint__v1__to__v2::STEP,
    &checkpoint__v2__to__v3::STEP,
    &failure_slice__v1__to__v2::STEP,
    &finding__v1__to__v2::STEP,
    &finding__v2__to__v3::STEP,
    &lane__v1__to__v2::STEP,
    &lidar_sweep__v1__to__v2::STEP,
    &map_area__v1__to__v2::STEP,
    &object_track__v1__to__v2::STEP,
    &sample__v1__to__v2::STEP,
    &sample_metric__v1__to__v2::STEP,
    &signal__v1__to__v2::STEP,
    &slice_metric__v1__to__v2::STEP,
    &synthetic_item__v1__to__v2::STEP,
    &training_run__v1__to__v2::STEP,
    &training_run__v2__to__v3::STEP,
];

/// One step of a table from a version to the next.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The table.
    pub table: &'static str,
    /// The version that the step makes; it starts from the one before.
    pub to: u32,
    /// What the step adds.
    pub added: &'static [AddedColumn],
}

/// A column that a step adds.
#[derive(Debug, Clone, Copy)]
pub struct AddedColumn {
    /// Its name; unit and type are those of the table's specification.
    pub name: &'static str,
    /// What rows written before the step hold in it.
    pub default: DefaultValue,
}

/// The value of a column in rows that were written before the column was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// Unknown.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'static str),
}

impl DefaultValue {
    /// A column of this value.
    ///
    /// # Errors
    /// When the type has no such value.
    pub fn array(self, data_type: &DataType, rows: usize) -> Result<ArrayRef, ArrowError> {
        let array: ArrayRef = match self {
            Self::Null => return Ok(new_null_array(data_type, rows)),
            Self::Bool(value) => Arc::new(BooleanArray::from(vec![value; rows])),
            Self::Integer(value) => Arc::new(Int64Array::from_value(value, rows)),
            Self::Text(value) => Arc::new(StringArray::from(vec![value; rows])),
        };
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(&array, data_type, &options)
    }
}

/// What rows written before a column was there hold in it; `None` for a column that was there from the first version.
#[must_use]
pub fn default_of(table: &str, column: &str) -> Option<DefaultValue> {
    let steps = MIGRATIONS.iter().filter(|step| step.table == table);
    let mut added = steps.flat_map(|step| step.added);
    added
        .find(|added| added.name == column)
        .map(|added| added.default)
}

/// The version of the table whose columns a schema has; `None` where it lacks one that every version has.
/// Columns that the table does not know, of a newer version, are passed over.
#[must_use]
pub fn version_of(spec: &TableSpec, schema: &Schema) -> Option<u32> {
    let lacks = |name: &str| schema.field_with_name(name).is_err();
    let mut version = spec.version;
    for column in spec.columns.iter().filter(|column| lacks(column.name)) {
        let adds = |step: &&&Migration| {
            step.table == spec.name && step.added.iter().any(|added| added.name == column.name)
        };
        version = version.min(MIGRATIONS.iter().find(adds)?.to - 1);
    }
    Some(version)
}

/// The rows with the columns of the table as it is now, in its order. Columns that are there keep their values and encoding;
/// others than the table's are left out.
///
/// # Errors
/// When a column is missing that every version of the table has.
pub fn upgrade(spec: &TableSpec, batch: &RecordBatch) -> Result<RecordBatch> {
    let fail = |source| Error::Arrow {
        table: spec.name,
        source,
    };
    let (stored, rows) = (batch.schema(), batch.num_rows());
    let mut fields = Vec::with_capacity(spec.columns.len());
    let mut arrays = Vec::with_capacity(spec.columns.len());
    for column in spec.columns {
        if let Some((at, field)) = stored.column_with_name(column.name) {
            fields.push(field.clone());
            arrays.push(Arc::clone(batch.column(at)));
            continue;
        }
        let default = default_of(spec.name, column.name);
        let (table, name) = (spec.name, column.name);
        let default = default.ok_or(Error::MissingColumn {
            table,
            column: name,
        })?;
        arrays.push(default.array(&(column.data_type)(), rows).map_err(fail)?);
        fields.push(column.field());
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, Row as _, TABLES};

    fn finding() -> Finding {
        Finding {
            log_id: "d".into(),
            day: crate::time::Day(3),
            check: "chunk_checksum".into(),
            severity: "error".into(),
            subject: "d.mcap".into(),
            start_ns: None,
            end_ns: None,
            count: 1,
            dropped: 1,
            message: "expected one checksum, got another".into(),
            offset_bytes: Some(7),
            composed: Some(false),
        }
    }

    /// The columns of `finding` as its first version had them. Not to be changed.
    const FINDING_V1: [&str; 10] = [
        "log_id", "day", "check", "severity", "subject", "start_ns", "end_ns", "count", "dropped",
        "message",
    ];

    #[test]
    fn rows_of_the_first_version_are_read_with_the_defaults() {
        let now = Finding::to_batch(&[finding()]).unwrap();
        let columns: Vec<usize> = FINDING_V1
            .iter()
            .map(|name| now.schema().index_of(name).unwrap())
            .collect();
        let old = now.project(&columns).unwrap();
        assert!(Finding::from_batch(&old).is_err());
        assert_eq!(version_of(Finding::SPEC, &old.schema()), Some(1));
        let upgraded = upgrade(Finding::SPEC, &old).unwrap();
        assert_eq!(upgraded.schema(), Finding::SPEC.schema());
        assert_eq!(
            Finding::from_batch(&upgraded).unwrap(),
            [Finding {
                offset_bytes: None,
                composed: None,
                ..finding()
            }]
        );
    }

    #[test]
    fn rows_of_this_version_are_left_as_they_are() {
        let now = Finding::to_batch(&[finding()]).unwrap();
        assert_eq!(
            version_of(Finding::SPEC, &now.schema()),
            Some(Finding::SPEC.version)
        );
        assert_eq!(upgrade(Finding::SPEC, &now).unwrap(), now);
    }

    #[test]
    fn a_batch_of_no_version_is_refused() {
        let batch = Finding::to_batch(&[finding()])
            .unwrap()
            .project(&[0, 1])
            .unwrap();
        assert_eq!(version_of(Finding::SPEC, &batch.schema()), None);
        assert!(matches!(
            upgrade(Finding::SPEC, &batch),
            Err(Error::MissingColumn {
                column: "check",
                ..
            })
        ));
    }

    #[test]
    fn the_steps_of_each_table_lead_to_its_version() {
        for spec in TABLES {
            let steps = MIGRATIONS.iter().filter(|step| step.table == spec.name);
            let versions: Vec<u32> = steps.map(|step| step.to).collect();
            assert_eq!(
                versions,
                (2..=spec.version).collect::<Vec<_>>(),
                "{}",
                spec.name
            );
        }
        for step in MIGRATIONS {
            let spec = TABLES.iter().find(|spec| spec.name == step.table).unwrap();
            for added in step.added {
                let column = spec
                    .columns
                    .iter()
                    .find(|column| column.name == added.name)
                    .unwrap();
                let array = added.default.array(&(column.data_type)(), 2).unwrap();
                assert_eq!(array.len(), 2);
                assert!(
                    column.nullable || array.null_count() == 0,
                    "{}.{}",
                    spec.name,
                    added.name
                );
            }
        }
    }

    #[test]
    fn defaults_take_the_type_of_their_column() {
        let seven = DefaultValue::Integer(7).array(&DataType::Int32, 2).unwrap();
        assert_eq!(seven.data_type(), &DataType::Int32);
        assert!(
            DefaultValue::Bool(true)
                .array(&DataType::Boolean, 1)
                .is_ok()
        );
        assert!(
            DefaultValue::Text("a")
                .array(&DataType::Boolean, 1)
                .is_err()
        );
    }
}

//! Arrow columns from what is held: by name against a table's specification.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, StringBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::record_batch::RecordBatch;
use driveloop_schemas::TableSpec;

use super::DriveKey;
use crate::error::{Error, Result};
use crate::paged::wrapped_record;

/// The columns of a batch in the making.
pub(crate) struct Columns {
    spec: &'static TableSpec,
    rows: usize,
    columns: HashMap<&'static str, ArrayRef>,
}

impl Columns {
    /// Columns of so many rows, of which those that all rows of the drive share are there already.
    pub(crate) fn new(spec: &'static TableSpec, key: DriveKey<'_>, rows: usize) -> Self {
        let columns = Self {
            spec,
            rows,
            columns: HashMap::new(),
        };
        let days = Date32Array::from_value(key.day.0, rows);
        // What comes from a log is not composed.
        let composed = BooleanArray::new(BooleanBuffer::new_unset(rows), None);
        columns
            .with("log_id", repeated([(Some(key.log_id), rows)]))
            .with("day", Arc::new(days))
            .with("composed", Arc::new(composed))
    }

    /// The same with a column.
    pub(crate) fn with(mut self, name: &'static str, column: ArrayRef) -> Self {
        self.columns.insert(name, column);
        self
    }

    /// The batch. A column that the table has and this has not is null in all rows, where it may be.
    pub(crate) fn finish(mut self) -> Result<RecordBatch> {
        let schema = self.spec.schema();
        let columns = schema.fields().iter().map(|field| {
            let column = self.columns.remove(field.name().as_str());
            column.unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), self.rows))
        });
        let columns = columns.collect();
        RecordBatch::try_new(schema, columns).map_err(|source| {
            let table = self.spec.name;
            let source = driveloop_schemas::Error::Arrow { table, source };
            Error::Lake(source.into())
        })
    }
}

/// A column of texts, each so many times.
pub(crate) fn repeated<'a>(
    runs: impl IntoIterator<Item = (Option<&'a str>, usize), IntoIter: Clone>,
) -> ArrayRef {
    let runs = runs.into_iter();
    let (mut rows, mut bytes) = (0, 0);
    for (text, count) in runs.clone() {
        rows += count;
        bytes += count * text.map_or(0, str::len);
    }
    let mut column = StringBuilder::with_capacity(rows, bytes);
    for (text, count) in runs {
        match text {
            Some(text) => column.append_value_n(text, count),
            None => column.append_nulls(count),
        }
    }
    Arc::new(column.finish())
}

/// Number of a name in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameId(pub(crate) u32);

wrapped_record!(NameId: u32);

/// Names that occur often, each held once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    ids: HashMap<String, NameId>,
    names: Vec<String>,
    bytes: usize,
}

impl Names {
    /// The number of a name; a new one where it was not seen before.
    pub(crate) fn id(&mut self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = NameId(self.names.len() as u32);
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        self.bytes += 2 * name.len() + 96;
        id
    }

    pub(crate) fn get(&self, id: NameId) -> &str {
        &self.names[id.0 as usize]
    }

    /// About how much memory the names take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

//! Rows that are in the store before anybody sees them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{cast, partition};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use deltalake::datafile::writer::DeltaWriter;
use deltalake::kernel::Add;
use deltalake::kernel::scalars::ScalarExt;
use deltalake::{DeltaResult, DeltaTableError};
use driveloop_schemas::TableSpec;

use crate::delta::file_writer;
use crate::error::{Error, Result};
use crate::file_writer::FileWriter;
use crate::lake::Lake;

/// Writes rows of one table into data files that no version of the table names yet.
///
/// [`Lake::commit_staged`] makes them visible, all in one commit. A stage that is dropped leaves at most files that nobody reads;
/// [`Lake::vacuum`](crate::Lake) removes them in time. What it holds in memory is one row group for each day that it writes to.
pub struct TableStage {
    lake: Lake,
    spec: &'static TableSpec,
    open: Option<FileWriter>,
    packs: BTreeSet<String>,
    rows: u64,
    has_failed: bool,
}

/// Data files of one table that are in the store, to be committed.
#[derive(Debug, Clone)]
pub struct Staged {
    pub(crate) spec: &'static TableSpec,
    pub(crate) files: Vec<Add>,
    /// Packs that the rows name.
    pub(crate) packs: BTreeSet<String>,
    rows: u64,
}

impl TableStage {
    pub(crate) fn new(lake: &Lake, spec: &'static TableSpec) -> Self {
        Self {
            lake: lake.clone(),
            spec,
            open: None,
            packs: BTreeSet::new(),
            rows: 0,
            has_failed: false,
        }
    }

    /// Adds rows: the columns of [`TableSpec::schema`], partition columns included, in the order of the table's key.
    ///
    /// # Errors
    /// When the columns are not the table's, a value is null where it may not be, or table or store fail; nothing can then be
    /// committed, not even what was written before.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let spec = self.spec;
        if self.has_failed {
            return Err(failed(spec));
        }
        let writer = match &mut self.open {
            Some(open) => open,
            none => none.insert(open(&self.lake, spec).await?),
        };
        let written = match conform(spec, batch, writer.schema()) {
            Ok(batch) => writer
                .write(spec, &batch)
                .await
                .map_err(|error| Error::table(spec.name, error)),
            Err(error) => Err(error),
        };
        if written.is_err() {
            self.has_failed = true;
            if let Some(writer) = self.open.take() {
                writer.abort().await;
            }
            return written;
        }
        self.packs.extend(packs_of(batch));
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Rows written so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Closes the files.
    ///
    /// # Errors
    /// When the store fails; nothing can then be committed.
    pub async fn finish(mut self) -> Result<Staged> {
        let spec = self.spec;
        if self.has_failed {
            return Err(failed(spec));
        }
        let files = match self.open.take() {
            Some(writer) => writer
                .close()
                .await
                .map_err(|error| Error::table(spec.name, error))?,
            None => Vec::new(),
        };
        Ok(Staged {
            spec,
            files,
            packs: std::mem::take(&mut self.packs),
            rows: self.rows,
        })
    }
}

async fn open(lake: &Lake, spec: &'static TableSpec) -> Result<FileWriter> {
    let definition = lake.open_or_create(spec).await?;
    let log_store = Arc::clone(lake.log(spec.name).lock().await.log_store());
    let limits = &lake.config().limits;
    let writer = file_writer(log_store.as_ref(), &definition, spec, limits);
    writer.map_err(|error| Error::table(spec.name, error))
}

/// Hands each run of rows of one partition to the writer as it is: telling partitions apart itself, it would copy every row.
pub(crate) async fn write_runs(
    writer: &mut DeltaWriter,
    spec: &TableSpec,
    batch: &RecordBatch,
) -> DeltaResult<()> {
    let names = spec.partition_by.iter();
    let columns: Vec<ArrayRef> = names
        .clone()
        .filter_map(|name| batch.column_by_name(name).cloned())
        .collect();
    if columns.is_empty() {
        return writer.write(batch).await;
    }
    for rows in partition(&columns)?.ranges() {
        let values = names.clone().zip(&columns).map(|(name, column)| {
            let value = ScalarExt::from_array(column.as_ref(), rows.start)?;
            Some(((*name).to_owned(), value))
        });
        let values = values.collect::<Option<_>>().ok_or_else(|| {
            let text = "a partition column has values that are no partitions";
            DeltaTableError::Generic(text.to_owned())
        })?;
        let run = batch.slice(rows.start, rows.len());
        writer.write_partition(run, &values).await?;
    }
    Ok(())
}

/// The packs that rows name.
fn packs_of(batch: &RecordBatch) -> BTreeSet<String> {
    let packs = batch.column_by_name("pack");
    let packs = packs.and_then(|packs| cast(packs, &DataType::Utf8).ok());
    let mut names = BTreeSet::new();
    for pack in packs.iter().flat_map(AsArray::as_string::<i32>).flatten() {
        // Rows of a pack follow each other: most are passed over without a copy.
        if !names.contains(pack) {
            names.insert(pack.to_owned());
        }
    }
    names
}

fn failed(spec: &TableSpec) -> Error {
    let text = "an earlier write of these rows failed; what was staged is given up";
    Error::table(spec.name, DeltaTableError::Generic(text.to_owned()))
}

/// Without it, the parts of an upload that was begun would stay in the store, where no listing shows them.
impl Drop for TableStage {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(writer), Ok(runtime)) = (self.open.take(), runtime) {
            runtime.spawn(writer.abort());
        }
    }
}

impl Staged {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.spec.name
    }

    /// Rows in the files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Takes in the files of another stage of the same table.
    ///
    /// # Panics
    /// When it is a stage of another table.
    pub fn merge(&mut self, other: Self) {
        assert_eq!(self.table(), other.table(), "stages of one table");
        self.files.extend(other.files);
        self.packs.extend(other.packs);
        self.rows += other.rows;
    }
}

/// The rows with the columns of the table as it is stored, by name. A nullable column that the rows lack becomes null.
pub(crate) fn conform(
    spec: &TableSpec,
    batch: &RecordBatch,
    stored: &SchemaRef,
) -> Result<RecordBatch> {
    if batch.schema_ref() == stored {
        return Ok(batch.clone());
    }
    let arrow = |source| driveloop_schemas::Error::Arrow {
        table: spec.name,
        source,
    };
    let columns = stored.fields().iter().map(|field| -> Result<ArrayRef, _> {
        match batch.column_by_name(field.name()) {
            Some(column) => cast(column, field.data_type()),
            None => Ok(arrow::array::new_null_array(
                field.data_type(),
                batch.num_rows(),
            )),
        }
    });
    let columns = columns.collect::<Result<_, _>>().map_err(arrow)?;
    Ok(RecordBatch::try_new(Arc::clone(stored), columns).map_err(arrow)?)
}

//! The Delta tables of the lake: where they lie, how they are made, how their files are written.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use deltalake::datafile::writer::{DeltaWriter, WriterConfig};
use deltalake::kernel::{Snapshot, StructField};
use deltalake::logstore::{LogStore, LogStoreRef, StorageConfig, default_logstore};
use deltalake::protocol::SaveMode;
use deltalake::table::config::TablePropertiesExt as _;
use deltalake::{DeltaResult, DeltaTable, TableProperty};
use driveloop_schemas::{ColumnSpec, TableSpec};
use object_store::prefix::PrefixStore;

use crate::commit::Commit;
use crate::config::Limits;
use crate::content::Content;
use crate::file_writer::FileWriter;
use crate::store::Store;

/// Folder of the tables below the lake's URI.
const TABLE_FOLDER: &str = "tables";
/// Writer version of the tables that a lake makes. Up to this one, adding files asks nothing of a writer.
const WRITER_VERSION: i32 = 2;
/// Rows that are encoded between two looks at the size of the file.
const ENCODED_ROWS: usize = 8192;

/// Where a table lies, relative to the lake.
pub(crate) fn table_path(table: &str) -> String {
    format!("{TABLE_FOLDER}/{table}")
}

/// The log of a table, through the lake's own store: one client, one configuration.
pub(crate) fn log_store(store: &Store, table: &str) -> LogStoreRef {
    let mut url = store.url().clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend([TABLE_FOLDER, table, ""]);
    }
    let root = Arc::clone(store.inner());
    let prefixed = PrefixStore::new(Arc::clone(&root), store.path(&table_path(table)));
    default_logstore(Arc::new(prefixed), root, &url, &StorageConfig::default())
}

/// Makes a table. Where another writer made it first, that one is returned.
pub(crate) async fn create(
    log_store: LogStoreRef,
    spec: &'static TableSpec,
    limits: &Limits,
) -> DeltaResult<DeltaTable> {
    let create = DeltaTable::new(log_store)
        .create()
        .with_save_mode(SaveMode::Ignore)
        .with_table_name(spec.name)
        .with_columns(delta_columns(spec)?)
        .with_partition_columns(spec.partition_by.iter().copied())
        .with_configuration(properties(spec, limits))
        .with_commit_properties(Commit::default().properties(Content::UNKNOWN));
    create.await
}

/// The settings of a table, which other programs that write to it keep to.
fn properties(spec: &TableSpec, limits: &Limits) -> BTreeMap<String, Option<String>> {
    let stats = stats_property(spec);
    let set = |key: TableProperty, value: String| (key.as_ref().to_owned(), Some(value));
    [
        set(
            TableProperty::CheckpointInterval,
            limits.checkpoint_interval.to_string(),
        ),
        // The log is the lineage: it is kept. Opening a table starts at its last checkpoint, however long the log is.
        set(TableProperty::EnableExpiredLogCleanup, "false".to_owned()),
        (stats.0, Some(stats.1)),
    ]
    .into()
}

/// The setting that names the columns by which files can be left out: names, stamps and counts. Smallest and largest of a position
/// or velocity would swell the log and leave out nothing.
pub(crate) fn stats_property(spec: &TableSpec) -> (String, String) {
    let columns = spec.columns.iter();
    let columns = columns.filter(|column| leaves_files_out(spec, column));
    let names: Vec<_> = columns.map(|column| column.name).collect();
    let key = TableProperty::DataSkippingStatsColumns.as_ref().to_owned();
    (key, names.join(","))
}

/// A writer of data files of a table, with the statistics that its settings ask for and a digest of each file.
pub(crate) fn file_writer(
    log_store: &dyn LogStore,
    definition: &Snapshot,
    spec: &TableSpec,
    limits: &Limits,
) -> DeltaResult<FileWriter> {
    use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
    let settings = definition.table_properties();
    let schema: arrow::datatypes::Schema = definition.schema().as_ref().try_into_arrow()?;
    let schema = Arc::new(schema);
    let stats = settings.data_skipping_stats_columns.as_ref();
    let config = WriterConfig::new(
        Arc::clone(&schema),
        definition.metadata().partition_columns().to_vec(),
        Some(writer_properties(spec, limits)),
        NonZeroU64::new(limits.file_bytes),
        Some(ENCODED_ROWS),
        settings.num_indexed_cols(),
        stats.map(|columns| columns.iter().map(ToString::to_string).collect()),
    );
    let store = log_store.object_store(None);
    Ok(FileWriter::new(store, schema, |store| {
        DeltaWriter::new(store, config)
    }))
}

/// Whether files can be added without asking Delta's library, as to any table that lakes alone have written to.
pub(crate) fn is_plain(definition: &Snapshot) -> bool {
    let writer_version = definition.protocol().min_writer_version();
    writer_version <= WRITER_VERSION && !definition.table_properties().append_only()
}

/// How the files are encoded: Zstandard at its lightest; dictionaries for texts that repeat alone, and smallest and largest values of
/// the columns by which files are left out alone. For positions, stamps and payloads, looking for either costs more than all else.
pub(crate) fn writer_properties(spec: &TableSpec, limits: &Limits) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("driveloop ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(limits.row_group_rows));
    for column in spec.columns {
        let path = ColumnPath::from(column.name);
        if !repeats(column) {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        if !leaves_files_out(spec, column) {
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    properties.build()
}

/// Whether the values of a column are texts that come again and again.
fn repeats(column: &ColumnSpec) -> bool {
    let distinct = matches!(
        (column.data_type)(),
        DataType::Float64 | DataType::Float32 | DataType::Int64 | DataType::Binary
    );
    !distinct && column.name != "digest"
}

/// Whether files can be left out of a query by the smallest and largest value of a column: names, stamps and counts.
fn leaves_files_out(spec: &TableSpec, column: &ColumnSpec) -> bool {
    let kind = matches!(
        (column.data_type)(),
        DataType::Utf8 | DataType::Int64 | DataType::Int32 | DataType::Date32
    );
    kind && !spec.partition_by.contains(&column.name)
}

/// The columns as Delta has them.
pub(crate) fn delta_columns(spec: &TableSpec) -> DeltaResult<Vec<StructField>> {
    use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
    let schema = spec.schema();
    let fields = schema.fields().iter();
    let converted = fields.map(|field| field.as_ref().try_into_kernel());
    Ok(converted.collect::<Result<_, arrow::error::ArrowError>>()?)
}

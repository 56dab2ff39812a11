//! Whether all that the lake names is there, and whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::parquet::file::metadata::ParquetMetaDataReader;
use deltalake::kernel::LogicalFileView;
use driveloop_schemas::{CameraFrame, Checkpoint, Drive, LidarSweep, Row as _, TABLES, TableSpec};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::REQUESTS_MAX;
use super::bytes::{digest_of_object, digests_of};
use crate::delta::table_path;
use crate::error::{Error, Result};
use crate::lake::{COMPOSED_SCHEMA, Lake};
use crate::visible::{hidden_drives, is_written_before_its_drive};

/// Bytes at the end of a data file that are read first: its footer, unless it is a very long one.
const FOOTER_BYTES: u64 = 64 << 10;

/// How closely a lake is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckDepth {
    /// Sizes, and the footers of data files: what is missing or cut.
    Footers,
    /// Every byte of data files and packs too: what is altered.
    Bytes,
}

/// What is wrong with an object, a table or a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// The log of a table cannot be read.
    LogUnreadable,
    /// A data file is not there.
    FileMissing,
    /// A data file has another size than the log says.
    FileSize,
    /// The footer of a data file cannot be read.
    FooterUnreadable,
    /// A data file has another number of rows than the log says.
    RowCount,
    /// A data file has other bytes than were committed.
    FileDigest,
    /// The last commits of a table are not there, though others were made with them or after them.
    CommitMissing,
    /// A media pack is not there.
    PackMissing,
    /// A media pack ends before a frame that it should hold.
    PackShort,
    /// A media pack has other bytes than were committed.
    PackDigest,
    /// Rows belong to a drive that is not there.
    DriveMissing,
    /// The weights of a model are not there.
    WeightsMissing,
    /// The weights of a model have another size.
    WeightsSize,
    /// The weights of a model have another digest.
    WeightsDigest,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LogUnreadable => "log unreadable",
            Self::FileMissing => "file missing",
            Self::FileSize => "file size",
            Self::FooterUnreadable => "footer unreadable",
            Self::RowCount => "row count",
            Self::FileDigest => "file digest",
            Self::CommitMissing => "commit missing",
            Self::PackMissing => "pack missing",
            Self::PackShort => "pack short",
            Self::PackDigest => "pack digest",
            Self::DriveMissing => "drive missing",
            Self::WeightsMissing => "weights missing",
            Self::WeightsSize => "weights size",
            Self::WeightsDigest => "weights digest",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The table.
    pub table: String,
    /// What is wrong.
    pub wrong: Wrong,
    /// The file, pack, drive or weights.
    pub subject: String,
    /// What was expected, and what there is.
    pub detail: String,
}

/// One table, as it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCheck {
    /// The table.
    pub table: String,
    /// Its version.
    pub version: i64,
    /// Data files.
    pub files: usize,
    /// Their bytes by the log.
    pub bytes: u64,
    /// Their rows by the log.
    pub rows: u64,
    /// Files in its folder that it does not name: left by writers that did not finish, or removed and not vacuumed yet.
    pub unreferenced: usize,
    /// Data files, and packs that its rows name, whose bytes cannot be compared because their commit says no digest: an older version
    /// of driveloop wrote them, or another program. Counted where bytes are looked at.
    pub unverified: usize,
    /// Drives that have rows in it and no row in `drive` yet: an ingest that runs, or one that was killed and is to be run again.
    pub unfinished_drives: usize,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// The tables that exist.
    pub tables: Vec<TableCheck>,
    /// What is wrong, in the order of the tables.
    pub problems: Vec<Problem>,
}

impl Lake {
    /// Looks at every table, data file and media pack: is it there, with the size and the rows that the log says? Of the weights of
    /// models every byte is read: have they the digest of the training? Where the depth says so, every byte of files and packs is read
    /// too: have they the digest of their commit?
    ///
    /// # Errors
    /// When the store fails otherwise than by lacking an object.
    pub async fn check(&self, depth: CheckDepth) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        for spec in TABLES {
            match self.check_table(spec, depth, &mut report.problems).await {
                Ok(Some(table)) => report.tables.push(table),
                Ok(None) => {}
                Err(error @ Error::Table { .. }) => report.problems.push(Problem {
                    table: spec.name.to_owned(),
                    wrong: Wrong::LogUnreadable,
                    subject: table_path(spec.name),
                    detail: causes(&error),
                }),
                Err(error) => return Err(error),
            }
        }
        let has_models = |problem: &Problem| problem.table == Checkpoint::SPEC.name;
        if !report.problems.iter().any(has_models) {
            self.check_weights(&mut report.problems).await?;
        }
        let has_whole_files = report.problems.is_empty();
        let histories = self.histories(&report).await?;
        self.check_commits(&histories, &mut report).await?;
        for spec in [CameraFrame::SPEC, LidarSweep::SPEC] {
            let history = histories.get(spec.name).map(Vec::as_slice);
            self.check_packs(spec, depth, history.unwrap_or_default(), &mut report)
                .await?;
        }
        if has_whole_files {
            // Queries over tables whose files are missing would only fail.
            self.check_drives(&mut report.problems).await?;
        }
        Ok(report)
    }

    async fn check_table(
        &self,
        spec: &'static TableSpec,
        depth: CheckDepth,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<TableCheck>> {
        let Some(table) = self.table(spec.name).await? else {
            return Ok(None);
        };
        let snapshot = table.snapshot().map_err(Self::fail(spec.name))?;
        let files: Vec<LogicalFileView> = snapshot.log_data().iter().collect();
        let store = Arc::clone(self.store().inner());
        let digests = digests_of(&files);
        let mut checks = Vec::with_capacity(files.len());
        for (file, digest) in files.iter().zip(&digests) {
            let path = self.data_file(spec.name, &file.object_store_path());
            let digest = digest.as_deref().filter(|_| depth == CheckDepth::Bytes);
            checks.push(check_file(&store, spec.name, file, path, digest));
        }
        let checked = futures::stream::iter(checks).buffer_unordered(REQUESTS_MAX);
        let checked: Vec<Option<Problem>> = checked.try_collect().await?;
        let mut found: Vec<Problem> = checked.into_iter().flatten().collect();
        found.sort();
        problems.append(&mut found);
        let named = files
            .iter()
            .map(|file| self.data_file(spec.name, &file.object_store_path()))
            .collect();
        Ok(Some(TableCheck {
            table: spec.name.to_owned(),
            version: snapshot.version() as i64,
            files: files.len(),
            bytes: files.iter().map(|file| file.size() as u64).sum(),
            rows: files
                .iter()
                .map(|file| file.num_records().unwrap_or_default() as u64)
                .sum(),
            unverified: match depth {
                CheckDepth::Footers => 0,
                CheckDepth::Bytes => digests.iter().filter(|digest| digest.is_none()).count(),
            },
            unreferenced: self.unnamed(&table_path(spec.name), &named).await?.len(),
            unfinished_drives: self.unfinished(spec).await?,
        }))
    }

    async fn unfinished(&self, spec: &TableSpec) -> Result<usize> {
        if !is_written_before_its_drive(spec) {
            return Ok(0);
        }
        let drives = self.log(Drive::SPEC.name).lock().await.ids().await?;
        let of_table = self.log(spec.name).lock().await.ids().await?;
        Ok(hidden_drives(&of_table, &drives).len())
    }

    /// Every row that is seen belongs to a drive.
    async fn check_drives(&self, problems: &mut Vec<Problem>) -> Result<()> {
        let context = self.session();
        for spec in TABLES
            .iter()
            .filter(|spec| is_written_before_its_drive(spec))
        {
            let sql = format!(
                "SELECT CAST(log_id AS VARCHAR) AS log_id, count(*) AS lost FROM {COMPOSED_SCHEMA}.{} \
                 WHERE log_id NOT IN (SELECT log_id FROM {COMPOSED_SCHEMA}.drive) GROUP BY log_id ORDER BY log_id",
                spec.name
            );
            for batch in context.sql(&sql).await?.collect().await? {
                problems.extend(text_and_count(&batch).map(|(log_id, rows)| Problem {
                    table: spec.name.to_owned(),
                    wrong: Wrong::DriveMissing,
                    subject: log_id,
                    detail: format!("{rows} rows"),
                }));
            }
        }
        Ok(())
    }
}

/// A data file: there, of its size, with its rows.
async fn check_file(
    store: &Arc<dyn ObjectStore>,
    table: &str,
    file: &LogicalFileView,
    path: Path,
    digest: Option<&str>,
) -> Result<Option<Problem>> {
    let problem = |wrong, detail| {
        Ok(Some(Problem {
            table: table.to_owned(),
            wrong,
            subject: file.path().into_owned(),
            detail,
        }))
    };
    let size = match store.head(&path).await {
        Ok(meta) => meta.size,
        Err(object_store::Error::NotFound { .. }) => {
            return problem(Wrong::FileMissing, String::new());
        }
        Err(source) => return Err(Error::storage("look at", path.to_string(), source)),
    };
    if size != file.size() as u64 {
        let detail = format!("expected {} bytes, got {size}", file.size());
        return problem(Wrong::FileSize, detail);
    }
    let rows = match rows_by_footer(store, &path, size).await {
        Ok(rows) => rows,
        Err(error @ Error::Storage { .. }) => return Err(error),
        Err(error) => return problem(Wrong::FooterUnreadable, causes(&error)),
    };
    match file.num_records() {
        Some(expected) if expected as i64 != rows => {
            return problem(Wrong::RowCount, format!("expected {expected}, got {rows}"));
        }
        _ => {}
    }
    let Some(expected) = digest else {
        return Ok(None);
    };
    match digest_of_object(store, &path).await? {
        Some(actual) if actual != expected => {
            let detail = format!("expected BLAKE3 {expected}, got {actual}");
            problem(Wrong::FileDigest, detail)
        }
        Some(_) => Ok(None),
        None => problem(Wrong::FileMissing, String::new()),
    }
}

async fn rows_by_footer(store: &Arc<dyn ObjectStore>, path: &Path, size: u64) -> Result<i64> {
    let fail = |error: datafusion::parquet::errors::ParquetError| {
        Error::from(datafusion::error::DataFusionError::from(error))
    };
    let get = async |bytes: u64| {
        let from = size.saturating_sub(bytes);
        let got = store.get_range(path, from..size).await;
        got.map_err(|source| Error::storage("read", path.to_string(), source))
    };
    let end = get(FOOTER_BYTES).await?;
    let mut reader = ParquetMetaDataReader::new();
    let metadata = match reader.try_parse_sized(&end, size) {
        Ok(()) => reader.finish(),
        Err(datafusion::parquet::errors::ParquetError::NeedMoreData(needed)) => {
            let end = get(needed as u64).await?;
            let parsed = reader.try_parse_sized(&end, size);
            parsed.and_then(|()| reader.finish())
        }
        Err(error) => Err(error),
    };
    Ok(metadata.map_err(fail)?.file_metadata().num_rows())
}

/// The rows of a result of a text and a count.
pub(super) fn text_and_count(
    batch: &arrow::record_batch::RecordBatch,
) -> impl Iterator<Item = (String, u64)> + use<> {
    use arrow::array::AsArray as _;
    use arrow::datatypes::{DataType, Int64Type};
    let columns = [(0, DataType::Utf8), (1, DataType::Int64)];
    let cast =
        columns.map(|(at, data_type)| arrow::compute::cast(batch.column(at), &data_type).ok());
    let mut rows = BTreeMap::new();
    if let [Some(texts), Some(counts)] = cast {
        let texts = texts.as_string::<i32>().iter();
        let counts = counts.as_primitive::<Int64Type>().iter();
        for (text, count) in texts.zip(counts) {
            if let (Some(text), Some(count)) = (text, count) {
                rows.insert(text.to_owned(), count as u64);
            }
        }
    }
    rows.into_iter()
}

/// An error with what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

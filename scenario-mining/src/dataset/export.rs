//! Writing a frozen dataset as the files that a training job reads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use arrow::ipc::writer::FileWriter;
use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::forecast::ForecastSample;
use driveloop_schemas::{LogId, Row, Sample};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::SPLITS;
use super::content::{digest_of_drive, digest_of_drives};
use super::features::features;
use super::lanes::Lanes;
use super::tracks::Tracks;
use crate::error::{Error, Result};

/// Version of the features and files; another one makes an export again.
pub const FORMAT: u32 = 2;
/// Rows of a batch in the files.
const BATCH_ROWS: usize = 1024;
/// The file that says what the others hold; it is written last.
const MANIFEST: &str = "manifest.json";

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// Dataset.
    pub dataset: String,
    /// Digest of the dataset.
    pub dataset_digest: String,
    /// Samples by split.
    pub samples: BTreeMap<String, usize>,
    /// Bytes of the files.
    pub bytes: u64,
    /// Whether the folder held these files already, so that nothing was written.
    pub was_there: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    dataset: String,
    dataset_digest: String,
    splits: BTreeMap<String, SplitFile>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SplitFile {
    file: String,
    samples: usize,
    bytes: u64,
}

/// Writes `train.arrow`, `validation.arrow`, `test.arrow` and `manifest.json` into a folder.
///
/// The files are Arrow IPC files (not streams), uncompressed, with batches of at most 1,024 rows of
/// [`ForecastSample`] in the order of `sample_id`. They are built drive by drive, so memory is bounded by one drive, and
/// renamed into place once they are whole. A folder that holds them already is left as it is.
///
/// # Errors
/// When there is no such dataset, its tracks are gone or others, or the lake or the folder fails.
pub async fn export(lake: &Lake, dataset: &str, folder: &Path) -> Result<ExportReport> {
    let drives = drives(lake, dataset).await?;
    let Some(dataset_digest) = drives.first().map(|drive| drive.dataset_digest.clone()) else {
        let reason = "no such dataset in the lake".into();
        return Err(Error::Dataset {
            dataset: dataset.to_owned(),
            reason,
        });
    };
    if let Some(manifest) = whole_export(folder, dataset, &dataset_digest) {
        return Ok(report(manifest, true));
    }
    std::fs::create_dir_all(folder).map_err(|source| Error::file("create", folder, source))?;
    // Without its manifest, a folder that is half old and half new does not look whole.
    let manifest = folder.join(MANIFEST);
    if manifest.exists() {
        std::fs::remove_file(&manifest)
            .map_err(|source| Error::file("remove", &manifest, source))?;
    }
    let mut files = SPLITS.map(|split| SplitWriter::new(folder, split));
    let mut digests = BTreeMap::new();
    for drive in &drives {
        let (samples, digest) = samples_of_drive(lake, dataset, drive).await?;
        digests.insert(drive.log_id.clone(), digest);
        for sample in samples {
            if let Some(file) = files.iter_mut().find(|file| file.split == sample.split) {
                file.push(sample)?;
            }
        }
    }
    check_content(dataset, &dataset_digest, &digest_of_drives(&digests))?;
    let mut splits = BTreeMap::new();
    for file in files {
        splits.insert(file.split.to_owned(), file.finish()?);
    }
    let manifest = Manifest {
        format: FORMAT,
        dataset: dataset.to_owned(),
        dataset_digest,
        splits,
    };
    write_manifest(folder, &manifest)?;
    Ok(report(manifest, false))
}

/// That samples and tracks are what the dataset was frozen from.
fn check_content(dataset: &str, frozen: &str, actual: &str) -> Result<()> {
    if frozen == actual {
        return Ok(());
    }
    Err(Error::Dataset {
        dataset: dataset.to_owned(),
        reason: format!(
            "its samples or their tracks are no longer what was frozen: expected digest {frozen}, got {actual}; \
             freeze it again under another name"
        ),
    })
}

/// A drive with samples of the dataset.
struct DriveOfDataset {
    log_id: LogId,
    host_log_id: String,
    dataset_digest: String,
}

/// The drives, ordered so that their samples come ordered by `sample_id`, which begins with the drive and a slash.
async fn drives(lake: &Lake, dataset: &str) -> Result<Vec<DriveOfDataset>> {
    let sql = format!(
        "SELECT DISTINCT log_id, host_log_id, dataset_digest FROM with_composed.sample WHERE dataset = {}",
        sql_literal(dataset)
    );
    let mut drives = Vec::new();
    for batch in lake.query(&sql).await? {
        let text = |column: usize, row: usize| {
            arrow::util::display::array_value_to_string(batch.column(column), row)
                .unwrap_or_default()
        };
        drives.extend((0..batch.num_rows()).map(|row| DriveOfDataset {
            log_id: text(0, row).into(),
            host_log_id: text(1, row),
            dataset_digest: text(2, row),
        }));
    }
    drives.sort_by_cached_key(|drive| format!("{}/", drive.log_id));
    Ok(drives)
}

/// The features of a drive's samples, and the digest of what they were made from.
async fn samples_of_drive(
    lake: &Lake,
    dataset: &str,
    drive: &DriveOfDataset,
) -> Result<(Vec<ForecastSample>, String)> {
    let filter = format!(
        "dataset = {} AND log_id = {}",
        sql_literal(dataset),
        sql_literal(&drive.log_id)
    );
    let mut samples = lake.read::<Sample>(Some(&filter)).await?;
    samples.sort_by(|a, b| a.sample_id.cmp(&b.sample_id));
    let tracks = Tracks::read(lake, &drive.log_id).await?;
    let lanes = Lanes::read(lake, &drive.log_id, &drive.host_log_id).await?;
    let digest = digest_of_drive(&samples.iter().collect::<Vec<_>>(), &tracks.digest());
    let features: Result<Vec<_>> = samples
        .par_iter()
        .map(|sample| {
            features(sample, &tracks, &lanes).ok_or_else(|| Error::Dataset {
                dataset: dataset.to_owned(),
                reason: format!(
                    "the tracks of sample `{}` are no longer in the lake",
                    sample.sample_id
                ),
            })
        })
        .collect();
    Ok((features?, digest))
}

/// One file, written under a temporary name.
struct SplitWriter {
    split: &'static str,
    path: PathBuf,
    partial: PathBuf,
    writer: Option<FileWriter<BufWriter<File>>>,
    pending: Vec<ForecastSample>,
    samples: usize,
}

impl SplitWriter {
    fn new(folder: &Path, split: &'static str) -> Self {
        let path = folder.join(format!("{split}.arrow"));
        let partial = folder.join(format!("{split}.arrow.partial"));
        Self {
            split,
            path,
            partial,
            writer: None,
            pending: Vec::new(),
            samples: 0,
        }
    }

    fn push(&mut self, sample: ForecastSample) -> Result<()> {
        self.pending.push(sample);
        if self.pending.len() < BATCH_ROWS {
            Ok(())
        } else {
            self.flush()
        }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = ForecastSample::to_batch(&self.pending)?;
        self.samples += self.pending.len();
        self.pending.clear();
        let fail = |source| Error::file("write", &self.partial, source);
        let mut writer = if let Some(writer) = self.writer.take() {
            writer
        } else {
            let file = File::create(&self.partial)
                .map_err(|source| Error::file("create", &self.partial, source))?;
            FileWriter::try_new(BufWriter::new(file), &batch.schema()).map_err(fail)?
        };
        if batch.num_rows() > 0 {
            writer.write(&batch).map_err(fail)?;
        }
        self.writer = Some(writer);
        Ok(())
    }

    /// The file, whole and in place; one without samples has a schema and no batch.
    fn finish(mut self) -> Result<SplitFile> {
        self.flush()?;
        let fail = |source| Error::file("write", &self.partial, source);
        if let Some(mut writer) = self.writer.take() {
            writer.finish().map_err(fail)?;
            let buffer = writer.into_inner().map_err(fail)?;
            let file = buffer
                .into_inner()
                .map_err(|error| Error::file("write", &self.partial, error.into_error()))?;
            file.sync_all()
                .map_err(|source| Error::file("write", &self.partial, source))?;
        }
        let fail = |source| Error::file("rename", &self.partial, source);
        std::fs::rename(&self.partial, &self.path).map_err(fail)?;
        let bytes = std::fs::metadata(&self.path).map_err(fail)?.len();
        let file = format!("{}.arrow", self.split);
        Ok(SplitFile {
            file,
            samples: self.samples,
            bytes,
        })
    }
}

/// The manifest of a folder that holds this dataset in this format, every file of the size that it says.
fn whole_export(folder: &Path, dataset: &str, dataset_digest: &str) -> Option<Manifest> {
    let text = std::fs::read(folder.join(MANIFEST)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let is_there = |file: &SplitFile| {
        std::fs::metadata(folder.join(&file.file))
            .is_ok_and(|metadata| metadata.len() == file.bytes)
    };
    let is_same = manifest.format == FORMAT
        && manifest.dataset == dataset
        && manifest.dataset_digest == dataset_digest;
    (is_same && manifest.splits.values().all(is_there)).then_some(manifest)
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<()> {
    let (path, partial) = (folder.join(MANIFEST), folder.join("manifest.json.partial"));
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|source| Error::file("write", &path, source))?;
    std::fs::write(&partial, text).map_err(|source| Error::file("write", &partial, source))?;
    std::fs::rename(&partial, &path).map_err(|source| Error::file("rename", &partial, source))
}

fn report(manifest: Manifest, was_there: bool) -> ExportReport {
    ExportReport {
        dataset: manifest.dataset,
        dataset_digest: manifest.dataset_digest,
        samples: manifest
            .splits
            .iter()
            .map(|(split, file)| (split.clone(), file.samples))
            .collect(),
        bytes: manifest.splits.values().map(|file| file.bytes).sum(),
        was_there,
    }
}

//! Writing a frozen dataset as the files that a training job reads.

use std::collections::BTreeMap;
use std::path::Path;

use driveloop_lake::{Lake, digest, sql_literal};
use driveloop_schemas::forecast::{
    ForecastInput, ForecastKey, ForecastSample, inputs_file, key_file, prediction_folder,
};
use driveloop_schemas::{LogId, Sample};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::content::{digest_of_drive, digest_of_drives};
use super::features::features;
use super::files::{FileOfRows, Written};
use super::lanes::Lanes;
use super::tracks::Tracks;
use crate::error::{Error, Result};

/// Version of the features and files; another one makes an export again.
pub const FORMAT: u32 = 3;
/// The file that says what the others hold; it is written last.
const MANIFEST: &str = "manifest.json";
/// Files of earlier formats, which held what no trainer is given any more.
const OF_EARLIER_FORMATS: [&str; 1] = ["test.arrow"];
/// Hexadecimal digits of the name of an input: 80 bits.
const INPUT_ID_DIGITS: usize = 20;

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
    /// Samples by split.
    samples: BTreeMap<String, usize>,
    /// Bytes of the files, by their names within the folder.
    files: BTreeMap<String, u64>,
}

/// Writes what a trainer gets into a folder, and what a model is to predict into the folder beside it.
///
/// The folder gets `train.arrow` and `validation.arrow`, rows of [`ForecastSample`], of the validation split without the anchors
/// and the split, and `manifest.json`. [`prediction_folder`] gets the inputs of the validation and the test split without
/// anything that lies after the present ([`ForecastInput`]), the key that says which sample each is ([`ForecastKey`]), and a
/// manifest. What the actors of the test split did next is in none of these files.
///
/// The files are Arrow IPC files (not streams), uncompressed, with batches of at most 1,024 rows, in the order of `sample_id`;
/// the inputs of a drive are in that of their own names, which tells nothing of time or actor. They are built drive by drive, so
/// memory is bounded by one drive, and renamed into place once they are whole. Folders that hold them already are left as they
/// are.
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
    let lost = lake.lost_drives().await?.into_iter();
    let lost: Vec<_> = lost.filter(|lost| lost.dataset == dataset).collect();
    if let Some(first) = lost.first() {
        let reason = format!(
            "drive `{}` was removed from the lake since it was frozen, the first of {}: freeze another one",
            first.log_id,
            lost.len()
        );
        return Err(Error::Dataset {
            dataset: dataset.to_owned(),
            reason,
        });
    }
    let prediction = prediction_folder(folder);
    let whole = |folder: &Path| whole_export(folder, dataset, &dataset_digest);
    if let (Some(manifest), Some(of_prediction)) = (whole(folder), whole(&prediction)) {
        return Ok(report([manifest, of_prediction], true));
    }
    for folder in [folder, &prediction] {
        prepare(folder)?;
    }
    let mut files = Files::new(folder);
    let mut digests = BTreeMap::new();
    for drive in &drives {
        let (samples, digest) = samples_of_drive(lake, dataset, drive).await?;
        digests.insert(drive.log_id.clone(), digest);
        files.push(samples, &dataset_digest)?;
    }
    check_content(dataset, &dataset_digest, &digest_of_drives(&digests))?;
    let manifests = files.finish(dataset, &dataset_digest)?;
    // The manifest of the inputs comes first: whoever finds that of the training files finds all.
    write_manifest(&prediction, &manifests[1])?;
    write_manifest(folder, &manifests[0])?;
    Ok(report(manifests, false))
}

/// Makes a folder, without a manifest: one that is half old and half new does not look whole.
fn prepare(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::file("create", folder, source))?;
    for file in OF_EARLIER_FORMATS.iter().chain([&MANIFEST]) {
        let path = folder.join(file);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|source| Error::file("remove", &path, source))?;
        }
    }
    Ok(())
}

/// The files of an export.
struct Files {
    train: FileOfRows<ForecastSample>,
    validation: FileOfRows<ForecastSample>,
    inputs: FileOfRows<ForecastInput>,
    key: FileOfRows<ForecastKey>,
    samples: BTreeMap<String, usize>,
}

impl Files {
    fn new(folder: &Path) -> Self {
        let of_validation = Some(ForecastSample::OF_VALIDATION.as_slice());
        Self {
            train: FileOfRows::new(folder.join("train.arrow"), None),
            validation: FileOfRows::new(folder.join("validation.arrow"), of_validation),
            inputs: FileOfRows::new(inputs_file(folder), None),
            key: FileOfRows::new(key_file(folder), None),
            samples: super::SPLITS.map(|split| (split.to_owned(), 0)).into(),
        }
    }

    /// Adds the samples of a drive, in the order of their names.
    fn push(&mut self, samples: Vec<ForecastSample>, dataset_digest: &str) -> Result<()> {
        let mut to_predict = BTreeMap::new();
        for sample in samples {
            *self.samples.entry(sample.split.clone()).or_default() += 1;
            if sample.split == "train" {
                self.train.push(sample)?;
                continue;
            }
            let mut input_id = digest([dataset_digest, &sample.sample_id]);
            input_id.truncate(INPUT_ID_DIGITS);
            to_predict.insert(input_id.clone(), sample.input(input_id));
            if sample.split == "validation" {
                self.validation.push(sample)?;
            }
        }
        for (input, key) in to_predict.into_values() {
            self.inputs.push(input)?;
            self.key.push(key)?;
        }
        Ok(())
    }

    /// The manifests of the two folders.
    fn finish(self, dataset: &str, dataset_digest: &str) -> Result<[Manifest; 2]> {
        let manifest = |splits: &[&str], files: [(&str, Written); 2]| Manifest {
            format: FORMAT,
            dataset: dataset.to_owned(),
            dataset_digest: dataset_digest.to_owned(),
            samples: splits
                .iter()
                .map(|split| ((*split).to_owned(), self.samples[*split]))
                .collect(),
            files: files
                .map(|(name, written)| (name.to_owned(), written.bytes))
                .into(),
        };
        let training = [
            ("train.arrow", self.train.finish()?),
            ("validation.arrow", self.validation.finish()?),
        ];
        let prediction = [
            ("inputs/inputs.arrow", self.inputs.finish()?),
            ("key.arrow", self.key.finish()?),
        ];
        Ok([
            manifest(&["train", "validation"], training),
            manifest(&["test"], prediction),
        ])
    }
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

/// The manifest of a folder that holds this dataset in this format, every file of the size that it says.
fn whole_export(folder: &Path, dataset: &str, dataset_digest: &str) -> Option<Manifest> {
    let text = std::fs::read(folder.join(MANIFEST)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let is_there = |(file, bytes): (&String, &u64)| {
        std::fs::metadata(folder.join(file)).is_ok_and(|metadata| metadata.len() == *bytes)
    };
    let is_same = manifest.format == FORMAT
        && manifest.dataset == dataset
        && manifest.dataset_digest == dataset_digest;
    (is_same && manifest.files.iter().all(is_there)).then_some(manifest)
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<()> {
    let (path, partial) = (folder.join(MANIFEST), folder.join("manifest.json.partial"));
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|source| Error::file("write", &path, source))?;
    std::fs::write(&partial, text).map_err(|source| Error::file("write", &partial, source))?;
    std::fs::rename(&partial, &path).map_err(|source| Error::file("rename", &partial, source))
}

fn report(manifests: [Manifest; 2], was_there: bool) -> ExportReport {
    let [training, prediction] = manifests;
    let files = training.files.values().chain(prediction.files.values());
    ExportReport {
        dataset: training.dataset,
        dataset_digest: training.dataset_digest,
        bytes: files.sum(),
        samples: training
            .samples
            .into_iter()
            .chain(prediction.samples)
            .collect(),
        was_there,
    }
}

//! The predictions file of the contract: a row for each input, finite, once, and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use arrow::array::{Array as _, ArrayRef, AsArray as _, ListArray};
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use driveloop_lake::{Commit, Lake, sql_literal};
use driveloop_schemas::forecast::{ForecastKey, HORIZON_STEPS, key_file};
use driveloop_schemas::pose::Pose;
use driveloop_schemas::{Prediction, Row as _};

use crate::error::{Error, Result};

/// Bytes of a predictions file for each input at most: ten times what its numbers take. What a program that writes without end
/// could make this one read.
const BYTES_PER_INPUT_MAX: u64 = 16 * 2 * HORIZON_STEPS as u64 * 10;
/// Bytes of a predictions file beside those of its rows: schema and footer.
const BYTES_BESIDE_MAX: u64 = 1 << 20;

/// What is to be predicted: which sample each input is, and where its actor was.
#[derive(Debug)]
pub(crate) struct Key(BTreeMap<String, ForecastKey>);

impl Key {
    /// Reads the key beside an exported dataset.
    pub(crate) fn read(dataset_dir: &Path) -> Result<Self> {
        let path = key_file(dataset_dir);
        let mut inputs = BTreeMap::new();
        for batch in reader(&path)? {
            let batch = batch.map_err(|error| Error::output(&path, error))?;
            let rows = ForecastKey::from_batch(&batch);
            let rows = rows.map_err(|error| Error::Lake(error.into()))?;
            inputs.extend(rows.into_iter().map(|row| (row.input_id.clone(), row)));
        }
        Ok(Self(inputs))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Reads a predictions file, as rows of the lake in the map frame, in the order of their samples.
///
/// # Errors
/// [`Error::Output`] with the first sample that is wrong: one that was not asked for, is there twice, is not finite or missing.
pub(crate) fn read_predictions(
    path: &Path,
    key: &Key,
    model_id: &str,
    dataset: &str,
) -> Result<Vec<Prediction>> {
    let bytes = std::fs::metadata(path).map_err(Error::io(path))?.len();
    let bytes_max = BYTES_BESIDE_MAX + key.len() as u64 * BYTES_PER_INPUT_MAX;
    if bytes > bytes_max {
        let inputs = key.len();
        let reason = format!("expected at most {bytes_max} bytes for {inputs} inputs, got {bytes}");
        return Err(Error::output(path, reason));
    }
    let mut rows: BTreeMap<&str, Prediction> = BTreeMap::new();
    for batch in reader(path)? {
        let batch = batch.map_err(|error| Error::output(path, error))?;
        for (input_id, xy_m) in Rows::of(&batch, path)? {
            let wrong = |what: &str| Error::output(path, format!("input `{input_id}`{what}"));
            let Some((input_id, of)) = key.0.get_key_value(&input_id) else {
                return Err(wrong(": it was not asked for"));
            };
            let xy_m =
                xy_m.map_err(|what| wrong(&format!(" (sample `{}`): {what}", of.sample_id)))?;
            let row = in_map(of, &xy_m, model_id, dataset);
            if rows.insert(input_id, row).is_some() {
                return Err(wrong(&format!(
                    " (sample `{}`): it is there twice",
                    of.sample_id
                )));
            }
        }
    }
    if let Some((input_id, of)) = key.0.iter().find(|(id, _)| !rows.contains_key(id.as_str())) {
        let (missing, all) = (key.len() - rows.len(), key.len());
        let reason = format!(
            "input `{input_id}` (sample `{}`): no prediction; {missing} of {all} inputs have none",
            of.sample_id
        );
        return Err(Error::output(path, reason));
    }
    let mut rows: Vec<Prediction> = rows.into_values().collect();
    rows.sort_by(|a, b| a.sample_id.cmp(&b.sample_id));
    Ok(rows)
}

/// A prediction with its positions in the map.
fn in_map(of: &ForecastKey, xy_m: &[Vec<f64>; 2], model_id: &str, dataset: &str) -> Prediction {
    let map_from_actor = Pose::planar(of.anchor_x_m, of.anchor_y_m, of.anchor_yaw_rad);
    let points = xy_m[0].iter().zip(&xy_m[1]);
    let points = points.map(|(x_m, y_m)| map_from_actor.transform([*x_m, *y_m, 0.0]));
    let (x_m, y_m) = points.map(|point| (point[0], point[1])).unzip();
    Prediction {
        model_id: model_id.to_owned(),
        dataset: dataset.to_owned(),
        sample_id: of.sample_id.as_str().into(),
        x_m,
        y_m,
    }
}

/// The rows of a batch: the input, and its positions or what is wrong with them.
struct Rows {
    input_ids: ArrayRef,
    xy_m: [ListArray; 2],
    next: usize,
}

impl Rows {
    fn of(batch: &RecordBatch, path: &Path) -> Result<Self> {
        let list = DataType::List(Field::new("item", DataType::Float64, true).into());
        let column = |name: &str, expected: &DataType| {
            let array = batch
                .column_by_name(name)
                .ok_or_else(|| Error::output(path, format!("no column `{name}`")))?;
            let cast = arrow::compute::cast(array, expected);
            cast.map_err(|error| Error::output(path, format!("column `{name}`: {error}")))
        };
        Ok(Self {
            input_ids: column("input_id", &DataType::Utf8)?,
            xy_m: [
                column("x_m", &list)?.as_list::<i32>().clone(),
                column("y_m", &list)?.as_list::<i32>().clone(),
            ],
            next: 0,
        })
    }

    fn positions(&self, row: usize) -> Result<[Vec<f64>; 2], String> {
        let axis = |name: &str, lists: &ListArray| {
            let values = lists.is_valid(row).then(|| lists.value(row));
            let values = values.ok_or_else(|| format!("{name} is null"))?;
            let values = values.as_primitive::<Float64Type>();
            if values.len() != HORIZON_STEPS {
                let actual = values.len();
                return Err(format!(
                    "expected {HORIZON_STEPS} positions in {name}, got {actual}"
                ));
            }
            let value = |step: usize| match values.is_valid(step).then(|| values.value(step)) {
                Some(value) if value.is_finite() => Ok(value),
                Some(value) => Err(format!("{name}[{step}] is {value}")),
                None => Err(format!("{name}[{step}] is null")),
            };
            (0..HORIZON_STEPS).map(value).collect::<Result<Vec<_>, _>>()
        };
        Ok([axis("x_m", &self.xy_m[0])?, axis("y_m", &self.xy_m[1])?])
    }
}

impl Iterator for Rows {
    type Item = (String, Result<[Vec<f64>; 2], String>);

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next;
        if row == self.input_ids.len() {
            return None;
        }
        self.next += 1;
        let input_ids = self.input_ids.as_string::<i32>();
        let input_id = if input_ids.is_valid(row) {
            input_ids.value(row)
        } else {
            "null"
        };
        Some((input_id.to_owned(), self.positions(row)))
    }
}

fn reader(path: &Path) -> Result<FileReader<BufReader<File>>> {
    let file = File::open(path).map_err(Error::io(path))?;
    FileReader::try_new(BufReader::new(file), None).map_err(|error| Error::output(path, error))
}

/// The id of the commit of a model's predictions of a dataset.
pub(crate) fn transaction(model_id: &str, dataset: &str, dataset_digest: &str) -> String {
    format!("prediction/{model_id}/{dataset}/{dataset_digest}")
}

/// Commits predictions in place of others of the same model and dataset.
pub(crate) async fn commit(
    lake: &Lake,
    rows: &[Prediction],
    model_id: &str,
    dataset: &str,
    commit: &Commit,
) -> Result<driveloop_lake::Outcome> {
    if rows.is_empty() {
        return Ok(lake.append(rows, commit).await?);
    }
    let (model_id, dataset) = (sql_literal(model_id), sql_literal(dataset));
    let same = format!("model_id = {model_id} AND dataset = {dataset}");
    Ok(lake.replace(&same, rows, commit).await?)
}

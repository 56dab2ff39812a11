//! The stretches of tracks that a dataset is about: episodes, or the rows of a query.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::Episode;
use futures::TryStreamExt as _;

use crate::error::{Error, Result};
use crate::session::SessionOptions;
use crate::sql::sql;

/// Rows that a selecting query may return: it is held in memory.
const SELECTED_MAX: usize = 5_000_000;
/// What errors call the query.
const SUBJECT: &str = "dataset query";

/// A stretch of a track.
type Interval = (i64, i64);

/// The stretches that a query selects, by drive and track; `None` without a query.
#[derive(Debug, Default)]
pub(super) struct Selected(Option<BTreeMap<(String, String), Vec<Interval>>>);

/// The episodes of one drive, by track.
#[derive(Debug, Default)]
pub(super) struct EpisodesOfDrive(BTreeMap<String, Vec<(Interval, String)>>);

impl EpisodesOfDrive {
    pub(super) async fn read(lake: &Lake, log_id: &str, scenarios: &[String]) -> Result<Self> {
        let names: Vec<_> = scenarios.iter().map(|name| sql_literal(name)).collect();
        let of_drive = format!("log_id = {}", sql_literal(log_id));
        let filter = if names.is_empty() {
            of_drive
        } else {
            format!("{of_drive} AND scenario IN ({})", names.join(", "))
        };
        let mut by_track: BTreeMap<String, Vec<(Interval, String)>> = BTreeMap::new();
        for episode in lake.read::<Episode>(Some(&filter)).await? {
            for actor in episode.actors {
                let interval = (episode.start_ns, episode.end_ns);
                by_track
                    .entry(actor)
                    .or_default()
                    .push((interval, episode.scenario.clone()));
            }
        }
        Ok(Self(by_track))
    }

    /// The scenarios that the actor is in at the stamp.
    pub(super) fn scenarios(&self, track_id: &str, stamp_ns: i64) -> BTreeSet<&str> {
        let episodes = self.0.get(track_id).into_iter().flatten();
        episodes
            .filter(|((start_ns, end_ns), _)| (*start_ns..=*end_ns).contains(&stamp_ns))
            .map(|(_, scenario)| scenario.as_str())
            .collect()
    }
}

impl Selected {
    /// Runs the query. It returns `log_id`, either `track_id` or a list `actors`, and either `stamp_ns` or
    /// `start_ns` and `end_ns`; other columns are passed over. A stamp stands for half a stride to each side.
    pub(super) async fn query(lake: &Lake, query: Option<&str>, stride_ns: i64) -> Result<Self> {
        let Some(query) = query else {
            return Ok(Self(None));
        };
        let columns = columns(lake, query).await?;
        let has = |name: &str| columns.iter().any(|column| column == name);
        let track = match (has("track_id"), has("actors")) {
            (true, _) => "track_id",
            (false, true) => "unnest(actors)",
            (false, false) => return Err(wrong_columns(&columns)),
        };
        let (start, end) = match (has("stamp_ns"), has("start_ns") && has("end_ns")) {
            (true, _) => {
                let half_ns = stride_ns / 2;
                (
                    format!("stamp_ns - {half_ns}"),
                    format!("stamp_ns + {half_ns}"),
                )
            }
            (false, true) => ("start_ns".into(), "end_ns".into()),
            (false, false) => return Err(wrong_columns(&columns)),
        };
        if !has("log_id") {
            return Err(wrong_columns(&columns));
        }
        let query = query.trim().trim_end_matches(';');
        let statement = format!(
            "SELECT log_id, {track} AS track_id, {start} AS start_ns, {end} AS end_ns FROM (\n{query}\n)"
        );
        let mut answer = sql(lake, &statement, &SessionOptions::default()).await?;
        let mut selected: BTreeMap<(String, String), Vec<Interval>> = BTreeMap::new();
        let mut rows = 0;
        let fail = |source| Error::query(SUBJECT, source);
        while let Some(batch) = answer.batches.try_next().await? {
            rows += batch.num_rows();
            if rows > SELECTED_MAX {
                return Err(Error::Limit {
                    what: format!("rows of the {SUBJECT}"),
                    max: SELECTED_MAX,
                });
            }
            read(&batch, &mut selected).map_err(|source| fail(source.into()))?;
        }
        Ok(Self(Some(selected)))
    }

    /// Whether the query selects the actor at the stamp.
    pub(super) fn contains(&self, log_id: &str, track_id: &str, stamp_ns: i64) -> bool {
        let key = (log_id.to_owned(), track_id.to_owned());
        let intervals = self.0.as_ref().and_then(|selected| selected.get(&key));
        intervals
            .into_iter()
            .flatten()
            .any(|(start, end)| (*start..=*end).contains(&stamp_ns))
    }

    /// Whether there is a query.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

/// The drives, recorded and simulated ones, that a condition on `drive` admits.
///
/// # Errors
/// When the condition is no SQL over `drive`, or the lake fails.
pub async fn drives_where(lake: &Lake, condition: &str) -> Result<BTreeSet<String>> {
    let query = format!("SELECT log_id FROM drive WHERE {condition}");
    let mut answer = sql(lake, &query, &SessionOptions::default()).await?;
    let mut drives = BTreeSet::new();
    while let Some(batch) = answer.batches.try_next().await? {
        let logs = cast(batch.column(0), &DataType::Utf8)
            .map_err(|source| Error::query(SUBJECT, source.into()))?;
        let logs = logs.as_string::<i32>().iter().flatten();
        drives.extend(logs.map(str::to_owned));
    }
    Ok(drives)
}

async fn columns(lake: &Lake, query: &str) -> Result<Vec<String>> {
    let answer = sql(lake, query, &SessionOptions::default()).await?;
    Ok(answer
        .schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect())
}

fn wrong_columns(columns: &[String]) -> Error {
    Error::Columns {
        subject: SUBJECT.into(),
        expected: "log_id, track_id or actors, and stamp_ns or start_ns and end_ns".into(),
        actual: columns.join(", "),
    }
}

fn read(
    batch: &RecordBatch,
    selected: &mut BTreeMap<(String, String), Vec<Interval>>,
) -> Result<(), arrow::error::ArrowError> {
    let text = |index: usize| cast(batch.column(index), &DataType::Utf8);
    let number = |index: usize| cast(batch.column(index), &DataType::Int64);
    let (logs, tracks, starts, ends) = (text(0)?, text(1)?, number(2)?, number(3)?);
    let columns = [&logs, &tracks, &starts, &ends];
    for row in 0..batch.num_rows() {
        if columns.iter().all(|column| column.is_valid(row)) {
            let key = (
                logs.as_string::<i32>().value(row).to_owned(),
                tracks.as_string::<i32>().value(row).to_owned(),
            );
            let starts = starts.as_primitive::<Int64Type>();
            let ends = ends.as_primitive::<Int64Type>();
            selected
                .entry(key)
                .or_default()
                .push((starts.value(row), ends.value(row)));
        }
    }
    Ok(())
}

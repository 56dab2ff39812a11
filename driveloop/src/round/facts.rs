//! The facts that a round's summary has.

use anyhow::Result;
use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use driveloop_evaluation::Change;
use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::{ReleaseVerdict, Search, SliceMetric};

use super::previous::Previous;
use crate::words::count;

/// Searches that are shown; the rest is in `search`.
const SEARCHES_MAX: usize = 5;
/// Reasons of the verdict that are shown; the rest is in the report.
const REASONS_MAX: usize = 5;

/// Facts of a lake, in the order in which they are asked for.
pub(super) struct Facts<'a> {
    lake: &'a Lake,
    /// Fact and value.
    pub(super) lines: Vec<(String, String)>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(lake: &'a Lake) -> Self {
        Self {
            lake,
            lines: Vec::new(),
        }
    }

    pub(super) fn fact(&mut self, fact: impl Into<String>, value: impl Into<String>) {
        self.lines.push((fact.into(), value.into()));
    }

    async fn count(&self, sql: &str) -> Result<i64> {
        let batches = self.lake.query(sql).await?;
        let first = batches
            .first()
            .and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>());
        Ok(first.map_or(0, |counts| counts.value(0)))
    }

    pub(super) async fn data(&mut self) -> Result<()> {
        let counts = [
            ("drives", "SELECT count(*) FROM drive"),
            (
                "non-ego object rows",
                "SELECT count(*) FROM object_track WHERE category <> 'EGO_VEHICLE'",
            ),
            ("poses", "SELECT count(*) FROM ego_state"),
            (
                "findings",
                "SELECT count(*) FROM finding WHERE severity <> 'info'",
            ),
        ];
        for (fact, sql) in counts {
            let count = self.count(sql).await?;
            self.fact(fact, count.to_string());
        }
        Ok(())
    }

    pub(super) async fn episodes(&mut self) -> Result<()> {
        let sql = "SELECT scenario, count(*) FILTER (WHERE NOT composed) AS real, count(*) FILTER (WHERE composed) AS composed \
                   FROM with_composed.episode GROUP BY scenario ORDER BY scenario";
        for batch in self.lake.query(sql).await? {
            let names = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
            let names = names.as_string::<i32>();
            let (real, composed) = (
                batch.column(1).as_primitive::<Int64Type>(),
                batch.column(2).as_primitive::<Int64Type>(),
            );
            for row in 0..batch.num_rows() {
                self.fact(
                    format!("episodes: {}", names.value(row)),
                    format!(
                        "{} in drives, {} in composed drives",
                        real.value(row),
                        composed.value(row)
                    ),
                );
            }
        }
        Ok(())
    }

    pub(super) async fn composed(&mut self) -> Result<()> {
        let accepted = self
            .count("SELECT count(*) FROM synthetic_item WHERE state = 'accepted'")
            .await?;
        let rejected = self
            .count("SELECT count(*) FROM synthetic_item WHERE state = 'rejected'")
            .await?;
        self.fact(
            "composed drives",
            format!(
                "{accepted} accepted, {} rejected",
                count(rejected, "candidate")
            ),
        );
        Ok(())
    }

    pub(super) async fn samples(&mut self, dataset: &str) -> Result<()> {
        let name = sql_literal(dataset);
        for split in ["train", "validation", "test"] {
            let filter =
                format!("FROM with_composed.sample WHERE dataset = {name} AND split = '{split}'");
            let real = self
                .count(&format!("SELECT count(*) {filter} AND source = 'real'"))
                .await?;
            let synthetic = self
                .count(&format!(
                    "SELECT count(*) {filter} AND source = 'synthetic'"
                ))
                .await?;
            let drives = self
                .count(&format!("SELECT count(DISTINCT host_log_id) {filter}"))
                .await?;
            self.fact(
                format!("samples: {split}"),
                format!(
                    "{real} real, {synthetic} synthetic, of {}",
                    count(drives, "recorded drive")
                ),
            );
        }
        Ok(())
    }

    pub(super) async fn model(&mut self, model: &str, dataset: &str) -> Result<()> {
        let filter = format!(
            "model_id = {} AND dataset = {} AND split = 'test' AND slice = 'all'",
            sql_literal(model),
            sql_literal(dataset)
        );
        self.fact("model", model);
        for row in self.lake.read::<SliceMetric>(Some(&filter)).await? {
            let interval = interval_text(&row, ["better", "worse"]);
            let share = if row.baseline_value > 0.0 {
                format!(" ({:+.0} %)", 100.0 * row.difference / row.baseline_value)
            } else {
                String::new()
            };
            self.fact(
                format!("{} against {}", row.metric, row.baseline_id),
                format!(
                    "{:.3} against {:.3}, difference {:+.3}{share}, {interval}; {} of {}",
                    row.value,
                    row.baseline_value,
                    row.difference,
                    count(row.samples, "sample"),
                    count(row.drives, "drive")
                ),
            );
        }
        Ok(())
    }

    pub(super) async fn verdict(&mut self, verdict_id: &str) -> Result<()> {
        let filter = format!("verdict_id = {}", sql_literal(verdict_id));
        for verdict in self.lake.read::<ReleaseVerdict>(Some(&filter)).await? {
            self.fact(
                "verdict",
                format!("{} ({})", verdict.verdict, verdict.verdict_id),
            );
            for reason in verdict.reasons.iter().take(REASONS_MAX) {
                self.fact("reason", reason.as_str());
            }
        }
        Ok(())
    }

    /// What the searches of the round before were for: the error on each of their slices of the test split, which did not choose
    /// them, then and now.
    pub(super) async fn targets(
        &mut self,
        previous: &Previous,
        model: &str,
        dataset: &str,
    ) -> Result<()> {
        let mut searches = self.searches_of(&previous.model, &previous.dataset).await?;
        searches.retain(|search| search.reason != "inconclusive");
        for search in searches.iter().take(SEARCHES_MAX) {
            let filter = format!(
                "model_id = {} AND dataset = {} AND baseline_id = {} AND split = 'test' AND slice = {} AND metric = {}",
                sql_literal(model),
                sql_literal(dataset),
                sql_literal(&previous.model),
                sql_literal(&search.slice),
                sql_literal(&search.metric)
            );
            let rows = self.lake.read::<SliceMetric>(Some(&filter)).await?;
            let Some(row) = rows.first() else { continue };
            let what = format!("target {}: {} {}", search.rank, search.slice, search.metric);
            let interval = interval_text(row, ["improved", "worse"]);
            let value = format!(
                "{:.3} before, {:.3} now, difference {:+.3}, {interval}; {} of {}",
                row.baseline_value,
                row.value,
                row.difference,
                count(row.samples, "sample"),
                count(row.drives, "drive")
            );
            self.fact(what, value);
        }
        Ok(())
    }

    pub(super) async fn searches(&mut self, model: &str, dataset: &str) -> Result<()> {
        for search in self
            .searches_of(model, dataset)
            .await?
            .iter()
            .take(SEARCHES_MAX)
        {
            let what = format!(
                "next search {}: {} {} ({}), {} {} wanted, {} at hand, {} found, {} short{}",
                search.rank,
                search.slice,
                search.metric,
                search.reason,
                search.wanted,
                search.unit,
                search.at_hand,
                search.found,
                search.shortfall,
                match search.recipes.join(", ") {
                    recipes if recipes.is_empty() || search.shortfall == 0 => String::new(),
                    recipes => format!(", composed by {recipes}"),
                }
            );
            self.fact(what, search.search_sql.as_str());
        }
        Ok(())
    }

    /// Most urgent first.
    async fn searches_of(&self, model: &str, dataset: &str) -> Result<Vec<Search>> {
        let filter = format!(
            "model_id = {} AND dataset = {}",
            sql_literal(model),
            sql_literal(dataset)
        );
        let mut searches = self.lake.read::<Search>(Some(&filter)).await?;
        searches.sort_by_key(|search| search.rank);
        Ok(searches)
    }
}

/// What the difference says, in the words for less and for more of the metric, and its interval.
fn interval_text(row: &SliceMetric, [less, more]: [&str; 2]) -> String {
    let word = match Change::of(row) {
        Some(Change::Better) => less,
        Some(Change::Worse) => more,
        Some(Change::Unclear) => "no clear difference",
        Some(Change::TooFewDrives) | None => "too few drives for an interval",
    };
    let interval = row.difference_low.zip(row.difference_high);
    interval.map_or_else(
        || word.to_owned(),
        |(low, high)| format!("{word}, 95 % interval {low:+.3} to {high:+.3}"),
    )
}

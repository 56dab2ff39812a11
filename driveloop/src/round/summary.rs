//! What a round ends with: the stages, what the lake holds, the verdict and the next searches.

use anyhow::Result;
use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use driveloop_evaluation::{EvaluateOptions, Interval, difference_by_actor};
use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::{FailureSlice, ReleaseVerdict, SliceMetric};

use super::run::Plan;
use crate::context::{Context, Format};
use crate::render;
use crate::sheet::{Cell, Sheet};
use crate::words::count;

/// A longer fact has a line of its own, so that the others stay in two columns.
const FACT_WIDTH_MAX: usize = 40;
/// Searches that are shown; the rest is in `failure_slice`.
const SEARCHES_MAX: usize = 5;
/// Reasons of the verdict that are shown; the rest is in the report.
const REASONS_MAX: usize = 5;

/// Writes the summary: a table of stages and a table of facts.
pub(crate) async fn print(context: &Context, lake: &Lake, stages: &Plan) -> Result<()> {
    print_stages(context, stages)?;
    let mut facts = Facts {
        lake,
        lines: Vec::new(),
    };
    facts.data().await?;
    facts.episodes().await?;
    facts.composed().await?;
    let name = |key: &str| {
        let outputs = stages
            .iter()
            .filter_map(|stage| Some(&stage.done.as_ref()?.output));
        outputs
            .filter_map(|output| output.names.get(key))
            .next_back()
            .cloned()
    };
    if let Some(dataset) = name("dataset") {
        facts.samples(&dataset).await?;
        if let Some(model) = name("model") {
            facts.model(&model, &dataset).await?;
        }
    }
    if let Some(verdict) = name("verdict") {
        facts.verdict(&verdict).await?;
    }
    if let (Some(dataset), Some(model)) = (name("dataset"), name("model")) {
        facts.searches(&model, &dataset).await?;
    }
    if let Some(report) = name("report") {
        let path = lake.store().local_path(&report);
        let shown = path.map_or_else(
            || format!("{}/{report}", lake.uri()),
            |path| path.display().to_string(),
        );
        facts.fact("report", shown);
    }
    if context.format == Format::Table {
        return print_facts(&facts.lines);
    }
    let mut sheet = Sheet::new(&["fact", "value"]);
    for (fact, value) in facts.lines {
        sheet.row([fact.into(), value.into()]);
    }
    render::sheet(context.format, sheet)
}

/// One fact a line, the values below one another.
fn print_facts(facts: &[(String, String)]) -> Result<()> {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    let width = facts
        .iter()
        .map(|(fact, _)| fact.len())
        .filter(|width| *width <= FACT_WIDTH_MAX)
        .max();
    let width = width.unwrap_or_default();
    for (fact, value) in facts {
        if fact.len() > width {
            writeln!(output, "{fact}\n    {value}")?;
        } else {
            writeln!(output, "{fact:width$}  {value}")?;
        }
    }
    Ok(())
}

fn print_stages(context: &Context, stages: &Plan) -> Result<()> {
    let mut sheet = Sheet::new(&[
        "stage",
        "state",
        "seconds",
        "rows",
        "gpu_hours",
        "cpu_hours",
        "result",
    ]);
    let (mut seconds, mut gpu_hours, mut cpu_hours) = (0.0, 0.0, 0.0);
    for stage in stages {
        let Some(done) = &stage.done else { continue };
        let spent = if stage.skipped { 0.0 } else { 1.0 };
        // A trainer's hours come from its ledger; other stages hold one process for their wall time.
        let cpu = if done.output.cpu_hours > 0.0 {
            done.output.cpu_hours
        } else {
            done.seconds / 3600.0
        };
        seconds += spent * done.seconds;
        gpu_hours += spent * done.output.gpu_hours;
        cpu_hours += spent * cpu;
        sheet.row([
            stage.stage.into(),
            if stage.skipped { "unchanged" } else { "done" }.into(),
            rounded(spent * done.seconds, 1),
            (done.output.rows as i64).into(),
            rounded(spent * done.output.gpu_hours, 4),
            rounded(spent * cpu, 4),
            done.output.note.as_str().into(),
        ]);
    }
    sheet.row([
        "all".into(),
        Cell::Empty,
        rounded(seconds, 1),
        Cell::Empty,
        rounded(gpu_hours, 4),
        rounded(cpu_hours, 4),
        Cell::Empty,
    ]);
    render::sheet(context.format, sheet)
}

fn rounded(value: f64, digits: i32) -> Cell {
    let unit = 10_f64.powi(digits);
    Cell::Float((value * unit).round() / unit)
}

struct Facts<'a> {
    lake: &'a Lake,
    lines: Vec<(String, String)>,
}

impl Facts<'_> {
    fn fact(&mut self, fact: impl Into<String>, value: impl Into<String>) {
        self.lines.push((fact.into(), value.into()));
    }

    async fn count(&self, sql: &str) -> Result<i64> {
        let batches = self.lake.query(sql).await?;
        let first = batches
            .first()
            .and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>());
        Ok(first.map_or(0, |counts| counts.value(0)))
    }

    async fn data(&mut self) -> Result<()> {
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

    async fn episodes(&mut self) -> Result<()> {
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

    async fn composed(&mut self) -> Result<()> {
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

    async fn samples(&mut self, dataset: &str) -> Result<()> {
        let name = sql_literal(dataset);
        for split in ["train", "validation", "test"] {
            let filter = format!("FROM sample WHERE dataset = {name} AND split = '{split}'");
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

    async fn model(&mut self, model: &str, dataset: &str) -> Result<()> {
        let filter = format!(
            "model_id = {} AND dataset = {} AND slice = 'all'",
            sql_literal(model),
            sql_literal(dataset)
        );
        self.fact("model", model);
        for row in self.lake.read::<SliceMetric>(Some(&filter)).await? {
            let interval = match (row.difference_low, row.difference_high) {
                (Some(low), Some(high)) => format!("95 % interval {low:+.3} to {high:+.3}"),
                _ => self.interval_by_actor(&row).await?,
            };
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

    /// With too few drives for an interval by drive, one that speaks for these drives alone.
    async fn interval_by_actor(&self, row: &SliceMetric) -> Result<String> {
        let options = EvaluateOptions {
            baseline_id: row.baseline_id.clone(),
            ..EvaluateOptions::new(&row.model_id, &row.dataset, "")
        };
        let interval = difference_by_actor(self.lake, &options, &row.metric).await?;
        let verb = if row.drives == 1 { "is" } else { "are" };
        let few = format!(
            "{} {verb} too few for an interval by drive",
            count(row.drives, "drive")
        );
        Ok(match interval {
            Some(Interval { low, high }) => {
                format!(
                    "95 % interval {low:+.3} to {high:+.3} by actor, for these drives alone: {few}"
                )
            }
            None => format!("no interval: {few}"),
        })
    }

    async fn verdict(&mut self, verdict_id: &str) -> Result<()> {
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

    async fn searches(&mut self, model: &str, dataset: &str) -> Result<()> {
        let filter = format!(
            "model_id = {} AND dataset = {}",
            sql_literal(model),
            sql_literal(dataset)
        );
        let mut failures = self.lake.read::<FailureSlice>(Some(&filter)).await?;
        failures.sort_by_key(|failure| failure.rank);
        for failure in failures.iter().take(SEARCHES_MAX) {
            let what = format!(
                "next search {}: {} {} ({})",
                failure.rank, failure.slice, failure.metric, failure.reason
            );
            self.fact(what, failure.search_sql.as_str());
        }
        Ok(())
    }
}

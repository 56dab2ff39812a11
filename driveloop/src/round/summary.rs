//! What a round ends with: the stages, what the lake holds, what improved, the verdict and the next searches.

use anyhow::Result;
use driveloop_lake::Lake;

use super::config::CostConfig;
use super::facts::Facts;
use super::run::{Plan, RoundOptions, StageDone, cpu_hours};
use crate::context::{Context, Format};
use crate::render;
use crate::sheet::{Cell, Sheet};

/// A longer fact has a line of its own, so that the others stay in two columns.
const FACT_WIDTH_MAX: usize = 40;

/// Writes the summary: a table of stages and a table of facts.
pub(crate) async fn print(
    context: &Context,
    lake: &Lake,
    options: &RoundOptions,
    stages: &Plan,
) -> Result<()> {
    print_stages(context, &options.config.cost, stages)?;
    let mut facts = Facts::of(lake);
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
            if let Some(previous) = &options.previous {
                facts.targets(previous, &model, &dataset).await?;
            }
        }
    }
    if let Some(verdict) = name("verdict") {
        facts.verdict(&verdict).await?;
    }
    if let (Some(dataset), Some(model)) = (name("dataset"), name("model")) {
        facts.searches(&model, &dataset).await?;
    }
    for (fact, file) in [("report", "report"), ("signed evidence", "envelope")] {
        let Some(file) = name(file) else { continue };
        let path = lake.store().local_path(&file);
        let shown = path.map_or_else(
            || format!("{}/{file}", lake.uri()),
            |path| path.display().to_string(),
        );
        facts.fact(fact, shown);
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

fn print_stages(context: &Context, prices: &CostConfig, stages: &Plan) -> Result<()> {
    let mut sheet = Sheet::new(&[
        "stage",
        "state",
        "seconds",
        "rows",
        "gpu_hours",
        "cpu_hours",
        "cost",
        "result",
    ]);
    let mut all = Spent::default();
    for stage in stages {
        let Some(done) = &stage.done else { continue };
        let spent = if stage.skipped {
            Spent::default()
        } else {
            Spent::on(done)
        };
        all.add(&spent);
        let state = if stage.skipped { "unchanged" } else { "done" };
        let rows = (done.output.rows as i64).into();
        sheet.row(spent.row(stage.stage, state.into(), rows, prices, &done.output.note));
    }
    sheet.row(all.row("all", Cell::Empty, Cell::Empty, prices, ""));
    render::sheet(context.format, sheet)
}

/// What stages took.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    seconds: f64,
    gpu_hours: f64,
    cpu_hours: f64,
}

impl Spent {
    fn on(done: &StageDone) -> Self {
        Self {
            seconds: done.seconds,
            gpu_hours: done.output.gpu_hours,
            cpu_hours: cpu_hours(done),
        }
    }

    fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.gpu_hours += other.gpu_hours;
        self.cpu_hours += other.cpu_hours;
    }

    fn row(
        &self,
        stage: &str,
        state: Cell,
        rows: Cell,
        prices: &CostConfig,
        note: &str,
    ) -> [Cell; 8] {
        let cost = self.gpu_hours * prices.per_gpu_hour + self.cpu_hours * prices.per_cpu_hour;
        [
            stage.into(),
            state,
            rounded(self.seconds, 1),
            rows,
            rounded(self.gpu_hours, 4),
            rounded(self.cpu_hours, 4),
            rounded(cost, 2),
            note.into(),
        ]
    }
}

fn rounded(value: f64, digits: i32) -> Cell {
    let unit = 10_f64.powi(digits);
    Cell::Float((value * unit).round() / unit)
}

//! Runs a statement within its limits and shows the answer.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use arrow::array::AsArray as _;
use arrow::record_batch::RecordBatch;
use driveloop_scenario_mining::{Answer, AnswerKind, Reader, Statement};
use futures::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::context::{Context, Format};
use crate::render::Writer;

/// Rows that are shown as a table where no other number is given: a person reads no more.
const TABLE_ROWS: usize = 10_000;

/// Bounds on one statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Rows to show, 0 for all; `None` leaves it to the format.
    pub(crate) rows: Option<usize>,
    /// Time after which the statement is stopped.
    pub(crate) timeout: Option<Duration>,
}

impl Limits {
    fn rows_max(self, format: Format) -> usize {
        match (self.rows, format) {
            (Some(rows), _) if rows > 0 => rows,
            (None, Format::Table) => TABLE_ROWS,
            _ => usize::MAX,
        }
    }
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All rows were shown: this many.
    Whole(usize),
    /// The first rows were shown, and the rest was not asked for.
    Cut(usize),
    /// The user stopped it.
    Interrupted,
}

/// Runs a statement and writes its rows to standard output as they come.
///
/// Ctrl-C and the time limit stop the statement, not the program, and leave nothing in the spill folder.
pub(crate) async fn show(
    reader: &Reader,
    statement: Statement<'_>,
    context: &Context,
    limits: Limits,
) -> Result<Shown> {
    let Context {
        format, computing, ..
    } = context;
    let work = async {
        // Some operators start their tasks when they are made.
        let mut planning = std::pin::pin!(reader.answer(statement));
        let answer = std::future::poll_fn(|polled| {
            let _on = computing.enter();
            planning.as_mut().poll(polled)
        });
        write(answer.await?, *format, limits.rows_max(*format), computing).await
    };
    let out_of_time = async {
        match limits.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        shown = work => shown,
        () = out_of_time => {
            let seconds = limits.timeout.unwrap_or_default().as_secs_f64();
            anyhow::bail!("the query was stopped after {seconds} s, its time limit")
        }
        interrupt = tokio::signal::ctrl_c() => interrupt.map(|()| Shown::Interrupted).map_err(Into::into),
    }
}

async fn write(
    answer: Answer,
    format: Format,
    rows_max: usize,
    computing: &Handle,
) -> Result<Shown> {
    let mut writer = match (answer.kind, format) {
        (AnswerKind::Plan, Format::Table) => None,
        _ => Some(Writer::new(format, answer.schema)?),
    };
    let (sender, mut receiver) = mpsc::channel(1);
    let mut running = JoinSet::new();
    let mut batches = answer.batches;
    let reading = async move {
        while let Some(batch) = batches.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
    };
    running.spawn_on(reading, computing);
    let mut rows = 0;
    while let Some(batch) = receiver.recv().await {
        let batch = batch?;
        let fitting = batch.num_rows().min(rows_max - rows);
        rows += fitting;
        match &mut writer {
            Some(writer) => writer.write(&batch.slice(0, fitting))?,
            None => plan(&batch)?,
        }
        if fitting < batch.num_rows() {
            writer.map_or(Ok(()), Writer::finish)?;
            return Ok(Shown::Cut(rows));
        }
    }
    // A panic of the query is its failure.
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    writer.map_or(Ok(()), Writer::finish)?;
    Ok(Shown::Whole(rows))
}

/// Plans are text of many lines: boxes around them only make them harder to read.
fn plan(batch: &RecordBatch) -> Result<()> {
    let texts =
        |index: usize| arrow::compute::cast(batch.column(index), &arrow::datatypes::DataType::Utf8);
    let (names, plans) = (texts(0)?, texts(1)?);
    let (names, plans) = (names.as_string::<i32>(), plans.as_string::<i32>());
    let mut output = std::io::stdout().lock();
    for (name, plan) in names.iter().zip(plans) {
        let name = name.unwrap_or_default().replace('_', " ");
        writeln!(output, "{name}")?;
        for line in plan.unwrap_or_default().lines() {
            writeln!(output, "  {line}")?;
        }
    }
    Ok(output.flush()?)
}

/// Says what was left out, if anything.
pub(crate) fn explain_cut(shown: Shown) {
    if let Shown::Cut(rows) = shown {
        eprintln!(
            "only the first {rows} rows: --rows N shows more, --rows 0 or --format csv, json or arrow all"
        );
    }
}

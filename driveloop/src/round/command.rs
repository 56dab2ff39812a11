//! A command of the user's in the place of a stage.
//!
//! `[commands] mine = ["python3", "mine.py"]` in a round file. The command reads and writes the lake with what it likes: the tables
//! are Delta tables. It finds in its environment:
//!
//! | variable | is |
//! |---|---|
//! | `DRIVELOOP_LAKE` | URI of the lake |
//! | `DRIVELOOP_ROUND`, `DRIVELOOP_STAGE`, `DRIVELOOP_RUN_ID` | round, stage, and the run that its commits belong to |
//! | `DRIVELOOP_BASELINE` | the model that the candidate is compared with |
//! | `DRIVELOOP_LOGS`, `DRIVELOOP_DATASET`, `DRIVELOOP_MODEL`, … | the names that stages before it left |
//!
//! The last line of its standard output may be a JSON object: `names` (an object of texts: `dataset` leaves one from stage
//! `dataset`, `model` from `train`, `verdict`, `decision` and `report` from `ota`), `rows`, `gpu_hours`, `cpu_hours` and `note`.
//! Its standard error is shown. Exit status 3 means that something was dropped, any other but 0 ends the round. A stage that was
//! done so is skipped like any other: where its command and what stages before it left are the same.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use driveloop_lake::digest;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::run::Output;
use super::stages::{STAGES, StageContext};

/// Longest line of standard output that is kept: what a command prints cannot fill the memory.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Exit status of a command that dropped something.
const WITH_LOSS: i32 = 3;

/// What a command says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    names: BTreeMap<String, String>,
    rows: u64,
    gpu_hours: f64,
    cpu_hours: f64,
    note: String,
}

/// Runs the command of a stage.
pub(crate) async fn run(
    context: &StageContext<'_>,
    stage: &str,
    command: &[String],
) -> Result<Output> {
    let shown = command.join(" ");
    let (program, arguments) = command.split_first().context("the command is empty")?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .envs(environment(context, stage).await?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let output = child.stdout.take().context("no standard output")?;
    let last = last_line(output).await?;
    let status = child.wait().await?;
    let with_loss = status.code() == Some(WITH_LOSS);
    if !status.success() && !with_loss {
        bail!("`{shown}` ended with {status}");
    }
    let said: Said = if last.trim_start().starts_with('{') {
        serde_json::from_str(&last)
            .with_context(|| format!("the last line of `{shown}`: {last}"))?
    } else {
        Said::default()
    };
    let versions = context.lake.versions().await?;
    let left = versions
        .iter()
        .map(|(table, version)| format!("{table}@{version}"))
        .chain(
            said.names
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
    Ok(Output {
        digest: digest(left),
        rows: said.rows,
        with_loss,
        gpu_hours: said.gpu_hours,
        cpu_hours: said.cpu_hours,
        note: if said.note.is_empty() {
            shown
        } else {
            said.note
        },
        names: said.names,
    })
}

async fn environment(context: &StageContext<'_>, stage: &str) -> Result<BTreeMap<String, String>> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    // In the order of the loop: of two stages that leave a name, the later one counts.
    for stage in STAGES {
        let names = context.outputs.get(stage.name).map(|output| &output.names);
        for (name, value) in names.into_iter().flatten() {
            let variable = format!("DRIVELOOP_{}", name.to_uppercase());
            variables.insert(variable, value.clone());
        }
    }
    let baseline = context.baseline().await?;
    let fixed = [
        ("DRIVELOOP_LAKE", context.lake.uri()),
        ("DRIVELOOP_ROUND", &context.options.config.name),
        ("DRIVELOOP_STAGE", stage),
        ("DRIVELOOP_RUN_ID", &context.run_id),
        ("DRIVELOOP_BASELINE", &baseline),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(variables)
}

/// The last line that is not empty; the others are shown as they come.
async fn last_line(output: impl tokio::io::AsyncRead + Unpin) -> Result<String> {
    use tokio::io::AsyncReadExt as _;
    let mut reader = BufReader::new(output);
    let mut last = String::new();
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut reader).take(LINE_BYTES_MAX as u64);
        if bounded.read_until(b'\n', &mut line).await? == 0 {
            return Ok(last);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if !line.is_empty() {
            if !last.is_empty() {
                eprintln!("{last}");
            }
            line.clone_into(&mut last);
        }
    }
}

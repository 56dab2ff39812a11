//! Runs the stages in order, skipping what is done.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context as _, Result};
use driveloop_lake::{Journal, Lake, digest};
use driveloop_train_orchestrator::Stop;
use serde::{Deserialize, Serialize};

use super::command;
use super::config::RoundConfig;
use super::previous::Previous;
use super::stages::{STAGES, Stage, StageContext};
use crate::context::now_ns;
use crate::measure::CpuTime;

/// What a round is run with besides its file.
#[derive(Debug, Clone)]
pub(crate) struct RoundOptions {
    /// The round file, with `source` filled in.
    pub(crate) config: RoundConfig,
    /// The round before it, where the file names one.
    pub(crate) previous: Option<Previous>,
    /// Where logs are simulated to, where the file does not say.
    pub(crate) simulated_logs: String,
    /// Local folder for exported datasets and jobs; safe to delete between rounds.
    pub(crate) work_dir: std::path::PathBuf,
    /// Asks a training to end.
    pub(crate) stop: Stop,
}

/// An entry of the round's journal: a stage that is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StageDone {
    /// Stage.
    pub(crate) stage: String,
    /// Digest of its parameters and of what it read.
    pub(crate) key: String,
    /// What it left; the key of the stages after it is made from these.
    pub(crate) output: Output,
    /// Wall time, seconds.
    pub(crate) seconds: f64,
    /// CPU time that this process used for it, with that of the processes that it started, hours; `None` where an older version
    /// did it, and did not measure it.
    #[serde(default)]
    pub(crate) cpu_hours: Option<f64>,
    /// When it ended, by the clock of the machine that ran it.
    #[serde(default)]
    pub(crate) ended_ns: i64,
}

/// CPU hours of a stage, as they were measured; of one that an older version did, those of its trainers alone.
pub(super) fn cpu_hours(done: &StageDone) -> f64 {
    done.cpu_hours.unwrap_or(done.output.cpu_hours)
}

/// CPU hours of a stage that has just ended. What its trainers or its command say of themselves counts in place of what this
/// process saw of its children: a training may have been begun by an earlier process, a command may compute elsewhere.
fn measured_hours(used: CpuTime, output: &Output) -> f64 {
    let own_hours = used.own_s / HOUR_S;
    if output.cpu_hours > 0.0 {
        own_hours + output.cpu_hours
    } else {
        own_hours + used.children_s / HOUR_S
    }
}

/// Seconds of an hour.
const HOUR_S: f64 = 3600.0;

/// What a stage left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Output {
    /// Digest of the content.
    pub(crate) digest: String,
    /// Rows that it wrote, for the table of stages.
    pub(crate) rows: u64,
    /// Whether something was dropped, or a gate said no.
    pub(crate) with_loss: bool,
    /// GPU hours.
    pub(crate) gpu_hours: f64,
    /// CPU hours of trainers and of commands that say it; what this process used is measured beside it.
    pub(crate) cpu_hours: f64,
    /// Names that later stages need: `dataset`, `model`, `verdict`, …
    pub(crate) names: BTreeMap<String, String>,
    /// One line for a person.
    pub(crate) note: String,
}

/// A stage of a round: what is to be done about it, or what was.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// Stage.
    pub(crate) stage: &'static str,
    /// Whether it was skipped, or would be.
    pub(crate) skipped: bool,
    /// Why it runs, or that nothing has changed.
    pub(crate) why: &'static str,
    /// The entry, when it is done.
    pub(crate) done: Option<StageDone>,
}

/// All stages, in order.
pub(crate) type Plan = Vec<Planned>;

/// Runs the round.
pub(crate) async fn run(lake: &Lake, options: &RoundOptions) -> Result<Plan> {
    let mut journal = Journal::open(lake, &journal_name(&options.config.name)).await?;
    let done: Vec<StageDone> = journal.entries().await?;
    let mut outputs = BTreeMap::new();
    let mut plan = Plan::new();
    for stage in STAGES {
        let mut context = StageContext {
            lake,
            options,
            outputs: &outputs,
            run_id: String::new(),
        };
        let key = key(stage, &context).await?;
        context.run_id = format!("{}/{}/{key:.16}", options.config.name, stage.name);
        if let Some(entry) = find(&done, stage.name, &key) {
            eprintln!("{:>10}: nothing has changed", stage.name);
            outputs.insert(stage.name, entry.output.clone());
            plan.push(Planned {
                stage: stage.name,
                skipped: true,
                why: UNCHANGED,
                done: Some(entry.clone()),
            });
            continue;
        }
        let why = why(&done, stage.name);
        eprintln!("{:>10}: begins", stage.name);
        let (begun, used) = (Instant::now(), CpuTime::now());
        let output = run_stage(stage, &context).await?;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("{:>10}: {} ({seconds:.1} s)", stage.name, output.note);
        let entry = StageDone {
            stage: stage.name.to_owned(),
            key,
            cpu_hours: Some(measured_hours(CpuTime::now().since(used), &output)),
            output,
            seconds,
            ended_ns: now_ns(),
        };
        journal.append(&entry).await?;
        outputs.insert(stage.name, entry.output.clone());
        plan.push(Planned {
            stage: stage.name,
            skipped: false,
            why,
            done: Some(entry),
        });
    }
    Ok(plan)
}

/// Does a stage, or runs the command that takes its place.
async fn run_stage(stage: &Stage, context: &StageContext<'_>) -> Result<Output> {
    let commands = &context.options.config.commands;
    let outcome = match commands.get(stage.name) {
        Some(command) => command::run(context, stage.name, command).await,
        None => (stage.run)(context).await,
    };
    outcome.with_context(|| format!("stage `{}`", stage.name))
}

/// What [`run`] would do. A stage after one that would run is said to run, whatever that one will leave.
pub(crate) async fn plan(lake: &Lake, options: &RoundOptions) -> Result<Plan> {
    let done: Vec<StageDone> = Journal::open(lake, &journal_name(&options.config.name))
        .await?
        .entries()
        .await?;
    let mut outputs = BTreeMap::new();
    let mut plan = Plan::new();
    for stage in STAGES {
        if plan.iter().any(|planned: &Planned| !planned.skipped) {
            plan.push(Planned {
                stage: stage.name,
                skipped: false,
                why: AFTER_CHANGE,
                done: None,
            });
            continue;
        }
        let context = StageContext {
            lake,
            options,
            outputs: &outputs,
            run_id: String::new(),
        };
        let key = key(stage, &context).await?;
        let entry = find(&done, stage.name, &key).cloned();
        let why = if entry.is_some() {
            UNCHANGED
        } else {
            why(&done, stage.name)
        };
        if let Some(entry) = &entry {
            outputs.insert(stage.name, entry.output.clone());
        }
        plan.push(Planned {
            stage: stage.name,
            skipped: entry.is_some(),
            why,
            done: entry,
        });
    }
    Ok(plan)
}

const UNCHANGED: &str = "nothing has changed";
const AFTER_CHANGE: &str = "a stage before it runs";

/// What the names of rounds' journals begin with.
pub(super) const JOURNAL_PREFIX: &str = "round-";

/// The journal of a round.
pub(super) fn journal_name(round: &str) -> String {
    format!("{JOURNAL_PREFIX}{round}")
}

fn find<'a>(done: &'a [StageDone], stage: &str, key: &str) -> Option<&'a StageDone> {
    done.iter()
        .rev()
        .find(|entry| entry.stage == stage && entry.key == key)
}

fn why(done: &[StageDone], stage: &str) -> &'static str {
    if done.iter().any(|entry| entry.stage == stage) {
        "its parameters or inputs have changed"
    } else {
        "it has not been done"
    }
}

async fn key(stage: &Stage, context: &StageContext<'_>) -> Result<String> {
    let mut parts = vec![env!("CARGO_PKG_VERSION").to_owned(), stage.name.to_owned()];
    let inputs = match context.options.config.commands.get(stage.name) {
        Some(command) => Ok(command.join("\0")),
        None => (stage.inputs)(context).await,
    };
    parts.push(inputs.with_context(|| format!("stage `{}`", stage.name))?);
    for name in stage.after {
        let output = context.outputs.get(name);
        parts.push(
            output
                .map(|output| output.digest.clone())
                .unwrap_or_default(),
        );
    }
    Ok(digest(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_hours_are_measured_once_and_are_no_wall_time() {
        let used = CpuTime {
            own_s: 1800.0,
            children_s: 3600.0,
        };
        let said = |cpu_hours: f64| Output {
            cpu_hours,
            ..Output::default()
        };
        assert_eq!(measured_hours(used, &said(0.0)), 1.5);
        assert_eq!(measured_hours(used, &said(4.0)), 4.5);
        let done = |text: &str| -> StageDone { serde_json::from_str(text).unwrap() };
        let output = r#""output":{"digest":"","rows":0,"with_loss":false,"gpu_hours":0,"cpu_hours":2.0,"names":{},"note":""}"#;
        let of_older = format!(r#"{{"stage":"mine","key":"k",{output},"seconds":36000.0}}"#);
        assert_eq!(cpu_hours(&done(&of_older)), 2.0);
        let measured =
            format!(r#"{{"stage":"mine","key":"k",{output},"seconds":36000.0,"cpu_hours":2.5}}"#);
        assert_eq!(cpu_hours(&done(&measured)), 2.5);
    }
}

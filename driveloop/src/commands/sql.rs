//! `driveloop sql`: statements over the lake.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use driveloop_lake::{AsOf, Lake};
use driveloop_scenario_mining::{Reader, SessionOptions, Spill, docs, operator_docs, statements};

use crate::Exit;
use crate::answer::{self, Limits, Shown};
use crate::context::Context;
use crate::prompt;
use crate::render;
use crate::sheet::Sheet;

/// What to ask.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a statement, statements are read from standard input; on a terminal, from a prompt.\n\
        Every statement only reads: nothing can be written, and no file of this machine be read."
)]
pub(crate) struct Args {
    /// Statements with `;` between them: queries, EXPLAIN [ANALYZE], SHOW TABLES, DESCRIBE.
    statement: Option<String>,
    /// A file with statements; `-` is standard input.
    #[arg(short, long, value_name = "FILE", conflicts_with = "statement")]
    file: Option<PathBuf>,
    /// List the driving functions: arguments, unit, frame, formula, when they are null, source.
    #[arg(long, conflicts_with_all = ["statement", "file"])]
    functions: bool,
    /// See the tables as they were: a version, or a UTC time (2026-11-22, 2026-11-22T10:00:00Z).
    #[arg(long, value_name = "VERSION|TIME", value_parser = as_of)]
    as_of: Option<AsOf>,
    /// Rows to show, 0 for all. By default 10000 as a table, all in other formats.
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// Seconds after which a statement is stopped.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Memory that a statement may hold, MiB.
    #[arg(long, default_value_t = 4096, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: u32,
    /// A folder for what does not fit into the memory; without it, such a statement fails.
    #[arg(long, value_name = "FOLDER")]
    spill: Option<PathBuf>,
    /// Most that may lie in the spill folder, MiB.
    #[arg(long, default_value_t = 65536, value_name = "MIB", requires = "spill")]
    spill_max: u32,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    if args.functions {
        return functions(context);
    }
    let lake = context.existing_lake().await?;
    let lake = match args.as_of {
        Some(as_of) => lake.as_of(as_of),
        None => lake,
    };
    let options = session_options(args);
    let limits = Limits {
        rows: args.rows,
        timeout: args.timeout,
    };
    match script(args)? {
        Some(script) => run_script(context, &lake, &options, limits, &script).await,
        None => prompt::run(context, &lake, &options, limits).await,
    }
}

/// The text of the statements; `None` where a person is to be asked for them.
fn script(args: &Args) -> Result<Option<String>> {
    if let Some(statement) = &args.statement {
        return Ok(Some(statement.clone()));
    }
    let is_stdin = args
        .file
        .as_deref()
        .is_none_or(|file| file == Path::new("-"));
    if let (false, Some(file)) = (is_stdin, &args.file) {
        let text = std::fs::read_to_string(file);
        return text
            .map(Some)
            .with_context(|| format!("cannot read `{}`", file.display()));
    }
    if args.file.is_none() && std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("cannot read standard input")?;
    Ok(Some(text))
}

/// Runs the statements in order, over one state of the lake; the first error ends it.
async fn run_script(
    context: &Context,
    lake: &Lake,
    options: &SessionOptions,
    limits: Limits,
    script: &str,
) -> Result<Exit> {
    let statements = statements(script);
    anyhow::ensure!(!statements.is_empty(), "there is no statement");
    let reader = Reader::open(lake, options).await?;
    for statement in statements {
        match answer::show(&reader, statement, context, limits).await? {
            Shown::Interrupted => return Ok(Exit::Interrupted),
            shown => answer::explain_cut(shown),
        }
    }
    Ok(Exit::Done)
}

fn session_options(args: &Args) -> SessionOptions {
    SessionOptions {
        memory_max_bytes: Some((args.memory as usize) << 20),
        spill: match &args.spill {
            Some(folder) => Spill::Folder {
                folder: folder.clone(),
                max_bytes: u64::from(args.spill_max) << 20,
            },
            None => Spill::Off,
        },
    }
}

/// A number is a version, anything else a time.
fn as_of(text: &str) -> Result<AsOf, String> {
    if let Ok(version) = text.parse::<i64>() {
        return Ok(AsOf::Version(version));
    }
    arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text)
        .map(AsOf::TimeNs)
        .map_err(|_| "expected a version or a UTC time, such as 2026-11-22T10:00:00Z".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a positive number".to_owned())
}

fn functions(context: &Context) -> Result<Exit> {
    // Every one is null where an argument is null, NaN or infinite.
    let columns = [
        "function",
        "unit",
        "frame",
        "meaning",
        "also null where",
        "source",
    ];
    let mut sheet = Sheet::new(&columns);
    for function in docs() {
        let call = format!("{}({})", function.name, function.arguments.join(", "));
        sheet.row([
            call.into(),
            function.unit.into(),
            function.frame.into(),
            function.doc.into(),
            function.null_when.into(),
            function.source.into(),
        ]);
    }
    for operator in operator_docs() {
        let call = format!("{}({})", operator.name, operator.arguments);
        sheet.row([
            call.into(),
            "rows".into(),
            "-".into(),
            operator.doc.into(),
            "-".into(),
            "-".into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_version_and_a_date_a_time() {
        let day_ns = 86_400_000_000_000;
        assert!(matches!(as_of("12"), Ok(AsOf::Version(12))));
        assert!(matches!(as_of("1970-01-02"), Ok(AsOf::TimeNs(ns)) if ns == day_ns));
        for text in [
            "1970-01-02T00:00:01Z",
            "1970-01-02 00:00:01",
            "1970-01-02T01:00:01+01:00",
        ] {
            assert!(
                matches!(as_of(text), Ok(AsOf::TimeNs(ns)) if ns == day_ns + 1_000_000_000),
                "{text}"
            );
        }
        for text in ["", "yesterday", "1970-13-01", "1.5"] {
            assert!(as_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_limit_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["0", "-1", "nan", "inf", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}

//! `driveloop sql`: a query over the lake.

use anyhow::{Context as _, Result, bail};
use driveloop_scenario_mining::{SessionOptions, docs, sql};
use futures::StreamExt as _;

use crate::Exit;
use crate::context::Context;
use crate::render::{self, Writer};
use crate::sheet::Sheet;

/// What to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The statement: a query, EXPLAIN, SHOW TABLES or DESCRIBE.
    statement: Option<String>,
    /// A file with the statement.
    #[arg(short, long, value_name = "FILE", conflicts_with = "statement")]
    file: Option<std::path::PathBuf>,
    /// List the driving functions: arguments, unit, formula, source.
    #[arg(long, conflicts_with_all = ["statement", "file"])]
    functions: bool,
    /// Memory that the statement may hold before it spills to disk, MiB.
    #[arg(long, default_value_t = 4096, value_name = "MIB")]
    memory: usize,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    if args.functions {
        return functions(context);
    }
    let statement = match (&args.statement, &args.file) {
        (Some(statement), _) => statement.clone(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read `{}`", file.display()))?,
        (None, None) => bail!("give a statement, or a file with -f"),
    };
    let lake = context.existing_lake().await?;
    let options = SessionOptions {
        memory_max_bytes: Some(args.memory << 20),
        ..SessionOptions::default()
    };
    let mut answer = sql(&lake, &statement, &options).await?;
    let mut writer = Writer::new(context.format, answer.schema)?;
    while let Some(batch) = answer.batches.next().await {
        writer.write(&batch.context("the query failed")?)?;
    }
    writer.finish()?;
    Ok(Exit::Done)
}

fn functions(context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&["function", "unit", "meaning", "source"]);
    for function in docs() {
        let call = format!("{}({})", function.name, function.arguments.join(", "));
        sheet.row([
            call.into(),
            function.unit.into(),
            function.doc.into(),
            function.source.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}

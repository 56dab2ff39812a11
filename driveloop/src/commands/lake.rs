//! `driveloop lake`: the lake itself.

mod maintain;
mod remove;

use anyhow::Result;
use clap::Subcommand;
use driveloop_lake::COMPOSED_SCHEMA;
use driveloop_schemas::{TABLES, markdown::tables_markdown};

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::sheet::{Cell, Sheet};

/// What to look at.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the tables: version, rows, and the last commit.
    Tables,
    /// List the commits of a table, with their lineage.
    History {
        /// The table.
        table: String,
    },
    /// Write partitions with many small files anew: few files, rows in the order of the key.
    Optimize(maintain::OptimizeArgs),
    /// Name the files and media packs that nobody reads, or delete them.
    Vacuum(maintain::VacuumArgs),
    /// Check that every file and pack that the lake names is there, and whole, and that the weights of models are those that their
    /// trainings left. Exit status 3 where one is not.
    Check(maintain::CheckArgs),
    /// Remove drives with all that was made of them: composed drives, episodes, samples of frozen datasets, predictions. `lake vacuum`
    /// makes it final. What was removed is not ingested again, but by `ingest --replace`.
    Remove(remove::RemoveArgs),
    /// Print the columns of all tables as Markdown, with units and frames.
    Schemas,
}

pub(crate) async fn run(context: &Context, verb: &Verb) -> Result<Exit> {
    match verb {
        Verb::Tables => tables(context).await?,
        Verb::History { table } => history(context, table).await?,
        Verb::Optimize(args) => maintain::optimize(context, args).await?,
        Verb::Vacuum(args) => maintain::vacuum(context, args).await?,
        Verb::Check(args) => return maintain::check(context, args).await,
        Verb::Remove(args) => return remove::remove(context, args).await,
        Verb::Schemas => {
            use std::io::Write as _;
            std::io::stdout().write_all(tables_markdown().as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

async fn tables(context: &Context) -> Result<()> {
    let lake = context.existing_lake().await?;
    let mut sheet = Sheet::new(&[
        "table",
        "version",
        "rows",
        "composed",
        "last_stage",
        "last_run",
    ]);
    for spec in TABLES {
        let Some(version) = lake.version(spec.name).await? else {
            continue;
        };
        let rows = count(&lake, spec.name, COMPOSED_SCHEMA).await?;
        let composed = if spec.has_column("composed") {
            // Rows that an older version wrote do not say it themselves: the default schema leaves out what is composed.
            let recorded = count(&lake, spec.name, "public").await?;
            Cell::Int(rows - recorded)
        } else {
            Cell::Empty
        };
        let last = lake.last_commit(spec.name).await?;
        let (stage, run) = last
            .map(|commit| (commit.stage, commit.run_id))
            .unwrap_or_default();
        sheet.row([
            spec.name.into(),
            version.into(),
            rows.into(),
            composed,
            stage.into(),
            run.into(),
        ]);
    }
    render::sheet(context.format, sheet)
}

async fn count(lake: &driveloop_lake::Lake, table: &str, schema: &str) -> Result<i64> {
    use arrow::array::AsArray as _;
    use arrow::datatypes::Int64Type;
    let sql = format!("SELECT count(*) FROM {schema}.{table}");
    let batches = lake.query(&sql).await?;
    let first = batches
        .first()
        .and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>());
    Ok(first.map_or(0, |counts| counts.value(0)))
}

async fn history(context: &Context, table: &str) -> Result<()> {
    anyhow::ensure!(
        TABLES.iter().any(|spec| spec.name == table),
        "Table not found: `{table}`"
    );
    let lake = context.existing_lake().await?;
    let columns = [
        "version",
        "stage",
        "run",
        "params",
        "seed",
        "tool",
        "inputs",
        "transactions",
    ];
    let mut sheet = Sheet::new(&columns);
    for commit in lake.history(table).await? {
        let inputs: Vec<_> = commit
            .inputs
            .iter()
            .map(|(t, v)| format!("{t}@{v}"))
            .collect();
        sheet.row([
            commit.version.into(),
            commit.stage.unwrap_or(commit.operation).into(),
            commit.run_id.into(),
            commit.params_digest.into(),
            commit.seed.into(),
            commit.tool_version.into(),
            inputs.join(" ").into(),
            commit.transactions.len().into(),
        ]);
    }
    render::sheet(context.format, sheet)
}

//! Runs the query of a scenario and reads its rows as they come.

use arrow::array::{Array, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{cast, col, ident};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;

use super::merge::{Found, Merge};
use crate::catalogue::Scenario;
use crate::error::{Error, Result};
use crate::sql::read_only_plan;

/// The episodes of a scenario among the tables of a session, ordered by drive, actors and start.
///
/// `query` is the scenario's with its parameters filled in. The rows are sorted by the engine, which spills,
/// and merged as they stream by.
pub(crate) async fn find(
    context: &SessionContext,
    scenario: &Scenario,
    query: &str,
    episodes_max: usize,
) -> Result<Vec<Found>> {
    let subject = format!("scenario `{}`", scenario.name);
    let fail = |source| Error::query(&subject, source);
    let check = |count: usize| {
        let what = || format!("episodes of {subject} in one batch of drives");
        if count > episodes_max {
            return Err(Error::Limit {
                what: what(),
                max: episodes_max,
            });
        }
        Ok(())
    };
    let plan = read_only_plan(context, query, &subject).await?;
    let frame = context.execute_logical_plan(plan).await.map_err(fail)?;
    let frame = normalised(frame, scenario, &subject)?;
    let mut batches = frame.execute_stream().await.map_err(fail)?;
    let mut merge = Merge::new(scenario.min_duration_ns, scenario.max_gap_ns);
    let mut episodes = Vec::new();
    while let Some(batch) = batches.try_next().await.map_err(fail)? {
        for row in rows(&batch, scenario.roles.len()) {
            episodes.extend(merge.push(row));
        }
        check(episodes.len())?;
    }
    episodes.extend(merge.finish());
    check(episodes.len())?;
    Ok(episodes)
}

/// The columns `log_id, start_ns, end_ns, score, roles…` with their types, in order.
fn normalised(frame: DataFrame, scenario: &Scenario, subject: &str) -> Result<DataFrame> {
    let fail = |source| Error::query(subject, source);
    let names: Vec<String> = frame
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let (start, end) = if names.iter().any(|name| name == "stamp_ns") {
        ("stamp_ns", "stamp_ns")
    } else {
        ("start_ns", "end_ns")
    };
    let mut expected = vec!["log_id", start, "score"];
    if start != end {
        expected.push(end);
    }
    expected.extend(scenario.roles.iter().map(String::as_str));
    if names.len() != expected.len() || !expected.iter().all(|name| names.iter().any(|n| n == name))
    {
        return Err(Error::Columns {
            subject: subject.to_owned(),
            expected: format!(
                "log_id, score, {} and either stamp_ns or start_ns and end_ns",
                scenario.roles.join(", ")
            ),
            actual: names.join(", "),
        });
    }
    let mut columns = vec![
        cast(ident("log_id"), DataType::Utf8).alias("log_id"),
        cast(ident(start), DataType::Int64).alias("first_ns"),
        cast(ident(end), DataType::Int64).alias("last_ns"),
        cast(ident("score"), DataType::Float64).alias("score"),
    ];
    columns.extend(
        scenario
            .roles
            .iter()
            .map(|role| cast(ident(role), DataType::Utf8).alias(role)),
    );
    let mut order = vec![col("log_id").sort(true, false)];
    order.extend(
        scenario
            .roles
            .iter()
            .map(|role| ident(role).sort(true, false)),
    );
    order.extend([
        col("first_ns").sort(true, false),
        col("last_ns").sort(true, false),
    ]);
    frame
        .select(columns)
        .and_then(|frame| frame.sort(order))
        .map_err(fail)
}

/// The rows without a null and with a finite score.
fn rows(batch: &RecordBatch, roles: usize) -> impl Iterator<Item = Found> + '_ {
    let log_ids: &StringArray = batch.column(0).as_string();
    let starts: &Int64Array = batch.column(1).as_primitive::<Int64Type>();
    let ends: &Int64Array = batch.column(2).as_primitive::<Int64Type>();
    let scores: &Float64Array = batch.column(3).as_primitive::<Float64Type>();
    let actors: Vec<&StringArray> = (4..4 + roles)
        .map(|index| batch.column(index).as_string())
        .collect();
    let complete = |row: &usize| {
        batch.columns().iter().all(|column| column.is_valid(*row)) && scores.value(*row).is_finite()
    };
    (0..batch.num_rows())
        .filter(complete)
        .map(move |row| Found {
            log_id: log_ids.value(row).to_owned(),
            actors: actors
                .iter()
                .map(|actor| actor.value(row).to_owned())
                .collect(),
            start_ns: starts.value(row),
            end_ns: ends.value(row),
            score: scores.value(row),
        })
}

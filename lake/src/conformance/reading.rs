//! Cases on reading.

use std::time::Duration;

use driveloop_schemas::{Drive, Episode, Row as _, Signal};

use super::rows::{commit_of, drive, episode, signal, transaction};
use super::{Opener, Outcome, is, refused, same};
use crate::as_of::AsOf;
use crate::commit::{Commit, Versions};
use crate::error::Error;
use crate::lake::Lake;

pub(super) async fn a_new_lake_is_empty(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    same("versions", lake.versions().await?, Versions::new())?;
    same("rows", lake.read::<Drive>(None).await?, vec![])?;
    same("commits", lake.history("drive").await?, vec![])?;
    let ids = [transaction("a")];
    same(
        "ids that are missing",
        lake.missing("drive", &ids).await?,
        ids.to_vec(),
    )
}

pub(super) async fn rows_come_back_in_the_order_of_the_key(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let rows = [signal("b", 3), signal("a", 2), signal("a", 1)];
    lake.append(&rows, &Commit::new("conformance", "run"))
        .await?;
    for lake in [&lake, &opener.open().await?] {
        let read = lake.read::<Signal>(None).await?;
        same(
            "rows",
            read,
            vec![signal("a", 1), signal("a", 2), signal("b", 3)],
        )?;
        let read = lake
            .read::<Signal>(Some("stamp_ns > 1 AND log_id = 'a'"))
            .await?;
        same("rows that the filter admits", read, vec![signal("a", 2)])?;
    }
    let error = refused(
        "a filter that is none",
        lake.read::<Signal>(Some("nonsense =")).await,
    )?;
    is(
        "a filter that is none",
        &error,
        matches!(error, Error::Query { .. }),
    )
}

pub(super) async fn commits_say_where_they_come_from(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let mut commit = Commit::new("mine", "run-9")
        .with_transactions(["mine/x"])
        .with_inputs([("drive".to_owned(), 3)].into());
    commit.params_digest = "abc".into();
    commit.seed = Some(7);
    let version = lake
        .append(&[episode("cut_in", "a")], &commit)
        .await?
        .version();
    let history = opener.open().await?.history(Episode::SPEC.name).await?;
    let last = history.last().cloned();
    same(
        "the version of the last commit",
        last.as_ref().map(|last| last.version),
        Some(version),
    )?;
    let Some(last) = last else { return Ok(()) };
    same("stage", last.stage.as_deref(), Some("mine"))?;
    same("run", last.run_id.as_str(), "run-9")?;
    same("parameters", last.params_digest.as_str(), "abc")?;
    same("seed", last.seed, Some(7))?;
    same("inputs", last.inputs, commit.inputs)?;
    same("transactions", last.transactions, commit.transactions)?;
    same(
        "versions",
        lake.versions().await?,
        [("episode".to_owned(), version)].into(),
    )
}

pub(super) async fn a_lake_is_seen_as_it_was(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let commit = Commit::new("conformance", "run");
    for scenario in ["one", "two", "three"] {
        lake.append(&[episode(scenario, "a")], &commit).await?;
        // The stamps of commits are in milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (version, rows) in [(0, 0), (1, 1), (3, 3)] {
        same(
            "rows at a version",
            seen(&lake, AsOf::Version(version)).await?,
            rows,
        )?;
    }
    for version in [4, -1] {
        let error = refused(
            "a version that is not there",
            seen(&lake, AsOf::Version(version)).await,
        )?;
        // It comes through a query, which keeps the cause.
        let named =
            error_text(&error).contains(&format!("expected a version from 0 to 3, got {version}"));
        is("a version that is not there", &error, named)?;
    }
    let history = lake.history("episode").await?;
    let stamp_ns = |at: usize| {
        let stamp_ms = history.get(at).and_then(|commit| commit.timestamp_ms);
        AsOf::TimeNs(stamp_ms.unwrap_or_default() * 1_000_000)
    };
    same(
        "rows before the table was made",
        seen(&lake, AsOf::TimeNs(0)).await?,
        0,
    )?;
    same(
        "rows at the time of a commit",
        seen(&lake, stamp_ns(2)).await?,
        2,
    )?;
    same(
        "rows in the far future",
        seen(&lake, AsOf::TimeNs(i64::MAX)).await?,
        3,
    )?;
    let was = lake.as_of(AsOf::Version(1));
    same(
        "the version that is seen",
        was.version("episode").await?,
        Some(1),
    )?;
    let error = refused(
        "a commit to what was",
        was.append(&[episode("x", "a")], &commit).await,
    )?;
    is(
        "a commit to what was",
        &error,
        matches!(error, Error::ReadOnly { .. }),
    )
}

/// Episodes of a lake as it was.
async fn seen(lake: &Lake, as_of: AsOf) -> crate::Result<usize> {
    Ok(lake.as_of(as_of).read::<Episode>(None).await?.len())
}

/// An error with all that caused it.
fn error_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

pub(super) async fn a_drive_is_seen_wholly_or_not_at_all(opener: Opener) -> Outcome {
    let (lake, reader) = (opener.open().await?, opener.open().await?);
    lake.append(&[signal("a", 1), signal("a", 2)], &commit_of(&["a"]))
        .await?;
    lake.append(&[drive("a")], &commit_of(&["a"])).await?;
    lake.append(&[signal("b", 1), signal("c", 1)], &commit_of(&["b", "c"]))
        .await?;
    for schema in ["public", "with_composed"] {
        same("drives that have rows", facts(&reader, schema).await?, 1)?;
    }
    // A session keeps what it saw first, whatever is committed meanwhile.
    let session = reader.session();
    let before = session
        .sql("SELECT * FROM drive")
        .await
        .map_err(Error::from)?;
    lake.append(&[drive("b")], &commit_of(&["b"])).await?;
    let signals = session
        .sql("SELECT * FROM signal")
        .await
        .map_err(Error::from)?;
    same(
        "drives of the session",
        before.count().await.map_err(Error::from)?,
        1,
    )?;
    same(
        "rows of the session",
        signals.count().await.map_err(Error::from)?,
        2,
    )?;
    same("drives that have rows", facts(&reader, "public").await?, 2)?;
    lake.append(&[drive("c")], &commit_of(&["c"])).await?;
    same("drives that have rows", facts(&reader, "public").await?, 3)
}

/// Drives that have signals in a schema.
async fn facts(lake: &Lake, schema: &str) -> crate::Result<usize> {
    let sql = format!("SELECT DISTINCT log_id FROM {schema}.signal");
    let batches = lake.query(&sql).await?;
    let rows = batches
        .iter()
        .map(arrow::record_batch::RecordBatch::num_rows);
    Ok(rows.sum())
}

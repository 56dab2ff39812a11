//! Cases on commits: once, whole, against others.

use driveloop_schemas::{Drive, Episode, Row as _, Signal};

use super::rows::{commit_of, drive, episode, signal, transaction};
use super::{Failure, Opener, Outcome, is, refused, same};
use crate::commit::{Commit, Outcome as Committed};
use crate::error::Error;
use crate::lake::Lake;

/// Writers of the case with many.
const WRITERS: usize = 8;
/// Commits of the case with checkpoints; more than one interval.
const COMMITS: i64 = 40;

pub(super) async fn a_repeated_commit_changes_nothing(opener: Opener) -> Outcome {
    let (one, other) = (opener.open().await?, opener.open().await?);
    let commit = commit_of(&["a", "b"]);
    let rows = [drive("a"), drive("b")];
    let first = one.append(&rows, &commit).await?;
    let version = first.version();
    same("the first commit", first, Committed::Committed { version })?;
    let there = Committed::AlreadyThere { version };
    same(
        "the same commit again",
        one.append(&rows, &commit).await?,
        there,
    )?;
    same(
        "the same commit by another",
        other.append(&rows, &commit).await?,
        there,
    )?;
    same("rows", one.read::<Drive>(None).await?.len(), 2)?;
    let empty = commit_of(&["c"]);
    let recorded = one.append::<Drive>(&[], &empty).await?.is_new();
    same("a commit of ids alone", recorded, true)?;
    let ids = [transaction("a"), transaction("c"), transaction("d")];
    for lake in [&one, &other, &opener.open().await?] {
        let missing = lake.missing("drive", &ids).await?;
        same("ids that are missing", missing, vec![transaction("d")])?;
    }
    Ok(())
}

pub(super) async fn other_content_under_a_known_id_is_refused(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let (both, one) = (commit_of(&["a", "b"]), commit_of(&["c"]));
    let rows = [drive("a"), drive("b")];
    lake.append(&rows, &both).await?;
    let mine = commit_of(&["mine"]);
    lake.replace("scenario = 'x'", &[episode("x", "a")], &mine)
        .await?;
    lake.append(&[drive("c")], &one).await?;
    // Enough commits for a checkpoint, which alone is read by a lake that is opened later.
    for number in 0..COMMITS {
        let id = format!("more-{number}");
        lake.append::<Drive>(&[], &commit_of(&[&id])).await?;
    }
    let mut other = drive("c");
    other.records_in += 1;
    for lake in [lake, opener.open().await?] {
        let refusals = [
            lake.append(std::slice::from_ref(&other), &one).await,
            lake.append::<Drive>(&[], &one).await,
            lake.append(&rows[..1], &both).await,
            lake.replace("scenario = 'x'", &[episode("x", "b")], &mine)
                .await,
        ];
        for refusal in refusals {
            let error = refused("other content", refusal)?;
            let names_it =
                matches!(&error, Error::OtherContent { there, here, .. } if there != here);
            is("other content", &error, names_it)?;
        }
        let again = lake.append(&rows, &both).await?.is_new();
        same("the same content again", again, false)?;
        same("drives", lake.read::<Drive>(None).await?.len(), 3)?;
    }
    Ok(())
}

pub(super) async fn a_commit_that_is_there_in_part_is_refused(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    lake.append(&[drive("a")], &commit_of(&["a"])).await?;
    let (rows, ids) = ([drive("a"), drive("b")], commit_of(&["a", "b"]));
    let both = lake.append(&rows, &ids);
    let error = refused("a commit of which a part is there", both.await)?;
    let partial = matches!(error, Error::PartialTransaction { .. });
    is("a commit of which a part is there", &error, partial)?;
    same("rows", lake.read::<Drive>(None).await?.len(), 1)
}

pub(super) async fn staged_rows_are_seen_when_they_are_committed(opener: Opener) -> Outcome {
    let (lake, reader) = (opener.open().await?, opener.open().await?);
    let mut halves = Vec::new();
    for log_id in ["a", "b"] {
        let mut stage = lake.stage(Episode::SPEC);
        for part in 0..3 {
            let rows: Vec<_> = (0..100)
                .map(|i| episode(&format!("{part}-{i}"), log_id))
                .collect();
            let batch = Episode::to_batch(&rows).map_err(Error::from)?;
            stage.write(&batch).await?;
        }
        same("rows of the stage", stage.rows(), 300)?;
        halves.push(stage.finish().await?);
    }
    same(
        "rows before the commit",
        reader.read::<Episode>(None).await?.len(),
        0,
    )?;
    let mut staged = lake.stage(Episode::SPEC).finish().await?;
    same("an empty stage", staged.is_empty(), true)?;
    for half in halves {
        staged.merge(half);
    }
    let commit = commit_of(&["a", "b"]);
    let again = staged.clone();
    let first = lake.commit_staged(staged, &commit).await?;
    same("the first commit", first.is_new(), true)?;
    let second = reader.commit_staged(again, &commit).await?;
    same("the same commit by another", second.is_new(), false)?;
    let read = reader.read::<Episode>(Some("log_id = 'b'")).await?;
    same("rows of one drive", read.len(), 300)?;
    same(
        "rows after the commit",
        lake.read::<Episode>(None).await?.len(),
        600,
    )
}

pub(super) async fn a_stage_that_is_dropped_leaves_nothing_to_be_seen(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let mut stage = lake.stage(Episode::SPEC);
    let batch = Episode::to_batch(&[episode("x", "a")]).map_err(Error::from)?;
    stage.write(&batch).await?;
    drop(stage);
    let mut other = lake.stage(Episode::SPEC);
    let strange = Drive::to_batch(&[drive("a")]).map_err(Error::from)?;
    refused("columns of another table", other.write(&strange).await)?;
    refused("a stage that failed", other.finish().await.map(|_| ()))?;
    same(
        "rows",
        opener.open().await?.read::<Episode>(None).await?.len(),
        0,
    )
}

pub(super) async fn replacing_touches_only_what_the_predicate_admits(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let commit = Commit::new("conformance", "run");
    let both = [episode("cut_in", "a"), episode("low_ttc", "a")];
    lake.append(&both, &commit).await?;
    let new = [episode("cut_in", "b"), episode("cut_in", "c")];
    let once = commit.clone().with_transactions(["mine/1"]);
    let cut_in = "scenario = 'cut_in'";
    lake.replace(cut_in, &new, &once).await?;
    same(
        "episodes",
        episodes(&lake).await?,
        texts(&["cut_in/b", "cut_in/c", "low_ttc/a"]),
    )?;
    let again = opener.open().await?;
    let repeated = again.replace(cut_in, &new, &once).await?;
    same("the same commit by another", repeated.is_new(), false)?;
    again.replace::<Episode>(cut_in, &[], &commit).await?;
    same("episodes", episodes(&lake).await?, texts(&["low_ttc/a"]))
}

async fn episodes(lake: &Lake) -> Result<Vec<String>, Failure> {
    let rows = lake.read::<Episode>(None).await?;
    let mut ids: Vec<_> = rows
        .into_iter()
        .map(|row| row.episode_id.into_string())
        .collect();
    ids.sort();
    Ok(ids)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

pub(super) async fn many_writers_commit_each_row_once(opener: Opener) -> Outcome {
    // Half of the writers share what they know of the lake, as the tasks of one process do; the others know nothing of each other.
    let shared = opener.open().await?;
    let writers = (0..WRITERS).map(|writer| {
        let (opener, shared) = (opener.clone(), shared.clone());
        tokio::spawn(async move {
            let lake = if writer % 2 == 0 {
                shared
            } else {
                opener.open().await?
            };
            let mut new = 0;
            for part in 0..3 {
                let log_id = format!("{}-{part}", writer / 2);
                let commit = commit_of(&[&log_id]);
                new += usize::from(lake.append(&[signal(&log_id, 1)], &commit).await?.is_new());
                lake.append(&[drive(&log_id)], &commit).await?;
            }
            Ok::<_, Failure>(new)
        })
    });
    let mut new = 0;
    for writer in futures::future::join_all(writers).await {
        new += writer.map_err(|error| Failure::Mismatch {
            what: "a writer",
            expected: "an end".to_owned(),
            actual: error.to_string(),
        })??;
    }
    let drives = WRITERS / 2 * 3;
    same("commits that were new", new, drives)?;
    let lake = opener.open().await?;
    same("rows", lake.read::<Signal>(None).await?.len(), drives)?;
    same("drives", lake.read::<Drive>(None).await?.len(), drives)?;
    same(
        "versions",
        lake.version("signal").await?,
        Some(drives as i64),
    )
}

pub(super) async fn checkpoints_forget_nothing(opener: Opener) -> Outcome {
    let (lake, follower) = (opener.open().await?, opener.open().await?);
    let name = |number: i64| format!("d{number:03}");
    for number in 0..COMMITS {
        let log_id = name(number);
        lake.append(&[drive(&log_id)], &commit_of(&[&log_id]))
            .await?;
        if number % 7 == 0 {
            same(
                "the version by a follower",
                follower.version("drive").await?,
                Some(number + 1),
            )?;
        }
    }
    let ids: Vec<_> = (0..=COMMITS)
        .map(|number| transaction(&name(number)))
        .collect();
    for lake in [lake, follower, opener.open().await?] {
        same(
            "ids that are missing",
            lake.missing("drive", &ids).await?,
            vec![ids[COMMITS as usize].clone()],
        )?;
        same(
            "rows",
            lake.read::<Drive>(None).await?.len(),
            COMMITS as usize,
        )?;
    }
    Ok(())
}

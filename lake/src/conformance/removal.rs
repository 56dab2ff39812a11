//! Cases on removing drives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use driveloop_schemas::time::Day;
use driveloop_schemas::{
    Drive, Episode, ItemId, Prediction, Row as _, Sample, Signal, SyntheticItem,
};

use super::maintenance::LATER_NS;
use super::rows::{commit_of, drive, episode, signal, transaction};
use super::{Failure, Opener, Outcome, is, refused, same};
use crate::as_of::AsOf;
use crate::commit::Commit;
use crate::error::Error;
use crate::lake::Lake;
use crate::maintain::{CheckDepth, VacuumMode};
use crate::remove::LostDrive;

/// What is composed of `a`.
const ITEM: &str = "3f9a";

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn by_remove() -> Commit {
    Commit::new("remove", "run")
}

fn item(host: &str) -> SyntheticItem {
    SyntheticItem {
        item_id: ItemId::from(ITEM),
        day: Day(0),
        host_log_id: host.into(),
        host_source_digest: None,
        host_episode_id: "e".into(),
        recipe: "cut_in".into(),
        recipe_version: 1,
        parameters: "{}".into(),
        seed: 0,
        edited_tracks: vec![],
        edit_start_ns: 0,
        state: "accepted".into(),
        checks: "{}".into(),
    }
}

fn sample(dataset: &str, log_id: &str, host: &str, split: &str) -> Sample {
    Sample {
        dataset: dataset.into(),
        dataset_digest: "d".into(),
        sample_id: format!("{log_id}/t/0").into(),
        split: split.into(),
        source: "real".into(),
        log_id: log_id.into(),
        host_log_id: host.into(),
        day: Day(0),
        track_id: "t".into(),
        stamp_ns: 0,
        category: "vehicle.car".into(),
        ego_distance_m: 1.0,
        speed_mps: 1.0,
        scenarios: vec![],
        weight: 1.0,
        composed: Some(log_id == ITEM),
    }
}

fn prediction(sample: &Sample) -> Prediction {
    Prediction {
        model_id: "m".into(),
        dataset: sample.dataset.clone(),
        sample_id: sample.sample_id.clone(),
        x_m: vec![0.0],
        y_m: vec![0.0],
    }
}

/// Drives `a`, `a/b` and `c`, one composed of `a`, and what was made of them.
async fn fill(lake: &Lake) -> Outcome {
    let drives = ["a", "a/b", "c"];
    let commit = commit_of(&drives);
    let rows: Vec<_> = drives.iter().map(|log_id| signal(log_id, 1)).collect();
    lake.append(&rows, &commit).await?;
    let rows: Vec<_> = drives.iter().map(|log_id| drive(log_id)).collect();
    lake.append(&rows, &commit).await?;
    compose(lake).await?;
    let mined = Commit::new("mine", "run");
    let rows = drives.map(|log_id| episode("cut_in", log_id));
    lake.append(&rows, &mined).await?;
    let samples = [
        sample("first", "a", "a", "test"),
        sample("first", ITEM, "a", "test"),
        sample("first", "a/b", "a/b", "train"),
        sample("second", "c", "c", "train"),
    ];
    lake.append(&samples, &Commit::new("dataset", "run"))
        .await?;
    let predictions: Vec<_> = samples.iter().map(prediction).collect();
    lake.append(&predictions, &Commit::new("predict", "run"))
        .await?;
    Ok(())
}

/// As `synth` does it.
async fn compose(lake: &Lake) -> Outcome {
    let ids = lake.next_lives(&[ITEM.to_owned()]).await?;
    let commit = Commit::new("synth", "run").with_transactions(ids);
    let composed = Signal {
        composed: Some(true),
        ..signal(ITEM, 1)
    };
    lake.append(&[composed], &commit).await?;
    lake.append(&[item("a")], &commit).await?;
    let row = Drive {
        composed: true,
        source_digest: String::new(),
        ..drive(ITEM)
    };
    lake.append(&[row], &commit).await?;
    Ok(())
}

/// The drives that a table shows rows of.
async fn seen(lake: &Lake) -> Result<[BTreeSet<String>; 2], Failure> {
    let drives = lake.read::<Drive>(None).await?;
    let signals = lake.read::<Signal>(None).await?;
    Ok([
        drives.into_iter().map(|row| row.log_id.into()).collect(),
        signals.into_iter().map(|row| row.log_id.into()).collect(),
    ])
}

pub(super) async fn a_removed_drive_leaves_nothing_behind(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    fill(&lake).await?;
    let removal = lake
        .remove_drives(&names(&["a", "x"]), &by_remove())
        .await?;
    same("drives that were there", removal.drives, names(&["a"]))?;
    same("composed of them", removal.composed, names(&[ITEM]))?;
    let rows = [
        ("drive", 2),
        ("episode", 1),
        ("prediction", 2),
        ("sample", 2),
        ("signal", 2),
        ("synthetic_item", 1),
    ];
    let rows: BTreeMap<String, u64> = rows.map(|(name, rows)| (name.to_owned(), rows)).into();
    same("rows that went", removal.rows, rows)?;
    same(
        "samples that went",
        removal.samples,
        [("first".to_owned(), 2)].into(),
    )?;
    for lake in [&lake, &opener.open().await?] {
        same(
            "drives left",
            seen(lake).await?,
            [(); 2].map(|()| names(&["a/b", "c"])),
        )?;
        let left = lake.read::<Episode>(None).await?.len();
        same("episodes left", left, 2)?;
        let left: Vec<_> = lake
            .read::<Prediction>(None)
            .await?
            .into_iter()
            .map(|row| row.sample_id.to_string())
            .collect();
        same(
            "predictions left",
            left,
            vec!["a/b/t/0".into(), "c/t/0".into()],
        )?;
        let lost = lake.lost_drives().await?.into_iter();
        let lost: Vec<_> = lost.filter(|lost| lost.log_id == "a").collect();
        let expected = LostDrive {
            dataset: "first".into(),
            split: "test".into(),
            log_id: "a".into(),
        };
        same("what the dataset lost", lost, vec![expected])?;
        same(
            "what is wrong",
            lake.check(CheckDepth::Bytes).await?.problems,
            vec![],
        )?;
    }
    let versions = lake.versions().await?;
    let again = lake.remove_drives(&names(&["a"]), &by_remove()).await?;
    same("rows that went again", again.rows, BTreeMap::new())?;
    same("versions after it", lake.versions().await?, versions)
}

pub(super) async fn a_removal_that_stopped_is_completed(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    fill(&lake).await?;
    // The first of its commits, and no other.
    let removed = [transaction("a"), ITEM.to_owned()].map(|id| format!("removed/{id}"));
    let commit = by_remove().with_transactions(removed);
    let gone = format!("log_id IN ('a', '{ITEM}')");
    lake.replace::<Drive>(&gone, &[], &commit).await?;
    for lake in [&lake, &opener.open().await?] {
        same(
            "drives seen",
            seen(lake).await?,
            [(); 2].map(|()| names(&["a/b", "c"])),
        )?;
        same(
            "what is wrong",
            lake.check(CheckDepth::Footers).await?.problems,
            vec![],
        )?;
    }
    let other = opener.open().await?;
    let removal = other.remove_drives(&names(&["a"]), &by_remove()).await?;
    let signals = removal.rows.get(Signal::SPEC.name).copied();
    same("signals that went", signals, Some(2))?;
    same(
        "drives seen",
        seen(&other).await?,
        [(); 2].map(|()| names(&["a/b", "c"])),
    )
}

pub(super) async fn a_removed_drive_comes_back_under_another_transaction(
    opener: Opener,
) -> Outcome {
    let lake = opener.open().await?;
    fill(&lake).await?;
    lake.remove_drives(&names(&["a"]), &by_remove()).await?;
    // Who did not know of it commits nothing.
    let late = opener.open().await?;
    let error = refused(
        "a late commit",
        late.append(&[drive("a")], &commit_of(&["a"])).await,
    )?;
    is(
        "a late commit",
        &error,
        matches!(error, Error::RemovedMeanwhile { .. }),
    )?;
    let lives = lake
        .next_lives(&[transaction("a"), transaction("c")])
        .await?;
    same(
        "the next transactions",
        lives.clone(),
        vec![format!("{}.2", transaction("a")), transaction("c")],
    )?;
    let commit = Commit::new("ingest", "run").with_transactions(&lives[..1]);
    lake.append(&[signal("a", 2)], &commit).await?;
    lake.append(&[drive("a")], &commit).await?;
    compose(&lake).await?;
    let all = names(&[ITEM, "a", "a/b", "c"]);
    same(
        "drives seen",
        seen(&opener.open().await?).await?,
        [(); 2].map(|()| all.clone()),
    )?;
    let items = lake.read::<SyntheticItem>(None).await?.len();
    same("items", items, 1)?;
    lake.remove_drives(&names(&["a"]), &by_remove()).await?;
    same(
        "drives seen",
        seen(&lake).await?,
        [(); 2].map(|()| names(&["a/b", "c"])),
    )
}

/// A session sees what it has opened, or says that it cannot.
pub(super) async fn a_session_sees_a_removed_drive_whole_or_refuses(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    fill(&lake).await?;
    let other = opener.open().await?;
    let session = other.session();
    let count =
        async |sql: &str| -> crate::Result<usize> { Ok(session.sql(sql).await?.count().await?) };
    same("drives before", count("SELECT * FROM drive").await?, 3)?;
    lake.remove_drives(&names(&["a"]), &by_remove()).await?;
    let error = refused("a table opened later", count("SELECT * FROM signal").await)?;
    let text = format!("{error:?}");
    is(
        "a table opened later",
        &error,
        text.contains("RemovedMeanwhile"),
    )?;
    let anew = other.query("SELECT * FROM signal").await?;
    let rows: usize = anew.iter().map(arrow::array::RecordBatch::num_rows).sum();
    same("rows of a new session", rows, 2)
}

pub(super) async fn a_vacuum_makes_a_removal_final(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    fill(&lake).await?;
    let version = lake.version(Signal::SPEC.name).await?.unwrap_or_default();
    lake.remove_drives(&names(&["a", "a/b"]), &by_remove())
        .await?;
    let before = lake.as_of(AsOf::Version(version));
    same("rows before", before.read::<Signal>(None).await?.len(), 4)?;
    lake.vacuum(Duration::ZERO, LATER_NS, VacuumMode::Delete)
        .await?;
    same(
        "drives seen",
        seen(&lake).await?,
        [(); 2].map(|()| names(&["c"])),
    )?;
    let before = opener.open().await?.as_of(AsOf::Version(version));
    refused("the rows before", before.read::<Signal>(None).await)?;
    Ok(())
}

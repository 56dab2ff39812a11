//! Cases on keeping a lake.

use std::time::Duration;

use bytes::Bytes;
use driveloop_schemas::{CameraFrame, Episode, Row as _};

use super::rows::{camera_frame, commit_of, drive, episode, model};
use super::{Failure, Opener, Outcome, same};
use crate::commit::Commit;
use crate::error::Error;
use crate::lake::Lake;
use crate::maintain::{CheckDepth, VacuumMode, Wrong};
use crate::pack::PackWriter;

/// A time after all of the test's, by any clock.
pub(super) const LATER_NS: i64 = i64::MAX;

pub(super) async fn optimizing_keeps_the_rows(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    for number in 0..6 {
        // Each commit holds drives from both ends, so that the files overlap until they are written anew.
        let rows = [
            episode("x", &format!("a{number}")),
            episode("x", &format!("z{number}")),
        ];
        let commit = commit_of(&[&format!("{number}")]);
        lake.append(&rows, &commit).await?;
    }
    let before = lake.read::<Episode>(None).await?;
    let done = lake
        .optimize("episode", &Commit::new("optimize", "run"))
        .await?;
    same("partitions", done.partitions, 1)?;
    same(
        "files",
        (done.files_before, done.files_after, done.rows),
        (6, 1, 12),
    )?;
    let again = lake
        .optimize("episode", &Commit::new("optimize", "run"))
        .await?;
    same("partitions the second time", again.partitions, 0)?;
    for lake in [&lake, &opener.open().await?] {
        same("rows", lake.read::<Episode>(None).await?, before.clone())?;
        let was = lake.as_of(crate::AsOf::Version(6));
        same(
            "rows before",
            was.read::<Episode>(None).await?,
            before.clone(),
        )?;
    }
    let ids = [
        commit_of(&["3"]).transactions,
        commit_of(&["9"]).transactions,
    ]
    .concat();
    let missing = opener.open().await?.missing("episode", &ids).await?;
    same(
        "ids that are missing",
        missing,
        commit_of(&["9"]).transactions,
    )?;
    let last = lake.history("episode").await?.pop();
    same(
        "stage of the last commit",
        last.and_then(|last| last.stage).as_deref(),
        Some("optimize"),
    )
}

pub(super) async fn vacuum_removes_what_nobody_reads(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let commit = Commit::new("conformance", "run");
    for log_id in ["a", "b"] {
        lake.append(&[episode("x", log_id)], &commit).await?;
    }
    let range = packed(&lake, "kept").await?;
    lake.append(&[camera_frame("kept", range)], &commit_of(&["kept"]))
        .await?;
    packed(&lake, "lost").await?;
    lake.optimize("episode", &commit).await?;
    let mut stage = lake.stage(Episode::SPEC);
    stage
        .write(&Episode::to_batch(&[episode("y", "c")]).map_err(Error::from)?)
        .await?;
    drop(stage.finish().await?);
    let none = lake.vacuum(Duration::ZERO, 0, VacuumMode::Delete).await?;
    same("what is older than everything", none, vec![])?;
    let named = lake
        .vacuum(Duration::ZERO, LATER_NS, VacuumMode::DryRun)
        .await?;
    // Two files that were written anew, one that was staged, one pack.
    same("what nobody reads", named.len(), 4)?;
    let deleted = lake
        .vacuum(Duration::ZERO, LATER_NS, VacuumMode::Delete)
        .await?;
    same("what is deleted", deleted, named)?;
    let lake = opener.open().await?;
    same(
        "what is left to delete",
        lake.vacuum(Duration::ZERO, LATER_NS, VacuumMode::DryRun)
            .await?,
        vec![],
    )?;
    same("episodes", lake.read::<Episode>(None).await?.len(), 2)?;
    same("packs", lake.store().list("media").await?.len(), 1)
}

async fn packed(lake: &Lake, log_id: &str) -> Result<crate::PackRange, Failure> {
    let mut writer = PackWriter::new(lake, log_id, "01ab", "/camera");
    let range = writer.append(&Bytes::from_static(b"jpeg")).await?;
    writer.finish().await?;
    Ok(range)
}

pub(super) async fn a_check_finds_what_is_wrong(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let commit = commit_of(&["a"]);
    let range = packed(&lake, "a").await?;
    let pack = range.pack.clone();
    lake.append(&[camera_frame("a", range)], &commit).await?;
    let report = lake.check(CheckDepth::Bytes).await?;
    let unfinished: Vec<_> = report
        .tables
        .iter()
        .map(|table| table.unfinished_drives)
        .collect();
    same("drives in the making", unfinished, vec![1])?;
    lake.append(&[drive("a")], &commit).await?;
    let report = opener.open().await?.check(CheckDepth::Bytes).await?;
    same("problems of a whole lake", report.problems, vec![])?;
    let rows: u64 = report.tables.iter().map(|table| table.rows).sum();
    same("rows", (report.tables.len(), rows), (2, 2))?;
    let orphan = camera_frame(
        "gone",
        crate::PackRange {
            pack: pack.clone(),
            offset: 1,
            length: 4,
        },
    );
    lake.append(&[orphan], &Commit::new("conformance", "run"))
        .await?;
    same(
        "a pack that is short",
        problems(&opener).await?,
        vec![Wrong::PackShort, Wrong::DriveMissing],
    )?;
    let files = lake.store().list("tables/camera_frame").await?;
    let data = files
        .iter()
        .filter(|file| !file.path.contains("_delta_log"));
    for (number, file) in data.enumerate() {
        let whole = lake.store().get(&file.path).await?;
        let size = whole.len();
        let damaged = if number == 0 {
            Bytes::from(vec![0; size])
        } else {
            whole.slice(..size - 1)
        };
        lake.store().put(&file.path, damaged).await?;
    }
    let mut wrong = problems(&opener).await?;
    wrong.sort_unstable();
    same(
        "files that are damaged",
        wrong,
        vec![Wrong::FileSize, Wrong::FooterUnreadable],
    )?;
    same("the table", CameraFrame::SPEC.name, "camera_frame")
}

pub(super) async fn a_check_finds_weights_that_are_others(opener: Opener) -> Outcome {
    let lake = opener.open().await?;
    let whole = Bytes::from_static(b"weights");
    let model = model("m", &whole);
    let path = model.weights.clone();
    let commit = Commit::new("conformance", "run").with_transactions(["checkpoint/m"]);
    lake.append(&[model], &commit).await?;
    let store = lake.store();
    for (weights, wrong) in [
        (None, vec![Wrong::WeightsMissing]),
        (Some(whole), vec![]),
        (
            Some(Bytes::from_static(b"WEIGHTS")),
            vec![Wrong::WeightsDigest],
        ),
        (
            Some(Bytes::from_static(b"weight")),
            vec![Wrong::WeightsSize],
        ),
    ] {
        if let Some(weights) = weights {
            store.put(&path, weights).await?;
        }
        same("problems of the weights", problems(&opener).await?, wrong)?;
    }
    Ok(())
}

async fn problems(opener: &Opener) -> Result<Vec<Wrong>, Failure> {
    let report = opener.open().await?.check(CheckDepth::Bytes).await?;
    Ok(report
        .problems
        .into_iter()
        .map(|problem| problem.wrong)
        .collect())
}

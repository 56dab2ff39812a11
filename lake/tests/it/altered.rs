//! Lakes that were altered, cut or lost a commit: each is found, and named.

use std::path::{Path, PathBuf};

use driveloop_lake::{
    CheckDepth, Commit, Config, Lake, PackWriter, Problem, VacuumMode, Versions, Wrong,
};
use driveloop_schemas::{Drive, Episode, Signal};
use driveloop_tests::peers_python;

use crate::rows::{camera_frame, drive, episode, signal, transaction};

/// A lake with drives of two tables and media, committed as an ingest does it; episodes that were mined, and replaced once.
async fn lake_with_drives(folder: &Path, config: Config) -> Lake {
    let lake = Lake::open_with(folder.to_str().unwrap(), config)
        .await
        .unwrap();
    for log_id in ["a", "b", "c"] {
        let id = transaction(log_id);
        for table in ["signal", "camera_frame", "drive"] {
            lake.missing(table, std::slice::from_ref(&id))
                .await
                .unwrap();
        }
        let mut writer = PackWriter::new(&lake, log_id, "01ab", "/camera");
        let frame = vec![7; 5000];
        let range = writer.append(&frame).await.unwrap();
        writer.finish().await.unwrap();
        let commit = Commit::new("ingest", "run").with_transactions([id]);
        let signals: Vec<_> = (0..100).map(|stamp| signal(log_id, 0, stamp)).collect();
        lake.append(&signals, &commit).await.unwrap();
        lake.append(&[camera_frame(log_id, range)], &commit)
            .await
            .unwrap();
        lake.append(&[drive(log_id)], &commit).await.unwrap();
    }
    let inputs: Versions = lake.versions().await.unwrap();
    let mined = Commit::new("mine", "run").with_inputs(inputs);
    lake.append(
        &[episode("x", "a", false), episode("y", "a", false)],
        &mined,
    )
    .await
    .unwrap();
    lake.replace("scenario = 'x'", &[episode("x", "b", false)], &mined)
        .await
        .unwrap();
    lake
}

async fn problems(folder: &Path, depth: CheckDepth) -> Vec<Problem> {
    let lake = Lake::open(folder.to_str().unwrap()).await.unwrap();
    lake.check(depth).await.unwrap().problems
}

async fn unverified(folder: &Path) -> usize {
    let lake = Lake::open(folder.to_str().unwrap()).await.unwrap();
    let report = lake.check(CheckDepth::Bytes).await.unwrap();
    assert_eq!(report.problems, []);
    report.tables.iter().map(|table| table.unverified).sum()
}

/// The files below a folder with an extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "_delta_log" {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn last_commit(lake: &Path, table: &str) -> PathBuf {
    let log = lake.join("tables").join(table).join("_delta_log");
    files(&log, "json").pop().unwrap()
}

#[tokio::test]
async fn every_flip_in_a_file_or_pack_is_found() {
    let folder = tempfile::tempdir().unwrap();
    lake_with_drives(folder.path(), Config::default()).await;
    assert_eq!(unverified(folder.path()).await, 0);
    let data = files(&folder.path().join("tables"), "parquet");
    let packs = files(&folder.path().join("media"), "pack");
    assert_eq!((data.len() > 8, packs.len()), (true, 3));
    let live: Vec<_> = data.iter().chain(&packs).collect();
    let (mut found, mut removed) = (0, 0);
    for file in live {
        let whole = std::fs::read(file).unwrap();
        let places = [4, whole.len() / 3, whole.len() / 2, whole.len() - 20];
        for place in places {
            let mut altered = whole.clone();
            altered[place] ^= 0x10;
            std::fs::write(file, altered).unwrap();
            let problems = problems(folder.path(), CheckDepth::Bytes).await;
            let name = file.file_name().unwrap().to_str().unwrap();
            // A file that a later commit replaced belongs to nobody.
            if problems.is_empty() && file.starts_with(folder.path().join("tables/episode")) {
                removed += 1;
                continue;
            }
            assert_eq!(problems.len(), 1, "{name} at {place}: {problems:?}");
            let is_pack = file.extension().unwrap() == "pack";
            let subject = &problems[0].subject;
            assert!(is_pack || subject.ends_with(name), "{problems:?}");
            assert!(
                !is_pack || folder.path().join(subject) == *file,
                "{problems:?}"
            );
            found += 1;
        }
        std::fs::write(file, &whole).unwrap();
    }
    assert_eq!(problems(folder.path(), CheckDepth::Bytes).await, []);
    assert!(
        found > 40 && removed <= 8,
        "{found} found, {removed} of removed files"
    );
}

#[tokio::test]
async fn what_is_cut_or_gone_is_found_without_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    lake_with_drives(folder.path(), Config::default()).await;
    let file = files(&folder.path().join("tables/signal"), "parquet").remove(0);
    let pack = files(&folder.path().join("media"), "pack").remove(0);
    for (file, is_pack) in [(file, false), (pack, true)] {
        let whole = std::fs::read(&file).unwrap();
        for (bytes, wrong) in [
            (
                Some(&whole[..whole.len() - 1]),
                [Wrong::FileSize, Wrong::PackShort],
            ),
            (None, [Wrong::FileMissing, Wrong::PackMissing]),
        ] {
            match bytes {
                Some(bytes) => std::fs::write(&file, bytes).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            for depth in [CheckDepth::Footers, CheckDepth::Bytes] {
                let problems = problems(folder.path(), depth).await;
                let wrongs: Vec<_> = problems.iter().map(|problem| problem.wrong).collect();
                assert_eq!(wrongs, [wrong[usize::from(is_pack)]], "{problems:?}");
            }
        }
        std::fs::write(&file, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_last_commit_that_is_lost_is_found() {
    let folder = tempfile::tempdir().unwrap();
    lake_with_drives(folder.path(), Config::default()).await;
    assert_eq!(problems(folder.path(), CheckDepth::Footers).await, []);
    for table in ["signal", "camera_frame", "drive"] {
        let entry = last_commit(folder.path(), table);
        let bytes = std::fs::read(&entry).unwrap();
        std::fs::remove_file(&entry).unwrap();
        let problems = problems(folder.path(), CheckDepth::Footers).await;
        assert_eq!(problems.len(), 1, "{table}: {problems:?}");
        assert_eq!(problems[0].table, table);
        assert_eq!(problems[0].wrong, Wrong::CommitMissing);
        assert_eq!(problems[0].subject, "version 3");
        assert!(
            problems[0].detail.ends_with("the last one is 2"),
            "{problems:?}"
        );
        std::fs::write(&entry, bytes).unwrap();
    }
}

/// Where another commit has taken the version of the lost one, its transactions are missed.
#[tokio::test]
async fn a_commit_that_was_lost_and_made_up_for_by_another_is_found() {
    let folder = tempfile::tempdir().unwrap();
    lake_with_drives(folder.path(), Config::default()).await;
    std::fs::remove_file(last_commit(folder.path(), "signal")).unwrap();
    let lake = Lake::open(folder.path().to_str().unwrap()).await.unwrap();
    let commit = Commit::new("ingest", "run").with_transactions([transaction("d")]);
    lake.append(&[signal("d", 0, 1)], &commit).await.unwrap();
    lake.append(&[drive("d")], &commit).await.unwrap();
    let problems = problems(folder.path(), CheckDepth::Footers).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].subject, transaction("c"));
    assert_eq!(problems[0].table, "signal");
}

/// Checkpoints, rewritten files, removed files: the digests stay true.
#[tokio::test]
async fn keeping_a_lake_keeps_its_digests() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.limits.checkpoint_interval = 2;
    let lake = lake_with_drives(folder.path(), config).await;
    for table in ["signal", "camera_frame", "drive", "episode"] {
        let commit = Commit::new("optimize", "run");
        lake.optimize(table, &commit).await.unwrap();
    }
    assert_eq!(unverified(folder.path()).await, 0);
    let vacuumed = lake
        .vacuum(std::time::Duration::ZERO, i64::MAX, VacuumMode::Delete)
        .await
        .unwrap();
    assert!(!vacuumed.is_empty());
    assert_eq!(unverified(folder.path()).await, 0);
    assert_eq!(lake.read::<Signal>(None).await.unwrap().len(), 300);
    let file = files(&folder.path().join("tables/signal"), "parquet").remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let problems = problems(folder.path(), CheckDepth::Bytes).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].wrong, Wrong::FileDigest);
}

/// An older version of driveloop, and other programs, say no digest of their files.
#[tokio::test]
async fn what_has_no_digest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    lake_with_drives(folder.path(), Config::default()).await;
    let log = folder.path().join("tables/signal/_delta_log");
    for entry in files(&log, "json") {
        let text = std::fs::read_to_string(&entry).unwrap();
        let lines = text.lines().map(|line| {
            let mut action: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(add) = action.get_mut("add") {
                add.as_object_mut().unwrap().remove("tags");
            }
            format!("{action}\n")
        });
        let text: String = lines.collect();
        std::fs::write(&entry, text).unwrap();
    }
    assert_eq!(unverified(folder.path()).await, 3);
    assert_eq!(problems(folder.path(), CheckDepth::Footers).await, []);
}

/// A reader outside reads the tables as before, and may write to them.
#[tokio::test]
async fn another_program_is_undisturbed() {
    let Some(mut python) = peers_python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.limits.checkpoint_interval = 2;
    let lake = lake_with_drives(folder.path(), config).await;
    let script = "\
import sys, deltalake
for table in ('signal', 'episode', 'drive'):
    t = deltalake.DeltaTable(f'{sys.argv[1]}/tables/{table}')
    print(table, t.to_pyarrow_table().num_rows if hasattr(t, 'to_pyarrow_table') else 0, len(t.file_uris()))
t = deltalake.DeltaTable(f'{sys.argv[1]}/tables/signal')
t.optimize.compact()
t.create_checkpoint()
t = deltalake.DeltaTable(f'{sys.argv[1]}/tables/signal')
print(len(t.file_uris()))
";
    let output = python
        .args(["-c", script, folder.path().to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("signal 300 3"), "{text}");
    assert!(text.contains("drive 3 3"), "{text}");
    // What the other program wrote anew has no digest of ours.
    assert_eq!(unverified(folder.path()).await, 1);
    assert_eq!(lake.read::<Signal>(None).await.unwrap().len(), 300);
    assert_eq!(lake.read::<Drive>(None).await.unwrap().len(), 3);
    assert_eq!(lake.read::<Episode>(None).await.unwrap().len(), 2);
}

//! Logs of any name, on disks where some entries cannot be had.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;

use driveloop_ingest::{DriveOutcome, Error, IngestReport};
use driveloop_lake::Store;
use driveloop_schemas::Drive;
use driveloop_tests::test_data;

use crate::TestLake;
use crate::argoverse::write_log;
use crate::mcap_log::{Shape, log};

/// A composed and a decomposed `ü` are two names; so are `%20` and a blank.
const NAMES: [&str; 16] = [
    "2025-06-15T12:00:00",
    "50%",
    "<angle>|pipe^",
    "[x]",
    "a#b",
    "a#1",
    "amp&'quote\"",
    "back\\slash",
    "dot..dot",
    "percent%20",
    "q?m",
    "star*{brace}~",
    " blanks ",
    "u\u{308}ni decomposed",
    "\u{fc}ni composed",
    "\u{8eca}",
];

fn reasons(report: &IngestReport) -> Vec<&DriveOutcome> {
    let outcomes = report.drives.iter().map(|drive| &drive.outcome);
    outcomes
        .filter(|outcome| matches!(outcome, DriveOutcome::Failed { .. }))
        .collect()
}

/// The bytes of every drive are those that its `source_uri` leads to, and a second ingest by it finds it there.
async fn assert_uris_lead_back(test: &TestLake, is_folder: bool) {
    for drive in test.rows::<Drive>().await {
        let store = Store::open(&drive.source_uri).unwrap();
        let mut hash = blake3::Hasher::new();
        for file in store.list("").await.unwrap() {
            hash.update(&store.get(&file.path).await.unwrap());
        }
        let digest = hash.finalize().to_hex();
        assert_eq!(digest.as_str(), drive.source_digest, "{}", drive.source_uri);
        let report = test.ingest(Path::new(&drive.source_uri)).await.unwrap();
        assert_eq!(report.already_there(), 1, "{is_folder}: {report:?}");
        assert_eq!(report.drives[0].source_uri, drive.source_uri);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mcap_files_of_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        has_metadata: false,
        ..Shape::default()
    };
    let bytes = log(shape);
    for name in NAMES {
        let folder = folder.path().join(format!("of {name}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.mcap")), &bytes).unwrap();
    }
    std::fs::write(folder.path().join("CAPITALS.MCAP"), &bytes).unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!(
        report.committed(),
        NAMES.len() + 1,
        "{:?}",
        reasons(&report)
    );
    let ids = report.drives.iter().map(|drive| drive.log_id.as_str());
    let ids: BTreeSet<&str> = ids.filter_map(|id| Some(id.rsplit_once('-')?.0)).collect();
    let expected: BTreeSet<&str> = NAMES.into_iter().chain(["CAPITALS"]).collect();
    assert_eq!(ids, expected);
    assert_uris_lead_back(&test, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_any_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in NAMES {
        write_log(&folder.path().join(name));
    }
    let test = TestLake::new().await;
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!(report.committed(), NAMES.len(), "{:?}", reasons(&report));
    assert_uris_lead_back(&test, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_named_and_hides_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = log(Shape::default());
    std::fs::write(folder.path().join("m.mcap"), &bytes).unwrap();
    std::fs::write(folder.path().join("a\u{7}.mcap"), &bytes).unwrap();
    symlink("nowhere", folder.path().join("broken.mcap")).unwrap();
    symlink(".", folder.path().join("loop")).unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!(report.committed(), 1);
    let paths = report.unlisted.iter().map(|entry| entry.path.as_str());
    let paths: Vec<&str> = paths.map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(paths, ["a\\u{7}.mcap", "broken.mcap", "loop"]);
    assert!(report.has_losses());

    // Where nothing else is there, the first of them is the reason.
    std::fs::remove_file(folder.path().join("m.mcap")).unwrap();
    let error = test.ingest(folder.path()).await.unwrap_err();
    assert!(matches!(error, Error::Source { .. }), "{error:?}");
    let error = test.ingest(&folder.path().join("no such")).await;
    assert!(matches!(error, Err(Error::SourceMissing { .. })));
}

/// Names that bug reports of users had, and links.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_bug_reports() {
    let Some(data) = test_data("cases/ingest/17-file-names/data") else {
        return;
    };
    for (folder, drives) in [
        ("names", 17),
        ("av2", 4),
        ("upper", 2),
        ("folder with % and # and \u{fc}", 1),
    ] {
        let test = TestLake::new().await;
        let report = test.ingest(&data.join(folder)).await.unwrap();
        assert_eq!(report.committed(), drives, "{:?}", reasons(&report));
        assert_eq!(report.drives.len(), drives);
        assert_uris_lead_back(&test, folder == "av2").await;
    }
}

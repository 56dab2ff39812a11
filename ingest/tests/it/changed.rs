//! Logs whose bytes change after they were taken up, and drives that are removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::path::Path;

use driveloop_ingest::{DatabaseFile, DriveOutcome, IngestOptions, IngestReport};
use driveloop_lake::{Commit, Lake};
use driveloop_schemas::{DRIVE_TABLES, Drive, EgoState, Row as _};
use mcap::records::Metadata;
use mcap::{Compression, MessageStream, WriteOptions};

use crate::TestLake;
use crate::mcap_log::{START_NS, Shape, log};

/// How a log is written anew.
#[derive(Clone, Copy)]
struct Cut<'a> {
    name: Option<&'a str>,
    /// Seconds since its start.
    from_s: f64,
    to_s: f64,
    compression: Option<Compression>,
    chunk_bytes: u64,
}

impl Default for Cut<'_> {
    fn default() -> Self {
        Self {
            name: None,
            from_s: 0.0,
            to_s: 9.0,
            compression: Some(Compression::Zstd),
            chunk_bytes: 4096,
        }
    }
}

/// The log of the other tests, written anew.
fn cut(whole: &[u8], cut: Cut<'_>) -> Vec<u8> {
    let mut writer = WriteOptions::new()
        .compression(cut.compression)
        .chunk_size(Some(cut.chunk_bytes))
        .compression_threads(0)
        .create(Cursor::new(Vec::new()))
        .unwrap();
    if let Some(name) = cut.name {
        let metadata = BTreeMap::from([("log_id".to_owned(), name.to_owned())]);
        let name = "driveloop".to_owned();
        writer.write_metadata(&Metadata { name, metadata }).unwrap();
    }
    let stamp = |second: f64| (START_NS + (second * 1e9) as i64) as u64;
    for message in MessageStream::new(whole).unwrap() {
        let message = message.unwrap();
        if (stamp(cut.from_s)..stamp(cut.to_s)).contains(&message.log_time) {
            writer.write(&message).unwrap();
        }
    }
    writer.finish().unwrap();
    writer.into_inner().into_inner()
}

fn whole() -> Vec<u8> {
    log(Shape {
        has_metadata: false,
        ..Shape::default()
    })
}

fn replacing() -> IngestOptions {
    IngestOptions {
        replace: true,
        ..IngestOptions::new("run-2")
    }
}

fn reason(report: &IngestReport) -> &str {
    match &report.drives[0].outcome {
        DriveOutcome::Failed { reason } => reason,
        other => panic!("{other:?}"),
    }
}

async fn remove(lake: &Lake, log_ids: &[&str]) {
    let log_ids: BTreeSet<String> = log_ids.iter().map(|&id| id.to_owned()).collect();
    let removal = lake
        .remove_drives(&log_ids, &Commit::new("remove", "run"))
        .await
        .unwrap();
    assert_eq!(removal.drives, log_ids);
}

/// Every table of the drives, as JSON lines.
async fn contents(lake: &Lake) -> BTreeMap<&'static str, String> {
    let tables = std::iter::once(&Drive::SPEC).chain(DRIVE_TABLES);
    let mut contents = BTreeMap::new();
    for spec in tables {
        let (name, key) = (spec.name, spec.key.join(", "));
        let sql = format!("SELECT * FROM with_composed.{name} ORDER BY {key}");
        let batches = lake.query(&sql).await.unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap();
        contents.insert(name, text.to_string());
    }
    contents
}

async fn assert_like_a_fresh_lake(lake: &Lake, source: &Path) {
    let fresh = TestLake::new().await;
    fresh.ingest(source).await.unwrap();
    let (here, there) = (contents(lake).await, contents(&fresh.lake).await);
    for (table, rows) in &there {
        assert!(&here[table] == rows, "{table}:\n{}\n{rows}", here[table]);
    }
    assert!(there["ego_state"].lines().count() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_changed_is_refused_or_takes_the_place_of_what_it_was() {
    let whole = whole();
    for name in [None, Some("drive-x")] {
        let half = Cut {
            name,
            to_s: 1.0,
            ..Cut::default()
        };
        let grown = Cut {
            name,
            ..Cut::default()
        };
        let other_half = Cut {
            name,
            from_s: 0.9,
            ..Cut::default()
        };
        let unpacked = Cut {
            name,
            compression: None,
            chunk_bytes: 900,
            ..Cut::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.mcap");
        fs::write(&file, cut(&whole, half)).unwrap();
        let test = TestLake::new().await;
        assert_eq!(test.ingest(folder.path()).await.unwrap().committed(), 1);
        for changed in [grown, other_half, unpacked] {
            let before = contents(&test.lake).await;
            let was = test.rows::<Drive>().await.remove(0);
            fs::write(&file, cut(&whole, changed)).unwrap();
            let report = test.ingest(folder.path()).await.unwrap();
            assert!(reason(&report).contains("--replace"), "{report:?}");
            assert!(reason(&report).contains(was.log_id.as_str()), "{report:?}");
            assert!(report.has_losses());
            assert_eq!(contents(&test.lake).await, before);
            let report = test.ingest_with(folder.path(), &replacing()).await.unwrap();
            assert_eq!(report.committed(), 1, "{report:?}");
            let replaced = BTreeSet::from([was.log_id.to_string()]);
            assert_eq!(report.drives[0].replaced, replaced);
            assert_like_a_fresh_lake(&test.lake, folder.path()).await;
            let versions = test.lake.versions().await.unwrap();
            let again = test.ingest_with(folder.path(), &replacing()).await.unwrap();
            assert_eq!(again.already_there(), 1);
            assert_eq!(test.lake.versions().await.unwrap(), versions);
        }
        // Both are in the lineage.
        let history = test.lake.history("drive").await.unwrap();
        let ids: Vec<_> = history
            .iter()
            .flat_map(|commit| &commit.transactions)
            .collect();
        assert_eq!(ids.len(), 4 + 3, "{ids:?}");
    }
}

/// The lake has the first bytes again when the log has.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_may_become_what_it_was() {
    let whole = whole();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.mcap");
    let test = TestLake::new().await;
    for to_s in [1.0, 2.0, 1.0, 2.0, 1.0] {
        let bytes = cut(
            &whole,
            Cut {
                to_s,
                ..Cut::default()
            },
        );
        fs::write(&file, bytes).unwrap();
        let report = test.ingest_with(folder.path(), &replacing()).await.unwrap();
        assert_eq!(report.committed(), 1, "{report:?}");
        assert_like_a_fresh_lake(&test.lake, folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_of_a_name_within_a_source_is_refused_even_where_drives_are_replaced() {
    let whole = whole();
    let folder = tempfile::tempdir().unwrap();
    for (file, to_s) in [("a.mcap", 1.0), ("b.mcap", 2.0)] {
        let bytes = cut(
            &whole,
            Cut {
                name: Some("same"),
                to_s,
                ..Cut::default()
            },
        );
        fs::write(folder.path().join(file), bytes).unwrap();
    }
    let test = TestLake::new().await;
    for committed in [1, 0] {
        let report = test.ingest_with(folder.path(), &replacing()).await.unwrap();
        assert_eq!((report.committed(), report.failed()), (committed, 1));
        let failed = report.drives.iter();
        let mut failed = failed.filter(|drive| drive.outcome != DriveOutcome::AlreadyThere);
        let named = failed.any(|drive| {
            matches!(&drive.outcome, DriveOutcome::Failed { reason } if reason.contains("another log of this source"))
        });
        assert!(named, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_drive_stays_away_until_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let named = Cut {
        name: Some("drive-x"),
        ..Cut::default()
    };
    fs::write(folder.path().join("a.mcap"), cut(&whole(), named)).unwrap();
    let test = TestLake::new().await;
    test.ingest(folder.path()).await.unwrap();
    for _ in 0..2 {
        remove(&test.lake, &["drive-x"]).await;
        assert_eq!(test.rows::<Drive>().await, []);
        assert_eq!(test.rows::<EgoState>().await, []);
        let report = test.ingest(folder.path()).await.unwrap();
        assert!(reason(&report).contains("was removed"), "{report:?}");
        assert_eq!(test.rows::<Drive>().await, []);
        let report = test.ingest_with(folder.path(), &replacing()).await.unwrap();
        assert_eq!(report.committed(), 1);
        assert_like_a_fresh_lake(&test.lake, folder.path()).await;
    }
}

/// What a killed run left of bytes that are no more goes, where it is asked for; what it left of a removal does so by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_killed_runs_left_of_other_bytes_is_taken_away() {
    let whole = whole();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.mcap");
    let named = |to_s| Cut {
        name: Some("drive-x"),
        to_s,
        ..Cut::default()
    };
    fs::write(&file, cut(&whole, named(1.0))).unwrap();
    let mut test = TestLake::new().await;
    test.ingest(folder.path()).await.unwrap();
    test.forget_table("drive").await;
    fs::write(&file, cut(&whole, named(2.0))).unwrap();
    let report = test.ingest(folder.path()).await.unwrap();
    assert!(reason(&report).contains("killed half-way"), "{report:?}");
    test.ingest_with(folder.path(), &replacing()).await.unwrap();
    assert_like_a_fresh_lake(&test.lake, folder.path()).await;
    // A removal that was killed after its first commit.
    let history = test.lake.history("drive").await.unwrap();
    let id = history.last().unwrap().transactions[0].clone();
    let commit = Commit::new("remove", "run").with_transactions([format!("removed/{id}")]);
    test.lake
        .replace::<Drive>("log_id = 'drive-x'", &[], &commit)
        .await
        .unwrap();
    fs::write(&file, cut(&whole, named(1.5))).unwrap();
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!(report.committed(), 1, "{report:?}");
    assert_like_a_fresh_lake(&test.lake, folder.path()).await;
}

/// A database that is given later says so, or is taken up.
#[tokio::test(flavor = "multi_thread")]
async fn other_options_are_said_to_have_no_effect_or_are_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.mcap"), cut(&whole(), Cut::default())).unwrap();
    let test = TestLake::new().await;
    test.ingest(folder.path()).await.unwrap();
    let versions = test.lake.versions().await.unwrap();
    let with_all = |replace| IngestOptions {
        all_signals: true,
        replace,
        ..IngestOptions::new("run-2")
    };
    let report = test
        .ingest_with(folder.path(), &with_all(false))
        .await
        .unwrap();
    assert_eq!(report.already_there(), 1);
    assert!(report.drives[0].read_otherwise);
    assert_eq!(test.lake.versions().await.unwrap(), versions);
    let report = test
        .ingest_with(folder.path(), &with_all(true))
        .await
        .unwrap();
    assert_eq!(report.committed(), 1);
    assert_eq!(report.drives[0].replaced.len(), 1);
    for replace in [false, true] {
        let report = test
            .ingest_with(folder.path(), &with_all(replace))
            .await
            .unwrap();
        assert_eq!(report.already_there(), 1);
        assert!(!report.drives[0].read_otherwise);
    }
    let database = DatabaseFile {
        topic: None,
        name: "a.dbc".into(),
        bytes: b"VERSION \"\"\n\nBU_:\n\nBO_ 1 M: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] \"\" X\n"
            .to_vec(),
    };
    let with_database = IngestOptions {
        databases: vec![database],
        ..IngestOptions::new("run-3")
    };
    let report = test
        .ingest_with(folder.path(), &with_database)
        .await
        .unwrap();
    assert!(report.drives[0].read_otherwise);
}

/// A hundred drives: some grow, some are cut anew or packed anew, some are removed, the rest stays; with and without names.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_drives_change() {
    let whole = whole();
    let folder = tempfile::tempdir().unwrap();
    let name = |number: usize| format!("drive-{number:03}");
    let of = |number: usize, part: Cut<'static>| {
        let name = name(number);
        let own = (number.is_multiple_of(2)).then_some(name.as_str());
        cut(&whole, Cut { name: own, ..part })
    };
    let file = |number: usize| folder.path().join(format!("{}.mcap", name(number)));
    let short = Cut {
        to_s: 0.3,
        ..Cut::default()
    };
    for number in 0..100 {
        fs::write(file(number), of(number, short)).unwrap();
    }
    let test = TestLake::new().await;
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!(report.committed(), 100);
    let drives = test.rows::<Drive>().await;
    let mut removed = Vec::new();
    for number in 0..100 {
        let changed = match number % 5 {
            0 => Cut { to_s: 0.4, ..short },
            1 => Cut {
                from_s: 0.1,
                to_s: 0.4,
                ..short
            },
            2 => Cut {
                compression: Some(Compression::Lz4),
                chunk_bytes: 700,
                ..short
            },
            3 => {
                let uri = format!("{}.mcap", name(number));
                let drive = drives.iter().find(|drive| drive.source_uri.ends_with(&uri));
                removed.push(drive.unwrap().log_id.as_str());
                fs::remove_file(file(number)).unwrap();
                continue;
            }
            _ => continue,
        };
        fs::write(file(number), of(number, changed)).unwrap();
    }
    remove(&test.lake, &removed).await;
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!((report.already_there(), report.failed()), (20, 60));
    let report = test.ingest_with(folder.path(), &replacing()).await.unwrap();
    assert_eq!((report.committed(), report.already_there()), (60, 20));
    assert_like_a_fresh_lake(&test.lake, folder.path()).await;
    let check = test.lake.check(driveloop_lake::CheckDepth::Bytes).await;
    assert_eq!(check.unwrap().problems, []);
}

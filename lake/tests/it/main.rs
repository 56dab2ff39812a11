//! The lake against the local disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

use bytes::Bytes;
use driveloop_lake::{Commit, Error, Journal, Lake, Outcome, PackWriter};
use driveloop_schemas::{Drive, Episode, Signal, time::Day};

async fn lake() -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(&folder.path().join("a lake").display().to_string())
        .await
        .unwrap();
    (folder, lake)
}

fn signal(log_id: &str, stamp_ns: i64) -> Signal {
    Signal {
        log_id: log_id.into(),
        day: Day(0),
        stamp_ns,
        name: "speed".into(),
        value: Some(stamp_ns as f64),
        text: None,
        unit: None,
        source: "/odom".into(),
    }
}

fn episode(scenario: &str, log_id: &str, composed: bool) -> Episode {
    Episode {
        episode_id: format!("{scenario}/{log_id}"),
        log_id: log_id.into(),
        day: Day(0),
        composed,
        scenario: scenario.into(),
        scenario_version: 1,
        start_ns: 0,
        end_ns: 1,
        actors: vec!["ego".into(), "a".into()],
        roles: vec![],
        score: 1.0,
        tags: vec!["x".into()],
        query_digest: String::new(),
    }
}

#[tokio::test]
async fn a_repeated_commit_changes_nothing() {
    let (_folder, lake) = lake().await;
    let commit = Commit::new("ingest", "run").with_transactions(["drive/a", "drive/b"]);
    let rows = [signal("a", 2), signal("a", 1), signal("b", 3)];
    let first = lake.append(&rows, &commit).await.unwrap();
    assert!(first.is_new());
    let again = lake.append(&rows, &commit).await.unwrap();
    assert_eq!(
        again,
        Outcome::AlreadyThere {
            version: first.version()
        }
    );
    let read = lake.read::<Signal>(None).await.unwrap();
    assert_eq!(
        read.iter().map(|row| row.stamp_ns).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let missing = lake
        .missing("signal", &["drive/a".into(), "drive/c".into()])
        .await
        .unwrap();
    assert_eq!(missing, ["drive/c"]);
}

#[tokio::test]
async fn a_commit_that_is_there_in_part_is_refused() {
    let (_folder, lake) = lake().await;
    let one = Commit::new("ingest", "run").with_transactions(["drive/a"]);
    lake.append(&[signal("a", 1)], &one).await.unwrap();
    let both = Commit::new("ingest", "run").with_transactions(["drive/a", "drive/b"]);
    let error = lake
        .append(&[signal("a", 1), signal("b", 1)], &both)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::PartialTransaction { .. }), "{error}");
    assert_eq!(lake.read::<Signal>(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_commit_without_rows_records_its_transactions() {
    let (_folder, lake) = lake().await;
    let commit = Commit::new("ingest", "run").with_transactions(["drive/empty"]);
    assert!(lake.append::<Signal>(&[], &commit).await.unwrap().is_new());
    assert!(!lake.append::<Signal>(&[], &commit).await.unwrap().is_new());
}

#[tokio::test]
async fn replacing_touches_only_what_the_predicate_admits() {
    let (_folder, lake) = lake().await;
    let commit = Commit::new("mine", "run");
    let both = [
        episode("cut_in", "a", false),
        episode("low_ttc", "a", false),
    ];
    lake.append(&both, &commit).await.unwrap();
    let new = [episode("cut_in", "b", false), episode("cut_in", "c", false)];
    lake.replace("scenario = 'cut_in'", &new, &commit)
        .await
        .unwrap();
    let ids = |rows: Vec<Episode>| {
        rows.into_iter()
            .map(|row| row.episode_id)
            .collect::<Vec<_>>()
    };
    let read = ids(lake.read(None).await.unwrap());
    assert_eq!(read, ["low_ttc/a", "cut_in/b", "cut_in/c"]);
    lake.replace::<Episode>("scenario = 'cut_in'", &[], &commit)
        .await
        .unwrap();
    assert_eq!(ids(lake.read(None).await.unwrap()), ["low_ttc/a"]);
}

#[tokio::test]
async fn composed_drives_are_seen_by_those_who_ask() {
    let (_folder, lake) = lake().await;
    let rows = [episode("cut_in", "a", false), episode("cut_in", "b", true)];
    lake.append(&rows, &Commit::new("mine", "run"))
        .await
        .unwrap();
    let count = async |sql: &str| -> usize {
        lake.query(sql)
            .await
            .unwrap()
            .iter()
            .map(arrow::record_batch::RecordBatch::num_rows)
            .sum()
    };
    assert_eq!(count("SELECT * FROM episode").await, 1);
    assert_eq!(count("SELECT * FROM with_composed.episode").await, 2);
    assert_eq!(
        count("SELECT * FROM drive").await,
        0,
        "a table that does not exist yet is empty"
    );
}

#[tokio::test]
async fn history_tells_the_lineage() {
    let (_folder, lake) = lake().await;
    let inputs = [("drive".to_owned(), 4)].into();
    let commit = Commit {
        seed: Some(7),
        ..Commit::new("mine", "run-9")
    }
    .with_inputs(inputs)
    .with_transactions(["mine/x"]);
    let version = lake
        .append(&[episode("cut_in", "a", false)], &commit)
        .await
        .unwrap()
        .version();
    let history = lake.history("episode").await.unwrap();
    let last = history.last().unwrap();
    assert_eq!(last.version, version);
    assert_eq!(last.stage.as_deref(), Some("mine"));
    assert_eq!((last.seed, last.run_id.as_str()), (Some(7), "run-9"));
    assert_eq!(last.inputs, commit.inputs);
    assert_eq!(last.transactions, ["mine/x"]);
    assert_eq!(
        lake.versions().await.unwrap(),
        [("episode".to_owned(), version)].into()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_commit_each_row_once() {
    let (_folder, lake) = lake().await;
    let writers = (0..6).map(|writer| {
        let lake = lake.clone();
        tokio::spawn(async move {
            let id = format!("drive/{}", writer % 3); // two writers for each drive
            let commit = Commit::new("ingest", "run").with_transactions([id]);
            lake.append(&[signal(&format!("{}", writer % 3), 1)], &commit)
                .await
                .unwrap()
                .is_new()
        })
    });
    let new = futures::future::join_all(writers)
        .await
        .into_iter()
        .filter(|is_new| *is_new.as_ref().unwrap())
        .count();
    assert_eq!(new, 3);
    assert_eq!(lake.read::<Signal>(None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn media_bytes_come_back_unchanged() {
    let (_folder, lake) = lake().await;
    let mut writer = PackWriter::new(&lake, "drive/../a", "/camera");
    let large = Bytes::from(
        (0..20_000_000_u32)
            .map(|i| (i % 251) as u8)
            .collect::<Vec<_>>(),
    );
    let frames = [
        Bytes::from_static(b"first"),
        large,
        Bytes::new(),
        Bytes::from_static(b"last"),
    ];
    let mut ranges = Vec::new();
    for frame in &frames {
        ranges.push(writer.append(frame).await.unwrap());
    }
    writer.finish().await.unwrap();
    for (frame, range) in frames
        .iter()
        .zip(&ranges)
        .filter(|(frame, _)| !frame.is_empty())
    {
        let bytes = range.offset as u64..(range.offset + range.length) as u64;
        assert_eq!(
            &lake.store().get_range(&range.pack, bytes).await.unwrap(),
            frame
        );
    }
}

#[tokio::test]
async fn one_run_at_a_time_extends_a_journal() {
    let (_folder, lake) = lake().await;
    let mut first = Journal::open(&lake, "round-a").await.unwrap();
    let mut second = Journal::open(&lake, "round-a").await.unwrap();
    assert_eq!(first.append(&"begun").await.unwrap(), 0);
    let error = second.append(&"begun too").await.unwrap_err();
    assert!(
        matches!(error, Error::JournalTaken { sequence: 0, .. }),
        "{error}"
    );
    assert_eq!(first.append(&"done").await.unwrap(), 1);
    assert_eq!(first.entries::<String>().await.unwrap(), ["begun", "done"]);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let (_folder, lake) = lake().await;
    let error = lake.store().get("no/such/object").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(matches!(
        Lake::open("nosuch://x").await.unwrap_err(),
        Error::InvalidUri { .. }
    ));
    let error = lake.query("SELECT nothing FROM drive").await.unwrap_err();
    assert!(matches!(error, Error::Query { .. }), "{error}");
    let error = lake.read::<Drive>(Some("nonsense =")).await.unwrap_err();
    assert!(matches!(error, Error::Query { .. }), "{error}");
}

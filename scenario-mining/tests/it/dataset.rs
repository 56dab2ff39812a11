//! Frozen datasets and their files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use arrow::ipc::reader::FileReader;
use driveloop_lake::{Commit, Lake};
use driveloop_scenario_mining::dataset::{
    Balance, FreezeOptions, FreezeOutcome, describe, export, freeze,
};
use driveloop_scenario_mining::{Catalogue, Error, MineOptions, mine};
use driveloop_schemas::forecast::{
    ForecastInput, ForecastKey, ForecastSample, HISTORY_STEPS, HORIZON_STEPS, LANE_POINTS,
    NEIGHBOURS, inputs_file, key_file,
};
use driveloop_schemas::{Drive, ObjectTrack, Row, Sample};

use crate::scene::{EGO, Mover, PARKED, SLOW, START_NS, add_drive, lake};

pub(crate) async fn mined_lake(logs: &[&str]) -> (tempfile::TempDir, Lake) {
    let (folder, lake) = lake().await;
    for log_id in logs {
        add_drive(&lake, log_id, None, &[EGO, SLOW, PARKED]).await;
    }
    let host = logs[0];
    add_drive(&lake, "composed", Some(host), &[EGO, SLOW, PARKED]).await;
    mine(
        &lake,
        &Catalogue::builtin().unwrap(),
        &MineOptions::new("run"),
    )
    .await
    .unwrap();
    (folder, lake)
}

#[tokio::test]
async fn samples_are_split_by_host_and_frozen() {
    let (_folder, lake) = mined_lake(&["a", "b", "c", "d", "e"]).await;
    let options = FreezeOptions::new("round-1", "run");
    let report = freeze(&lake, &options).await.unwrap();
    assert_eq!(report.outcome, FreezeOutcome::Frozen);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    let rows = lake.read::<Sample>(None).await.unwrap();
    assert_eq!(rows.len(), report.samples);

    let mut splits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &rows {
        splits
            .entry(&row.host_log_id)
            .or_default()
            .insert(&row.split);
        assert_eq!(row.dataset_digest, report.dataset_digest);
        let is_selected = !row.scenarios.is_empty();
        assert!((row.weight - if is_selected { 4.0 } else { 1.0 }).abs() < 1e-12);
    }
    assert!(
        splits.values().all(|split| split.len() == 1),
        "a host in two splits: {splits:?}"
    );
    assert_eq!(splits.values().flatten().collect::<BTreeSet<_>>().len(), 3);

    let synthetic: Vec<_> = rows
        .iter()
        .filter(|row| row.source == "synthetic")
        .collect();
    assert!(!synthetic.is_empty());
    assert!(
        synthetic
            .iter()
            .all(|row| row.track_id == "slow" && row.host_log_id == "a")
    );
    assert!(
        synthetic
            .iter()
            .all(|row| row.stamp_ns >= START_NS + 4_000_000_000)
    );
    // Eleven of a parked car's stamps in each of five drives could be samples; a tenth is kept.
    let still = rows.iter().filter(|row| row.track_id == "parked").count();
    assert!(still < 20, "{still} of 55");

    let again = freeze(
        &lake,
        &FreezeOptions {
            run_id: "later".into(),
            ..options.clone()
        },
    )
    .await
    .unwrap();
    assert_eq!(again.outcome, FreezeOutcome::AlreadyThere);
    assert_eq!(again.dataset_digest, report.dataset_digest);
    let other = FreezeOptions {
        scenario_weight: 2.0,
        ..options
    };
    assert!(matches!(
        freeze(&lake, &other).await,
        Err(Error::Frozen { .. })
    ));
}

#[tokio::test]
async fn a_query_selects_samples() {
    let (_folder, lake) = mined_lake(&["a", "b", "c"]).await;
    for (name, query) in [
        (
            "stamps",
            "SELECT log_id, track_id, stamp_ns FROM scene WHERE track_id = 'slow'",
        ),
        (
            "episodes",
            "SELECT * FROM episode WHERE scenario = 'lead_following';",
        ),
    ] {
        let mut options = FreezeOptions::new(name, "run");
        options.background_fraction = 0.0;
        options.from_sql = Some(query.into());
        let report = freeze(&lake, &options).await.unwrap();
        assert!(report.samples > 0);
        let filter = format!("dataset = '{name}'");
        let rows = lake.read::<Sample>(Some(&filter)).await.unwrap();
        for row in rows {
            assert!(row.track_id != "parked" && row.weight > 1.0, "{row:?}");
            assert_eq!((row.source.as_str(), row.composed), ("real", Some(false)));
        }
    }
    let mut options = FreezeOptions::new("wrong", "run");
    options.from_sql = Some("SELECT 1 AS log_id".into());
    assert!(matches!(
        freeze(&lake, &options).await,
        Err(Error::Columns { .. })
    ));
    options.from_sql = None;
    options.name = "Not a name".into();
    assert!(matches!(
        freeze(&lake, &options).await,
        Err(Error::Dataset { .. })
    ));
}

#[tokio::test]
async fn near_identical_samples_are_dropped_and_counted() {
    // Nothing moves: of each car, one sample says all; and the ego of the drive that moves sees the parked car from everywhere.
    let (_folder, lake) = lake().await;
    let standing = Mover {
        speed_mps: 0.0,
        ..EGO
    };
    add_drive(&lake, "queue", None, &[standing, PARKED]).await;
    add_drive(&lake, "moving", None, &[EGO, PARKED]).await;
    let mut options = FreezeOptions::new("all", "run");
    options.still_fraction = 1.0;
    options.near_identical_m = 0.0;
    let all = freeze(&lake, &options).await.unwrap();
    options.name = "distinct".into();
    options.near_identical_m = 0.1;
    let distinct = freeze(&lake, &options).await.unwrap();
    assert_eq!(all.near_identical, 0);
    assert_eq!(distinct.samples + distinct.near_identical, all.samples);
    let of = |dataset: &str, log_id: &str, track_id: &str| {
        let filter =
            format!("dataset = '{dataset}' AND log_id = '{log_id}' AND track_id = '{track_id}'");
        let lake = lake.clone();
        async move { lake.read::<Sample>(Some(&filter)).await.unwrap().len() }
    };
    // Presents from 1.9 s to 6.9 s, every half second.
    assert_eq!(of("all", "queue", "parked").await, 11);
    assert_eq!(of("distinct", "queue", "parked").await, 1);
    assert_eq!(of("distinct", "queue", "ego").await, 1);
    assert_eq!(of("distinct", "moving", "parked").await, 11);
    assert_eq!(of("distinct", "moving", "ego").await, 11);
}

#[tokio::test]
async fn a_log_under_two_names_is_one_drive() {
    let (_folder, lake) = lake().await;
    for log_id in ["a", "b", "c", "d"] {
        add_drive(&lake, log_id, None, &[EGO, SLOW]).await;
    }
    let mut copy = lake.read::<Drive>(Some("log_id = 'a'")).await.unwrap();
    let mut rows = lake
        .read::<ObjectTrack>(Some("log_id = 'a'"))
        .await
        .unwrap();
    rows.iter_mut().for_each(|row| row.log_id = "z".into());
    copy[0].log_id = "z".into();
    let commit = Commit::new("test", "run").with_transactions(["drive/z"]);
    lake.append(&rows, &commit).await.unwrap();
    lake.append(&copy, &commit).await.unwrap();
    let report = freeze(&lake, &FreezeOptions::new("one", "run"))
        .await
        .unwrap();
    assert_eq!(report.notes, ["drive z is the same log as a"]);
    assert_eq!(report.near_identical, 22, "eleven stamps of two actors");
    let rows = lake.read::<Sample>(None).await.unwrap();
    assert!(rows.iter().all(|row| row.log_id != "z"));
    let kept = FreezeOptions {
        near_identical_m: 0.0,
        ..FreezeOptions::new("two", "run")
    };
    freeze(&lake, &kept).await.unwrap();
    let rows = lake
        .read::<Sample>(Some("dataset = 'two' AND log_id IN ('a', 'z')"))
        .await
        .unwrap();
    let splits: BTreeSet<_> = rows
        .iter()
        .map(|row| (&row.host_log_id, &row.split))
        .collect();
    assert_eq!((rows.len(), splits.len()), (44, 1), "{splits:?}");
}

#[tokio::test]
async fn weights_even_out_scenarios_or_are_as_asked() {
    let (_folder, lake) = mined_lake(&["a", "b", "c", "d", "e"]).await;
    let mut options = FreezeOptions::new("balanced", "run");
    options.balance = Balance::Scenarios;
    options.still_fraction = 1.0;
    freeze(&lake, &options).await.unwrap();
    let rows = lake
        .read::<Sample>(Some("dataset = 'balanced' AND split = 'train'"))
        .await
        .unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        for name in &row.scenarios {
            *counts.entry(name).or_default() += 1;
        }
        if row.scenarios.is_empty() {
            *counts.entry("background").or_default() += 1;
        }
    }
    assert!(counts.len() >= 2, "{counts:?}");
    let share = rows.len() as f64 / counts.len() as f64;
    for row in &rows {
        let names = row.scenarios.iter().map(String::as_str);
        let rarest = names.map(|name| counts[name]).min();
        let expected = share / rarest.unwrap_or(counts["background"]) as f64;
        assert!((row.weight - expected).abs() < 1e-9, "{row:?}, {counts:?}");
    }

    let mut options = FreezeOptions::new("weighted", "run");
    options.scenario_weights = [("lead_following".to_owned(), 9.0)].into();
    freeze(&lake, &options).await.unwrap();
    for row in lake
        .read::<Sample>(Some("dataset = 'weighted'"))
        .await
        .unwrap()
    {
        let is_named = row.scenarios.iter().any(|name| name == "lead_following");
        let other = if row.scenarios.is_empty() { 1.0 } else { 4.0 };
        assert_eq!(row.weight, if is_named { 9.0 } else { other });
    }
    options.scenario_weights = [("lead_following".to_owned(), -1.0)].into();
    options.name = "wrong".into();
    let error = freeze(&lake, &options).await.unwrap_err().to_string();
    assert!(error.contains("positive scenario weights"), "{error}");
}

#[tokio::test]
async fn an_export_of_other_tracks_is_refused() {
    let (_folder, lake) = mined_lake(&["a", "b", "c"]).await;
    let frozen = freeze(&lake, &FreezeOptions::new("first", "run"))
        .await
        .unwrap();
    let described = describe(&lake, "first").await.unwrap();
    assert_eq!(described.dataset_digest, frozen.dataset_digest);
    assert_eq!(described.run_id, "run");
    assert_eq!(
        described.inputs["object_track"],
        lake.version("object_track").await.unwrap().unwrap()
    );
    assert!(describe(&lake, "second").await.is_err());
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("exported");
    export(&lake, "first", &out).await.unwrap();

    // A drive is ingested again, and one of its tracks is now somewhere else by a millimetre.
    let mut rows = lake
        .read::<ObjectTrack>(Some("log_id = 'b'"))
        .await
        .unwrap();
    let row = rows
        .iter_mut()
        .find(|row| row.track_id == "parked")
        .unwrap();
    row.y_m += 0.001;
    let commit = Commit::new("test", "again").with_transactions(["again"]);
    lake.replace("log_id = 'b'", &rows, &commit).await.unwrap();
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("exported");
    let error = export(&lake, "first", &out).await.unwrap_err().to_string();
    assert!(error.contains("no longer what was frozen"), "{error}");
    assert!(!out.join("manifest.json").exists());
    let error = freeze(&lake, &FreezeOptions::new("first", "run")).await;
    assert!(matches!(error, Err(Error::Frozen { .. })));
}

fn read<R: Row>(path: &Path) -> Vec<R> {
    let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    R::from_batches(&batches).unwrap()
}

/// The names of the columns of a file.
fn columns(path: &Path) -> Vec<String> {
    let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
    let schema = reader.schema();
    schema.fields().iter().map(|f| f.name().clone()).collect()
}

/// What is to be predicted: every sample of validation and test, once, under a name that says nothing, and nothing of its future.
async fn check_inputs(lake: &Lake, folder: &Path) {
    let inputs: Vec<ForecastInput> = read(&inputs_file(folder));
    let key: Vec<ForecastKey> = read(&key_file(folder));
    let told = columns(&inputs_file(folder));
    assert_eq!(told, ["input_id", "history", "actor", "neighbours", "lane"]);
    let names = |ids: Vec<&String>| ids.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(inputs.iter().map(|row| &row.input_id).collect()),
        names(key.iter().map(|row| &row.input_id).collect())
    );
    let samples = lake.read::<Sample>(Some("split <> 'train'")).await.unwrap();
    let asked: BTreeSet<&str> = samples.iter().map(|row| row.sample_id.as_str()).collect();
    let known: BTreeSet<&str> = key.iter().map(|row| row.sample_id.as_str()).collect();
    assert_eq!((key.len(), &known), (samples.len(), &asked));
    assert!(samples.iter().any(|row| row.split == "test"));

    // The order within a drive is that of names which are digests: it is not that of time.
    assert!(
        key.windows(2)
            .any(|pair| pair[0].sample_id > pair[1].sample_id)
    );
    // Neither folder has a file with what happened next to a sample of the test split.
    assert!(!folder.join("test.arrow").exists());
    let anchor = key
        .iter()
        .find(|row| row.sample_id.contains("/slow/"))
        .unwrap();
    assert!(anchor.anchor_yaw_rad.abs() < 1e-6);
}

#[tokio::test]
async fn the_files_hold_the_features() {
    let (_folder, lake) = mined_lake(&["a", "b", "c"]).await;
    let mut options = FreezeOptions::new("round-1", "run");
    options.background_fraction = 1.0;
    options.still_fraction = 1.0;
    let frozen = freeze(&lake, &options).await.unwrap();
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("exported");
    // What an earlier version exported is taken away.
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("test.arrow"), b"answers").unwrap();
    let report = export(&lake, "round-1", &out).await.unwrap();
    assert!(!report.was_there);
    assert_eq!(report.samples.values().sum::<usize>(), frozen.samples);

    let train: Vec<ForecastSample> = read(&out.join("train.arrow"));
    assert!(train.iter().all(|row| row.split == "train"));
    assert!(
        train
            .windows(2)
            .all(|pair| pair[0].sample_id < pair[1].sample_id)
    );
    let validation = columns(&out.join("validation.arrow"));
    assert_eq!(validation, ForecastSample::OF_VALIDATION);
    check_inputs(&lake, &out).await;
    let slow = |row: &&ForecastSample| row.sample_id.contains("/slow/");
    check_slow(train.iter().find(slow).unwrap());

    let before = std::fs::read(out.join("train.arrow")).unwrap();
    assert!(export(&lake, "round-1", &out).await.unwrap().was_there);
    std::fs::write(out.join("train.arrow"), b"torn").unwrap();
    assert!(!export(&lake, "round-1", &out).await.unwrap().was_there);
    assert_eq!(std::fs::read(out.join("train.arrow")).unwrap(), before);
    assert!(matches!(
        export(&lake, "nothing", &out).await,
        Err(Error::Dataset { .. })
    ));
}

/// Drives along x at 5 m/s in the map and in its own frame; the lane is half a metre to its left.
fn check_slow(sample: &ForecastSample) {
    assert_eq!(sample.history.len(), HISTORY_STEPS * 6);
    assert_eq!(sample.actor, [4.0, 2.0, 0.0, 0.0, 0.0]);
    assert_eq!(sample.neighbours.len(), NEIGHBOURS * 10);
    assert_eq!(sample.lane.len(), LANE_POINTS * 3);
    let close = |actual: &[f32], expected: &[f64]| {
        actual.len() == expected.len()
            && actual
                .iter()
                .zip(expected)
                .all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4)
    };
    assert!(close(
        &sample.history[..6],
        &[-9.5, 0.0, 1.0, 0.0, 5.0, 0.0]
    ));
    assert!(close(
        &sample.history[114..],
        &[0.0, 0.0, 1.0, 0.0, 5.0, 0.0]
    ));
    for k in 0..HORIZON_STEPS {
        assert!(close(
            &sample.future[2 * k..2 * k + 2],
            &[0.5 * (k as f64 + 1.0), 0.0]
        ));
    }
    assert!(close(&sample.lane[..6], &[1.0, 0.0, 0.5, 1.0, 5.0, 0.5]));
    // The ego and the parked car are the neighbours, the nearer one first; the other places are empty.
    let present: Vec<f32> = (0..NEIGHBOURS).map(|k| sample.neighbours[10 * k]).collect();
    assert_eq!(present, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let distance = |k: usize| sample.neighbours[10 * k + 1].hypot(sample.neighbours[10 * k + 2]);
    assert!(distance(0) <= distance(1));
    let egos: Vec<f32> = (0..2).map(|k| sample.neighbours[10 * k + 9]).collect();
    assert!((egos[0] - egos[1]).abs() > 0.5);
}

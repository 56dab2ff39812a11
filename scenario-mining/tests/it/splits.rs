//! Which drive is in which split, over several datasets of a lake; and what a selection takes of composed drives.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Commit, Lake};
use driveloop_scenario_mining::Error;
use driveloop_scenario_mining::dataset::{FreezeOptions, FreezeOutcome, FreezeReport, freeze};
use driveloop_schemas::{Drive, ObjectTrack, Sample};

use crate::dataset::mined_lake;
use crate::scene::{EGO, SLOW, add_drive, lake};

/// The name of a drive.
fn name(at: usize) -> String {
    format!("drive-{at:02}")
}

async fn add_drives(lake: &Lake, drives: impl IntoIterator<Item = usize>) {
    for at in drives {
        add_drive(lake, &name(at), None, &[EGO, SLOW]).await;
    }
}

/// Freezes a dataset of all samples; what it says, and the split of each drive.
async fn frozen(
    lake: &Lake,
    dataset: &str,
    seed: i64,
    test_where: Option<&str>,
) -> (FreezeReport, BTreeMap<String, String>) {
    let options = FreezeOptions {
        seed,
        test_where: test_where.map(str::to_owned),
        near_identical_m: 0.0,
        ..FreezeOptions::new(dataset, "run")
    };
    let report = freeze(lake, &options).await.unwrap();
    let filter = format!("dataset = '{dataset}'");
    let rows = lake.read::<Sample>(Some(&filter)).await.unwrap();
    let splits: BTreeSet<_> = rows.iter().map(|row| (&row.log_id, &row.split)).collect();
    let by_drive: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row.log_id.to_string(), row.split.clone()))
        .collect();
    assert_eq!(splits.len(), by_drive.len(), "a drive in two splits");
    (report, by_drive)
}

/// Writes a drive a second time under another name.
async fn copy(lake: &Lake, log_id: &str, copy: &str) {
    let filter = format!("log_id = '{log_id}'");
    let mut drives = lake.read::<Drive>(Some(&filter)).await.unwrap();
    let mut rows = lake.read::<ObjectTrack>(Some(&filter)).await.unwrap();
    rows.iter_mut().for_each(|row| row.log_id = copy.into());
    drives[0].log_id = copy.into();
    let commit = Commit::new("test", "run").with_transactions([format!("drive/{copy}")]);
    lake.append(&rows, &commit).await.unwrap();
    lake.append(&drives, &commit).await.unwrap();
}

#[tokio::test]
async fn no_drive_changes_its_split_when_drives_are_added() {
    let (_folder, growing) = lake().await;
    add_drives(&growing, 0..16).await;
    let (report, first) = frozen(&growing, "first", 2, None).await;
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!(first.len(), 16);
    add_drives(&growing, 16..32).await;
    // A composed drive goes with its host.
    add_drive(&growing, "composed", Some(&name(3)), &[EGO, SLOW]).await;
    for (dataset, seed) in [("second", 2), ("third", 7)] {
        let (report, splits) = frozen(&growing, dataset, seed, None).await;
        assert!(report.notes.is_empty(), "{:?}", report.notes);
        assert_eq!(splits.len(), 33);
        assert_eq!(splits["composed"], splits[&name(3)]);
        for (drive, split) in &first {
            assert_eq!(splits[drive], *split, "{drive} in {dataset}");
        }
    }
    // The hash gives the same splits where nothing is remembered and the drives came in another order.
    let (_folder, other) = lake().await;
    add_drives(&other, (0..32).rev()).await;
    let (_, at_once) = frozen(&other, "all", 2, None).await;
    let (_, mut second) = frozen(&growing, "second", 2, None).await;
    second.remove("composed");
    assert_eq!(second, at_once);
}

#[tokio::test]
async fn a_copy_under_another_name_is_in_the_split_of_its_original() {
    let (_folder, lake) = lake().await;
    add_drives(&lake, 0..8).await;
    let (_, first) = frozen(&lake, "first", 0, None).await;
    // Each name comes before all others, so that it is what the drive is called from now on.
    for at in 0..8 {
        copy(&lake, &name(at), &format!("a-{at}")).await;
    }
    let (_, second) = frozen(&lake, "second", 9, None).await;
    assert_eq!(second.len(), 16);
    for at in 0..8 {
        assert_eq!(second[&name(at)], first[&name(at)]);
        assert_eq!(second[&format!("a-{at}")], first[&name(at)]);
    }
    // A condition holds a log out by whichever of its names it admits.
    for admitted in ["a-5", "drive-05"] {
        let condition = format!("log_id = '{admitted}'");
        let (_, held_out) = frozen(&lake, admitted, 0, Some(&condition)).await;
        let tested = held_out.iter().filter(|(_, split)| *split == "test");
        let tested: Vec<_> = tested.map(|(drive, _)| drive.as_str()).collect();
        assert_eq!(tested, ["a-5", "drive-05"]);
    }
}

#[tokio::test]
async fn a_condition_moves_drives_and_says_which() {
    let (_folder, lake) = lake().await;
    add_drives(&lake, 0..6).await;
    let (report, first) = frozen(&lake, "first", 0, Some("log_id < 'drive-02'")).await;
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!((&*first["drive-00"], &*first["drive-01"]), ("test", "test"));
    let condition = "log_id IN ('drive-01', 'drive-02')";
    let (report, second) = frozen(&lake, "second", 0, Some(condition)).await;
    let starts = [
        "test drives of other datasets that are in training or validation here: 1 (drive-00);",
        "test drives that other datasets have in training or validation: 1 (drive-02);",
    ];
    assert_eq!(report.notes.len(), starts.len(), "{:?}", report.notes);
    for (note, start) in report.notes.iter().zip(starts) {
        assert!(note.starts_with(start), "{note}");
    }
    assert_ne!(second["drive-00"], "test");
    for drive in ["drive-03", "drive-04", "drive-05"] {
        assert_eq!(second[drive], first[drive]);
    }
    // Without a condition, what ever tested a model tests, and what was trained on meanwhile is said.
    let (report, third) = frozen(&lake, "third", 0, None).await;
    for drive in ["drive-00", "drive-01", "drive-02"] {
        assert_eq!(third[drive], "test");
    }
    let said =
        "test drives that other datasets have in training or validation: 2 (drive-00, drive-02);";
    assert!(
        report.notes.iter().any(|note| note.starts_with(said)),
        "{:?}",
        report.notes
    );
    // A dataset that is frozen again is what it was, whatever came after it.
    let (report, again) = frozen(&lake, "first", 0, Some("log_id < 'drive-02'")).await;
    assert_eq!(report.outcome, FreezeOutcome::AlreadyThere);
    assert_eq!(again, first);
    let (report, _) = frozen(&lake, "third", 0, None).await;
    assert_eq!(report.outcome, FreezeOutcome::AlreadyThere);
}

#[tokio::test]
async fn a_split_that_no_new_drive_can_fill_is_said_to_be_empty() {
    let (_folder, lake) = lake().await;
    add_drives(&lake, 0..1).await;
    let (report, _) = frozen(&lake, "one", 0, None).await;
    let few = "test is empty: there are too few drives";
    assert!(
        report.notes.iter().any(|note| note == few),
        "{:?}",
        report.notes
    );
    let (report, _) = frozen(&lake, "again", 0, None).await;
    let known = "test is empty: every drive keeps the split that an earlier dataset gave it";
    assert!(
        report.notes.iter().any(|note| note.starts_with(known)),
        "{:?}",
        report.notes
    );
    let (report, _) = frozen(&lake, "none-held-out", 0, Some("false")).await;
    let none = "test is empty: the condition holds out no drive that has samples";
    assert!(
        report.notes.iter().any(|note| note == none),
        "{:?}",
        report.notes
    );
}

/// Freezes what is selected, and of the rest a share; the samples.
async fn selected(lake: &Lake, name: &str, options: FreezeOptions) -> Result<Vec<Sample>, Error> {
    let options = FreezeOptions {
        name: name.to_owned(),
        ..options
    };
    freeze(lake, &options).await?;
    let filter = format!("dataset = '{name}'");
    Ok(lake.read::<Sample>(Some(&filter)).await.unwrap())
}

fn synthetic(rows: &[Sample]) -> Vec<&Sample> {
    let of_source = rows.iter().filter(|row| row.source == "synthetic");
    let of_source: Vec<_> = of_source.collect();
    assert!(of_source.iter().all(|row| row.composed == Some(true)));
    of_source
}

#[tokio::test]
async fn of_composed_drives_a_query_selects_too() {
    let (_folder, lake) = mined_lake(&["a", "b", "c"]).await;
    let query = |sql: &str, background_fraction| FreezeOptions {
        from_sql: Some(sql.to_owned()),
        background_fraction,
        ..FreezeOptions::new("", "run")
    };
    let nothing = "SELECT log_id, track_id, stamp_ns FROM with_composed.scene WHERE false";
    let error = selected(&lake, "nothing", query(nothing, 0.0)).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("nothing that is selected is a sample"),
        "{error}"
    );
    let background = selected(&lake, "background", query(nothing, 1.0)).await;
    let background = background.unwrap();
    assert!(!background.is_empty() && synthetic(&background).is_empty());

    let recorded = "SELECT log_id, track_id, stamp_ns FROM scene";
    let recorded = selected(&lake, "recorded", query(recorded, 0.0)).await;
    let recorded = recorded.unwrap();
    assert!(!recorded.is_empty() && synthetic(&recorded).is_empty());

    let early = "SELECT log_id, track_id, stamp_ns FROM with_composed.scene
        WHERE log_id = 'composed' AND stamp_ns < 1700000006000000000";
    let early = selected(&lake, "early", query(early, 0.0)).await.unwrap();
    assert!(!early.is_empty() && synthetic(&early).len() == early.len());
    for row in &early {
        assert_eq!(
            (row.log_id.as_str(), row.track_id.as_str()),
            ("composed", "slow")
        );
        assert!(row.stamp_ns < 1_700_000_006_250_000_000, "{row:?}");
    }
}

#[tokio::test]
async fn of_composed_drives_named_scenarios_select_too() {
    let (_folder, lake) = mined_lake(&["a", "b", "c"]).await;
    let scenario = |name: &str, background_fraction| FreezeOptions {
        scenarios: vec![name.to_owned()],
        background_fraction,
        near_identical_m: 0.0,
        ..FreezeOptions::new("", "run")
    };
    let following = selected(&lake, "following", scenario("lead_following", 0.0)).await;
    let following = following.unwrap();
    assert!(!synthetic(&following).is_empty());
    for row in &following {
        assert_eq!(row.scenarios, ["lead_following"]);
    }
    let mut report = None;
    for background in [0.0, 1.0] {
        let options = FreezeOptions {
            name: format!("cut-in-{background}").replace('.', "-"),
            ..scenario("cut_in", background)
        };
        match freeze(&lake, &options).await {
            Ok(frozen) => report = Some(frozen),
            Err(error) => assert!(error.to_string().contains("nothing that is selected")),
        }
    }
    let report = report.expect("the background");
    assert_eq!(
        report
            .splits
            .values()
            .map(|split| split.synthetic)
            .sum::<usize>(),
        0
    );
    let said = "no sample is in an episode of cut_in";
    assert!(
        report.notes.iter().any(|note| note == said),
        "{:?}",
        report.notes
    );

    // Without a selection the edited track counts from a second before the edit on, as background where no episode has it.
    let all = FreezeOptions {
        near_identical_m: 0.0,
        ..FreezeOptions::new("", "run")
    };
    let everything = selected(&lake, "everything", all.clone()).await.unwrap();
    assert_eq!(
        synthetic(&everything).len(),
        6,
        "stamps from 4 s to 6.9 s, a half apart"
    );
    let episodes = FreezeOptions {
        background_fraction: 0.0,
        ..all
    };
    let episodes = selected(&lake, "episodes", episodes).await.unwrap();
    assert!(episodes.iter().all(|row| !row.scenarios.is_empty()));
}

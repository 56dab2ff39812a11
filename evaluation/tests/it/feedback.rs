//! Searches from failures and from what a verdict left open.

use bytes::Bytes;
use driveloop_evaluation::{Error, EvaluateOptions, FeedbackOptions, evaluate, feedback};
use driveloop_schemas::{ReleaseVerdict, Search};

use crate::fixtures::{DATASET, TestLake, options, samples, tracks, unseen_drive};

/// The model is bad at the car that brakes in every validation drive. Training has one drive with one such episode; one more lies in a
/// drive that no dataset has.
async fn lake() -> TestLake {
    let test = TestLake::new().await;
    test.add_drives(&["d1", "d2", "d3", "d4"], "validation")
        .await;
    test.predict(
        "m",
        |sample| if sample.track_id == "car" { 2.5 } else { 0.5 },
    )
    .await;
    evaluate(&test.lake, &on_validation("m")).await.unwrap();
    let (trained, episode) = unseen_drive("t1");
    let mut of_training = samples("t1");
    of_training
        .iter_mut()
        .for_each(|s| s.split = "train".into());
    test.add(&tracks("t1")).await;
    test.add(&of_training).await;
    test.add(&[trained]).await;
    test.add(&[episode]).await;
    let (unseen, mut episode) = unseen_drive("unseen");
    episode.episode_id = "e2".into();
    test.add(&[unseen]).await;
    test.add(&[episode]).await;
    test
}

fn on_validation(model_id: &str) -> EvaluateOptions {
    EvaluateOptions {
        split: "validation".into(),
        ..options(model_id)
    }
}

fn wanted(count: u32) -> FeedbackOptions {
    let recipes = vec!["lead_brakes_harder".to_owned()];
    FeedbackOptions {
        wanted: count,
        recipes: [("lead_hard_brake".to_owned(), recipes)].into(),
        ..FeedbackOptions::new("m", DATASET, "run")
    }
}

fn of_slice<'a>(searches: &'a [Search], slice: &str) -> &'a Search {
    searches
        .iter()
        .find(|search| search.slice == slice)
        .unwrap()
}

async fn put_verdict(test: &TestLake, evidence: &'static str) {
    let path = "evidence/v.json";
    let bytes = Bytes::from_static(evidence.as_bytes());
    test.lake.store().put(path, bytes).await.unwrap();
    let verdict = ReleaseVerdict {
        verdict_id: "v".into(),
        candidate_id: "m".into(),
        baseline_id: "constant-velocity".into(),
        suite: DATASET.into(),
        suite_digest: "digest".into(),
        verdict: "INCONCLUSIVE".into(),
        reasons: vec!["too few drives".into()],
        evidence: path.into(),
        evidence_digest: String::new(),
        scenes: 80,
    };
    test.add(&[verdict]).await;
}

#[tokio::test]
async fn a_failed_slice_says_what_there_is_of_it_and_what_is_missing() {
    let test = lake().await;
    let searches = feedback(&test.lake, &wanted(5)).await.unwrap().searches;
    let braking = of_slice(&searches, "scenario=lead_hard_brake");
    assert_eq!(braking.unit, "episodes");
    assert_ne!(braking.reason, "inconclusive");
    let counts = (
        braking.wanted,
        braking.at_hand,
        braking.found,
        braking.shortfall,
    );
    assert_eq!(counts, (5, 1, 1, 3));
    assert_eq!(braking.recipes, ["lead_brakes_harder"]);
    let cars = of_slice(&searches, "category=REGULAR_VEHICLE");
    // The drive that no dataset has holds no tracks.
    assert_eq!(
        (cars.unit.as_str(), cars.at_hand, cars.found),
        ("drives", 1, 0)
    );
    assert!(cars.recipes.is_empty());
    let ranks: Vec<_> = searches.iter().map(|search| search.rank).collect();
    assert_eq!(ranks, (1..=searches.len() as i32).collect::<Vec<_>>());

    let enough = feedback(&test.lake, &wanted(2)).await.unwrap().searches;
    assert_eq!(of_slice(&enough, "scenario=lead_hard_brake").shortfall, 0);
    let stored = test.lake.read::<Search>(None).await.unwrap();
    assert_eq!(
        stored.len(),
        enough.len(),
        "the searches of before are replaced"
    );
    let version = test.lake.version("search").await.unwrap();
    feedback(&test.lake, &wanted(2)).await.unwrap();
    assert_eq!(test.lake.version("search").await.unwrap(), version);
}

#[tokio::test]
async fn what_a_verdict_left_open_is_searched_for_after_what_failed() {
    let test = lake().await;
    put_verdict(
        &test,
        r#"{"verdict": {"reasons": [
            {"text": "open", "shortfall":
              {"metric": "miss", "slice": "category=BUS", "scenes": 80, "more_scenes": 900, "drives": 4, "more_drives": 45}},
            {"text": "better", "shortfall": null}
        ]}}"#,
    )
    .await;
    let searches = feedback(&test.lake, &wanted(5)).await.unwrap().searches;
    let open = searches.last().unwrap();
    assert_eq!(
        (open.slice.as_str(), open.reason.as_str()),
        ("category=BUS", "inconclusive")
    );
    assert_eq!(
        (open.wanted, open.at_hand, open.unit.as_str()),
        (49, 4, "drives")
    );
    assert!(
        open.recipes.is_empty(),
        "nothing composed decides a release"
    );
}

#[tokio::test]
async fn evidence_that_cannot_be_read_is_an_error() {
    let test = lake().await;
    put_verdict(&test, "{\"verdict\": 3}").await;
    let error = feedback(&test.lake, &wanted(5)).await.unwrap_err();
    assert!(matches!(error, Error::Evidence { .. }), "{error}");
}

#[tokio::test]
async fn failures_are_chosen_on_the_validation_split_and_never_on_the_test_split() {
    let test = TestLake::new().await;
    test.add_drives(&["d1", "d2"], "validation").await;
    test.add_drives(&["d3", "d4"], "test").await;
    // Bad at the car on the drives that choose, at the walker on the drives that judge.
    test.predict("m", |sample| {
        let judges = ["d3", "d4"].contains(&sample.log_id.as_str());
        if (sample.track_id == "walker") == judges {
            9.0
        } else {
            0.1
        }
    })
    .await;
    evaluate(&test.lake, &options("m")).await.unwrap();
    let error = feedback(&test.lake, &wanted(5)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "model `m` was not evaluated on split `validation` of dataset `round-1`"
    );
    evaluate(&test.lake, &on_validation("m")).await.unwrap();
    let report = feedback(&test.lake, &wanted(5)).await.unwrap();
    assert_eq!(report.chosen_on, 40);
    let slices: Vec<_> = report.searches.iter().map(|s| s.slice.as_str()).collect();
    assert!(slices.contains(&"category=REGULAR_VEHICLE"), "{slices:?}");
    assert!(!slices.contains(&"category=PEDESTRIAN"), "{slices:?}");

    let judging = FeedbackOptions {
        split: "test".into(),
        ..wanted(5)
    };
    let error = feedback(&test.lake, &judging).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::InvalidOption {
                option: "split",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_validation_split_nothing_is_chosen_and_that_is_said() {
    let test = TestLake::with_drives(&["d1", "d2"]).await;
    test.predict("m", |_| 9.0).await;
    evaluate(&test.lake, &options("m")).await.unwrap();
    let report = feedback(&test.lake, &wanted(5)).await.unwrap();
    assert_eq!((report.chosen_on, report.searches.len()), (0, 0));
}

//! What a candidate is compared with, and on which drives.

use driveloop_lake::{Commit, Lake};
use driveloop_ota_validation::{
    Decision, Error, Rules, ValidateOptions, Validation, release_baseline, validate_models,
};
use driveloop_schemas::{Checkpoint, Drive, Release, Sample, SampleMetric, time::Day};

use crate::lake::{BASELINE, CANDIDATE, SUITE, lake, run, sample};

const SECOND: &str = "forecaster-second";
/// Drives with which a model that is like its baseline passes.
const ENOUGH: usize = 400;

/// Adds a model that does on each sample what the candidate does.
async fn add_model(lake: &Lake, model_id: &str, started_from: Option<&str>, dataset: &str) {
    let rows: Vec<SampleMetric> = lake
        .read(Some(&format!("model_id = '{CANDIDATE}'")))
        .await
        .unwrap();
    let rows: Vec<SampleMetric> = rows
        .into_iter()
        .map(|row| SampleMetric {
            model_id: model_id.to_owned(),
            ..row
        })
        .collect();
    let commit =
        |what: &str| Commit::new("test", "r").with_transactions([format!("{what} of {model_id}")]);
    lake.append(&rows, &commit("metrics")).await.unwrap();
    let like = lake.read::<Checkpoint>(None).await.unwrap().remove(0);
    let checkpoint = Checkpoint {
        model_id: model_id.to_owned(),
        run_id: format!("run of {model_id}"),
        dataset: dataset.to_owned(),
        started_from: started_from.map(str::to_owned),
        ..like
    };
    lake.append(&[checkpoint], &commit("checkpoint"))
        .await
        .unwrap();
}

async fn validate(lake: &Lake, candidate: &str, baseline: &str) -> Result<Validation, Error> {
    let options = ValidateOptions::new(candidate, baseline, SUITE, "r");
    validate_models(lake, &options).await
}

async fn baseline_of(lake: &Lake, candidate: &str) -> String {
    let rules = Rules::lake_models().unwrap();
    release_baseline(lake, candidate, &rules).await.unwrap()
}

#[tokio::test]
async fn the_next_candidate_is_compared_with_the_model_that_passed() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), ENOUGH, 0).await;
    assert_eq!(baseline_of(&lake, CANDIDATE).await, BASELINE);
    let first = run(&lake).await;
    assert_eq!(first.verdict.decision, Decision::Pass);
    let said = &first.verdict.reasons[0].text;
    assert!(said.contains("the reference model of the rules"), "{said}");
    let releases: Vec<Release> = lake.read(None).await.unwrap();
    assert_eq!(releases.len(), 1);
    assert_eq!(
        (
            releases[0].number,
            releases[0].model_id.as_str(),
            releases[0].baseline_id.as_str()
        ),
        (1, CANDIDATE, BASELINE)
    );
    assert_eq!(releases[0].verdict_id, first.verdict_id);

    // The same again is the same verdict, against the same baseline.
    let versions = lake.versions().await.unwrap();
    assert_eq!(baseline_of(&lake, CANDIDATE).await, BASELINE);
    assert_eq!(run(&lake).await, first);
    assert_eq!(lake.versions().await.unwrap(), versions);

    add_model(&lake, SECOND, None, SUITE).await;
    assert_eq!(baseline_of(&lake, SECOND).await, CANDIDATE);
    let second = validate(&lake, SECOND, CANDIDATE).await.unwrap();
    assert_eq!(second.verdict.decision, Decision::Pass);
    let said = &second.verdict.reasons[0].text;
    assert!(said.contains("release 1, the last one, PASS"), "{said}");
    assert_eq!(lake.read::<Release>(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_passes_against_a_model_that_was_not_released() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), ENOUGH, 4).await;
    let blocked = run(&lake).await;
    assert_eq!(blocked.verdict.decision, Decision::Block);
    // Against the blocked model the second is no worse, and yet does not pass.
    add_model(&lake, SECOND, None, SUITE).await;
    let second = validate(&lake, SECOND, CANDIDATE).await.unwrap();
    assert_eq!(second.verdict.decision, Decision::Inconclusive);
    let said = &second.verdict.reasons[0].text;
    let expected = format!("BLOCK by verdict {}", blocked.verdict_id);
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("compared with constant-velocity"), "{said}");
    assert!(lake.read::<Release>(None).await.unwrap().is_empty());
    assert_eq!(baseline_of(&lake, SECOND).await, BASELINE);
    let against_reference = validate(&lake, SECOND, BASELINE).await.unwrap();
    assert_eq!(against_reference.verdict.decision, Decision::Block);
}

#[tokio::test]
async fn of_two_that_pass_against_one_baseline_the_second_is_no_release() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake_here = lake(folder.path(), ENOUGH, 0).await;
    let lake_there = lake(elsewhere.path(), ENOUGH, 0).await;
    add_model(&lake_there, SECOND, None, SUITE).await;
    let second = validate(&lake_there, SECOND, BASELINE).await.unwrap();
    assert_eq!(second.verdict.decision, Decision::Pass);
    // Between its decision and its record, another model is released.
    run(&lake_here).await;
    let error = second.record(&lake_here, "r").await.unwrap_err();
    assert!(
        matches!(&error, Error::Superseded { by, number: 1, .. } if by == CANDIDATE),
        "{error}"
    );
    assert_eq!(lake_here.read::<Release>(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_suite_that_an_ancestor_was_trained_on_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 20, 0).await;
    // An earlier dataset had a drive of the suite in validation.
    let earlier = Sample {
        dataset: "earlier".to_owned(),
        split: "validation".to_owned(),
        ..sample(7, 1)
    };
    let commit = Commit::new("test", "r").with_transactions(["earlier"]);
    lake.append(&[earlier], &commit).await.unwrap();
    add_model(&lake, "grandparent", None, "earlier").await;
    add_model(&lake, "parent", Some("grandparent"), SUITE).await;
    add_model(&lake, "child", Some("parent"), SUITE).await;
    let error = validate(&lake, "child", BASELINE).await.unwrap_err();
    let said = error.to_string();
    assert!(
        matches!(error, Error::SuiteSeen { drives: 1, .. }),
        "{said}"
    );
    for part in [
        "grandparent",
        "earlier",
        "drive-7",
        "`child` goes back to it",
    ] {
        assert!(said.contains(part), "{said}");
    }

    add_model(&lake, "orphan", Some("nobody"), SUITE).await;
    let error = validate(&lake, "orphan", BASELINE).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`nobody`, which is not in the lake"),
        "{error}"
    );
    validate(&lake, CANDIDATE, BASELINE).await.unwrap();
}

/// A drive of a log with these bytes.
fn drive(log_id: &str, source_digest: &str) -> Drive {
    Drive {
        log_id: log_id.into(),
        day: Day(0),
        composed: false,
        origin: "recorded".to_owned(),
        vehicle_id: None,
        source_uri: format!("{log_id}.mcap"),
        source_digest: source_digest.to_owned(),
        source_bytes: 1,
        format: "mcap-ros2".to_owned(),
        start_ns: 0,
        end_ns: 1,
        map_id: None,
        region: None,
        software_version: None,
        licence: None,
        privacy_state: "none".to_owned(),
        records_in: 1,
        records_dropped: 0,
    }
}

#[tokio::test]
async fn a_copy_of_a_drive_under_another_name_is_the_same_drive() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 20, 0).await;
    let copy = Sample {
        dataset: "earlier".to_owned(),
        split: "train".to_owned(),
        log_id: "copy".into(),
        host_log_id: "copy".into(),
        ..sample(7, 1)
    };
    let commit = |id: &str| Commit::new("test", "r").with_transactions([id]);
    lake.append(&[copy], &commit("earlier")).await.unwrap();
    let drives = [drive("copy", "bytes"), drive("drive-7", "bytes")];
    lake.append(&drives, &commit("drives")).await.unwrap();
    add_model(&lake, "trained-on-copy", None, "earlier").await;
    let error = validate(&lake, "trained-on-copy", BASELINE)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::SuiteSeen { example, .. } if example == "drive-7"),
        "{error}"
    );
}

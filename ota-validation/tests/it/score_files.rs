//! Score files of other evaluators: CSV, Parquet, and the file that says what their columns are.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use driveloop_ota_validation::{
    Decision, Error, Finding, Rules, ScoreColumns, ScoreFile, ScoresOptions, Validation,
    pair_scores, validate_scores,
};
use parquet::arrow::ArrowWriter;

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, values)| (name, values, true)),
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn file<'a>(name: &'a str, bytes: &'a [u8]) -> ScoreFile<'a> {
    ScoreFile { name, bytes }
}

/// Twelve scenes of three drives; the last row is their average.
fn scenes() -> Vec<u8> {
    let tokens = (0..12).map(|at| format!("scene-{at:02}"));
    let tokens: Vec<String> = tokens.chain(["average".to_owned()]).collect();
    let hits = (0..12).map(|at| (at != 5).then_some(f64::from(at % 2)));
    let hits = hits.chain([Some(5.0 / 11.0)]);
    let jerks = (0..12).map(|at| 0.1_f32 * at as f32).chain([0.55]);
    parquet(vec![
        ("token", Arc::new(StringArray::from(tokens))),
        (
            "valid",
            Arc::new((0..13).map(|at| Some(at != 3)).collect::<BooleanArray>()),
        ),
        (
            "log_id",
            Arc::new(Int64Array::from_iter_values((0..13).map(|at| at / 4))),
        ),
        ("hit", Arc::new(hits.collect::<Float64Array>())),
        ("jerk", Arc::new(Float32Array::from_iter_values(jerks))),
        ("weather", Arc::new(StringArray::from(vec!["rain"; 13]))),
    ])
}

#[test]
fn parquet_is_read_as_the_same_csv() {
    let mut csv = "token,valid,log_id,hit,jerk,weather\n".to_owned();
    for at in 0..12 {
        let token = format!("scene-{at:02}");
        let hit = if at == 5 {
            String::new()
        } else {
            (at % 2).to_string()
        };
        csv += &format!(
            "{token},{},{},{hit},{},rain\n",
            at != 3,
            at / 4,
            0.1_f32 * at as f32
        );
    }
    csv += "average,true,3,0.45454545454545453,0.55,rain\n";
    let columns = ScoreColumns::from_toml("drive = \"log_id\"\nslices = [\"weather\"]").unwrap();
    let rules = Rules::default().with_columns(&columns).unwrap();
    let bytes = scenes();
    let by_parquet = file("scores.parquet", &bytes);
    let by_csv = file("scores.csv", csv.as_bytes());
    let pair = |candidate, baseline| pair_scores(candidate, baseline, "token", &rules).unwrap();
    let (paired, left_out) = pair(by_parquet, by_parquet);
    assert_eq!((paired.clone(), left_out.clone()), pair(by_csv, by_csv));
    assert_eq!((paired.clone(), left_out), pair(by_parquet, by_csv));
    assert_eq!((paired.scenes().len(), paired.drives()), (11, 3));
    assert_eq!(paired.scenes()[0].slices, ["weather=rain"]);
}

#[test]
fn bad_parquet_is_refused_and_never_believed() {
    let bytes = scenes();
    let refused = |bytes: &[u8]| {
        let file = file("scores.parquet", bytes);
        pair_scores(file, file, "token", &Rules::default()).map(|(paired, _)| paired)
    };
    for length in [4, 5, bytes.len() / 2, bytes.len() - 1] {
        let error = refused(&bytes[..length]).unwrap_err();
        assert!(
            matches!(error, Error::Unreadable { .. }),
            "{length}: {error}"
        );
    }
    let tokens: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
    let error = refused(&parquet(vec![("token", tokens.clone()), ("hit", values)])).unwrap_err();
    let expected =
        "scores.parquet: row 2, column `hit`: expected a finite number, or nothing, got `NaN`";
    assert_eq!(error.to_string(), expected);
    let twice: ArrayRef = Arc::new(StringArray::from(vec!["a", "a"]));
    let error = refused(&parquet(vec![("token", twice)])).unwrap_err();
    assert!(
        matches!(error, Error::Duplicate { what: "scene", .. }),
        "{error}"
    );
}

#[test]
fn a_column_that_is_there_twice_is_refused() {
    let csv = file("scores.csv", b"token,hit,hit\na,1,0\n");
    let error = pair_scores(csv, csv, "token", &Rules::default()).unwrap_err();
    assert_eq!(error.to_string(), "scores.csv: column `hit` is there twice");
}

#[test]
fn a_scene_without_its_drive_is_refused() {
    let columns = ScoreColumns::from_toml("drive = \"log\"").unwrap();
    let rules = Rules::default().with_columns(&columns).unwrap();
    let csv = file("scores.csv", b"token,log,hit\na,d1,1\nb,,0\n");
    let error = pair_scores(csv, csv, "token", &rules)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 3, column `log`: expected the name of a drive"),
        "{error}"
    );
}

/// What an evaluator of somebody else wrote: 1 is a crash, jerk in m/s³, twenty scenes a drive.
fn foreign(crashes: usize, jerk: f64) -> String {
    let mut csv = "scene,log,stamp_ns,crash,jerk,place\n".to_owned();
    for at in 0..4_000 {
        let crash = u8::from(at % 20 == 0 && at / 20 < crashes);
        let jerk = jerk + 0.01 * (at % 7) as f64 + 0.2 * f64::from(crash);
        let place = ["town", "highway"][at / 20 % 2];
        csv += &format!(
            "{at},drive-{},{},{crash},{jerk},{place}\n",
            at / 20,
            at * 37
        );
    }
    csv
}

const FOREIGN_COLUMNS: &str = r#"
pass_fail = ["crash"]
continuous = ["jerk"]
lower_is_better = ["crash", "jerk"]
drive = "log"
slices = ["place"]
ignored = ["stamp_ns"]
rank_by = ["jerk"]
[safety_critical]
crash = 0.02
"#;

fn foreign_validation(crashes: usize, jerk: f64) -> Validation {
    foreign_validation_by(FOREIGN_COLUMNS, crashes, jerk)
}

fn foreign_validation_by(columns: &str, crashes: usize, jerk: f64) -> Validation {
    let columns = ScoreColumns::from_toml(columns).unwrap();
    let options = ScoresOptions {
        rules: Some(Rules::default().with_columns(&columns).unwrap()),
        ..ScoresOptions::new("scene")
    };
    let (candidate, baseline) = (foreign(crashes, jerk), foreign(4, 0.5));
    validate_scores(
        file("new.csv", candidate.as_bytes()),
        file("old.csv", baseline.as_bytes()),
        &options,
    )
    .unwrap()
}

#[test]
fn a_columns_file_is_all_that_scores_of_somebody_else_need() {
    let same = foreign_validation(4, 0.5).verdict;
    assert_eq!(
        (same.decision, same.drives),
        (Decision::Pass, 200),
        "{:?}",
        same.reasons
    );
    assert!(same.comparison("stamp_ns", "all").is_none());
    // Half the drives crash newly.
    let worse = foreign_validation(100, 0.4).verdict;
    assert_eq!(worse.decision, Decision::Block);
    let crash = worse.comparison("crash", "place=town").unwrap();
    assert_eq!(
        (crash.finding, crash.failing.unwrap().new),
        (Finding::Worse, 48)
    );
    assert_eq!(
        worse.comparison("jerk", "all").unwrap().finding,
        Finding::Better
    );
    assert_eq!(worse.newly_failing_count, 96);
}

#[test]
fn what_is_wanted_is_said_slice_by_slice() {
    // 3 scenes of 4,000 newly crash. 200 drives suffice for a margin of two points, and not for a fifth of a point.
    assert_eq!(foreign_validation(7, 0.5).verdict.decision, Decision::Pass);
    let strict = FOREIGN_COLUMNS.replace("crash = 0.02", "crash = 0.002");
    let validation = foreign_validation_by(&strict, 7, 0.5);
    let verdict = &validation.verdict;
    assert_eq!(
        verdict.decision,
        Decision::Inconclusive,
        "{:?}",
        verdict.reasons
    );
    let wanted = &verdict.wanted;
    let all = wanted.iter().find(|wanted| wanted.slice == "all");
    if let Some(all) = all {
        assert!(
            all.more_drives > 0 && all.metrics == ["crash"],
            "{wanted:?}"
        );
    }
    let shortfalls: u64 = verdict
        .shortfalls()
        .map(|shortfall| shortfall.more_scenes)
        .sum();
    assert!(shortfalls > 0 && !wanted.is_empty());
    let json = validation.wanted_json().unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "driveloop/scenes-wanted/v1");
    assert_eq!(json["wanted"].as_array().unwrap().len(), wanted.len());
}

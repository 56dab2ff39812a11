//! What the columns of a score file mean: what names say, what is asked, and values that cannot be.

use driveloop_ota_validation::{
    Decision, Direction, Error, Kind, ReasonKind, Result, Rules, ScoreColumns, ScoreFile,
    ScoresOptions, Validation, validate_scores,
};

/// A file of 2,000 scenes with one column besides the key, and one that always passes.
fn csv(column: &str, value: impl Fn(usize) -> f64) -> String {
    let rows = (0..2_000).map(|at| format!("scene-{at},{},1\n", value(at)));
    format!("token,{column},no_collision\n{}", rows.collect::<String>())
}

fn validate(candidate: &str, baseline: &str, columns: Option<&str>) -> Result<Validation> {
    let file = |name, bytes| ScoreFile { name, bytes };
    let mut options = ScoresOptions::new("token");
    if let Some(columns) = columns {
        options.rules = Some(Rules::default().with_columns(&ScoreColumns::from_toml(columns)?)?);
    }
    validate_scores(
        file("candidate.csv", candidate.as_bytes()),
        file("baseline.csv", baseline.as_bytes()),
        &options,
    )
}

/// 1 where a scene fails: the first `failing` ones.
fn fails(failing: usize) -> impl Fn(usize) -> f64 {
    move |at| f64::from(u8::from(at < failing))
}

#[test]
fn a_harm_without_a_direction_gets_no_verdict_but_the_lines_to_write() {
    for column in [
        "collision",
        "collision(s)",
        "at_fault_collision",
        "ttc_violation",
        "miss",
        "foo",
        "error \"x\" = 1",
    ] {
        // In CSV, a quote is written twice.
        let name = format!("\"{}\"", column.replace('"', "\"\""));
        let (better, worse) = (csv(&name, fails(20)), csv(&name, fails(120)));
        let error = validate(&better, &worse, None).unwrap_err();
        let Error::Undeclared { lines, .. } = &error else {
            panic!("{column}: {error}");
        };
        assert!(
            error.to_string().contains(&format!("`{column}`")),
            "{error}"
        );
        let answer = if column == "foo" {
            lines
                .replace("higher_is_better = [\"foo\"]", "higher_is_better = []")
                .replace("lower_is_better = []", "lower_is_better = [\"foo\"]")
        } else {
            lines.clone()
        };
        let verdict = validate(&better, &worse, Some(&answer)).unwrap().verdict;
        let comparison = verdict.comparison(column, "all").unwrap();
        assert!(
            comparison.worsening < 0.0,
            "fewer failures are better: {answer}"
        );
        assert_eq!(comparison.failing.unwrap().mended, 100);
        assert_ne!(verdict.decision, Decision::Block);
    }
}

#[test]
fn the_first_lines_say_how_each_column_is_read() {
    let text = "token,log_name,ego_progress,lane_keeping,jerk,place\n".to_owned()
        + &(0..200)
            .map(|at| {
                format!(
                    "{at},log-{},0.{},{},{},town\n",
                    at / 4,
                    10 + at % 80,
                    at % 2,
                    at % 9
                )
            })
            .collect::<String>();
    let columns = "continuous = [\"jerk\"]\nlower_is_better = [\"jerk\"]\n";
    let validation = validate(&text, &text, Some(columns)).unwrap();
    let reading = &validation.evidence.suite.reading;
    assert_eq!(
        reading[..4],
        [
            "ego_progress: continuous (assumed), lower is worse (assumed)",
            "lane_keeping: pass/fail, 1 = pass (assumed), lower is worse (assumed)",
            "jerk: continuous, higher is worse (declared)",
            "drives: column log_name (found by its name)",
        ]
    );
    assert_eq!(validation.verdict.drives, 50);
    assert!(reading[4].ends_with("columns place"), "{reading:?}");
    let rules = &validation.evidence.rules;
    assert_eq!(rules.metric["lane_keeping"].kind, Kind::PassFail);
    assert_eq!(rules.metric["jerk"].direction, Direction::LowerIsBetter);
    let said = |part: &str| {
        let mut reasons = validation.verdict.reasons.iter();
        reasons.any(|reason| reason.kind == ReasonKind::Reading && reason.text.contains(part))
    };
    assert!(said("lower is worse (assumed)") && said("column log_name (found by its name)"));
    assert!(
        validation
            .html
            .contains("column log_name (found by its name)")
    );

    let declared = format!("{columns}drive = \"place\"\n");
    let reading = validate(&text, &text, Some(&declared))
        .unwrap()
        .evidence
        .suite
        .reading;
    assert!(reading.contains(&"drives: column place (declared)".to_owned()));
    let ignored = format!("{columns}ignored = [\"log_name\"]\n");
    let validation = validate(&text, &text, Some(&ignored)).unwrap();
    assert_eq!(validation.verdict.drives, 200);
    let said = validation.evidence.suite.reading.join("\n");
    assert!(
        said.contains("drives: no column names the drive or log"),
        "{said}"
    );
    // The verdict says what follows from it, and nothing where there is a column.
    let assumed = |validation: &Validation| {
        let mut reasons = validation.verdict.reasons.iter();
        reasons.any(|reason| reason.kind == ReasonKind::Assumed)
    };
    assert!(assumed(&validation));
    let mut one_scene_a_log = String::new();
    for (at, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let log = format!("log-{at}");
        let log = if at == 0 { cells[1] } else { &log };
        one_scene_a_log += &format!("{},{log},{}\n", cells[0], cells[2..].join(","));
    }
    let validation = validate(&one_scene_a_log, &one_scene_a_log, Some(columns)).unwrap();
    assert_eq!(validation.verdict.drives, 200);
    let said = "a column says that each scene is a drive of its own";
    assert!(!assumed(&validation), "{said}");
}

#[test]
fn a_written_index_is_no_metric() {
    for name in ["", "index", "Unnamed: 0", "__index_level_0__"] {
        let text = format!("{name},token,score\n")
            + &(0..50)
                .map(|at| format!("{},s{at},0.{}\n", 49 - at, at % 9))
                .collect::<String>();
        let verdict = validate(&text, &text, None).unwrap().verdict;
        assert_eq!(verdict.comparisons.len(), 1, "{name}");
    }
}

#[test]
fn a_pass_fail_column_holds_0_to_1() {
    let good = csv("no_at_fault_collisions", |at| 1.0 - fails(20)(at));
    let columns = "pass_fail = [\"no_at_fault_collisions\", \"no_collision\"]\n\
                   [safety_critical]\nno_at_fault_collisions = 0.01\n";
    let cases: [(f64, &str); 6] = [
        (40.0, "got `40`"),
        (100.0, "got `100`"),
        (-1.0, "got `-1`"),
        (2.0, "got `2`"),
        (999.0, "got `999`"),
        (-9_999.0, "got `-9999`"),
    ];
    for (value, expected) in cases {
        let everywhere = csv("no_at_fault_collisions", |_| value);
        let in_one = csv("no_at_fault_collisions", |at| {
            if at == 700 { value } else { 1.0 }
        });
        for bad in [&everywhere, &in_one] {
            // With rules and without, on either side and on both.
            for columns in [Some(columns), None] {
                for (candidate, baseline) in [(bad, &good), (&good, bad)] {
                    let error = validate(candidate, baseline, columns)
                        .unwrap_err()
                        .to_string();
                    assert!(error.contains(expected), "{value}: {error}");
                    assert!(error.contains("column `no_at_fault_collisions`"), "{error}");
                }
            }
            let error = validate(bad, bad, Some(columns)).unwrap_err().to_string();
            assert!(error.contains("from 0 to 1"), "{value}: {error}");
        }
        let error = validate(&in_one, &good, None).unwrap_err().to_string();
        assert!(error.contains("line 702"), "{error}");
    }
    // A count of collisions is one where lower is better, and its range says so.
    let counts = csv("collisions", |at| 3.0 * fails(20)(at));
    let counted = "pass_fail = [\"collisions\"]\nlower_is_better = [\"collisions\"]\n";
    assert!(validate(&counts, &counts, Some(counted)).is_err());
    let ranged = format!("{counted}[range]\ncollisions = [0.0, 10.0]\n");
    let verdict = validate(&counts, &counts, Some(&ranged)).unwrap().verdict;
    let collisions = verdict.comparison("collisions", "all").unwrap();
    assert_eq!(collisions.failing.unwrap().candidate, 20);
}

#[test]
fn marks_of_missing_values_and_other_units_are_refused() {
    let columns = "continuous = [\"jerk\"]\nlower_is_better = [\"jerk\"]\n";
    let jerk = |at: usize| 0.5 + (at % 17) as f64 / 10.0;
    let good = csv("jerk", jerk);
    for mark in [-1.0, -99.0, -999.0, 999.0, 9_999.0, 65_535.0] {
        let marked = csv("jerk", |at| if at == 41 { mark } else { jerk(at) });
        for (candidate, baseline) in [(&marked, &good), (&good, &marked), (&marked, &marked)] {
            let error = validate(candidate, baseline, Some(columns))
                .unwrap_err()
                .to_string();
            assert!(error.contains("line 43, column `jerk`"), "{mark}: {error}");
            assert!(error.contains(&format!("got `{mark}`")), "{mark}: {error}");
        }
        let wide = format!("{columns}[range]\njerk = [-9999.0, 100000.0]\n");
        validate(&marked, &good, Some(&wide)).unwrap();
    }
    for factor in [100.0, 0.01, 1_000.0, 3.6] {
        let scaled = csv("jerk", |at| factor * jerk(at));
        let error = validate(&scaled, &good, Some(columns)).unwrap_err();
        let Error::Undeclared { lines, .. } = &error else {
            panic!("{error}");
        };
        let text = error.to_string();
        assert!(
            text.starts_with("column `jerk`: one meaning and one unit"),
            "{text}"
        );
        validate(&scaled, &good, Some(&format!("{columns}{lines}"))).unwrap();
    }
    for factor in [1.0, 0.8, 1.25, 2.0] {
        let changed = csv("jerk", |at| factor * jerk(at));
        validate(&changed, &good, Some(columns)).unwrap();
    }
    // A candidate that fails wherever the baseline passes is bad; one that passes wherever it fails has 1 for 0.
    let (pass, fail) = (csv("passed", |_| 1.0), csv("passed", |_| 0.0));
    let error = validate(&pass, &fail, None).unwrap_err().to_string();
    assert!(
        error.contains("nearly every outcome is the opposite"),
        "{error}"
    );
    validate(&fail, &pass, None).unwrap();
}

#[test]
fn values_beyond_all_magnitude_are_refused_at_the_door() {
    let columns = "continuous = [\"jerk\"]\nlower_is_better = [\"jerk\"]\n";
    let good = csv("jerk", |at| (at % 5) as f64);
    for (value, got) in [(1e308, "100000"), (-1e16, "-10000000000000000")] {
        let far = csv("jerk", |at| if at == 3 { value } else { (at % 5) as f64 });
        let error = validate(&far, &good, Some(columns))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line 5, column `jerk`: expected a number of at most 1e15")
                && error.contains(got),
            "{error}"
        );
    }
}

/// A file of 600 scenes that all pass, with a column of drives, or without one.
fn with_drives(drive: Option<&dyn Fn(usize) -> usize>) -> String {
    let column = if drive.is_some() { ",log" } else { "" };
    let rows = (0..600).map(|at| {
        let drive = drive.map(|drive| format!(",log-{}", drive(at)));
        format!("scene-{at},1{}\n", drive.unwrap_or_default())
    });
    format!("token,no_collision{column}\n{}", rows.collect::<String>())
}

#[test]
fn a_candidate_does_not_say_alone_what_is_independent() {
    let (three, each) = (with_drives(Some(&|at| at % 3)), with_drives(Some(&|at| at)));
    let none = with_drives(None);
    // Files that disagree are of different suites.
    for (candidate, baseline) in [(&each, &three), (&three, &each)] {
        let error = validate(candidate, baseline, None).unwrap_err();
        assert!(matches!(error, Error::DrivesDisagree { .. }), "{error}");
    }
    let assumed = |candidate: &str, baseline: &str| {
        let verdict = validate(candidate, baseline, None).unwrap().verdict;
        let mut reasons = verdict.reasons.into_iter();
        let assumed = reasons.find(|reason| reason.kind == ReasonKind::Assumed);
        (verdict.drives, assumed.map(|reason| reason.text))
    };
    let (drives, words) = assumed(&each, &none);
    assert!(
        drives == 600
            && words
                .unwrap()
                .contains("600 drives that the candidate's file names")
    );
    assert_eq!(assumed(&three, &three), (3, None));
    assert_eq!(assumed(&none, &three), (3, None));
}

//! Made-up scores, through the gate.

use driveloop_ota_validation::{
    Decision, Finding, Paired, PairedMetric, ReasonKind, Rules, Scene, ScoreFile, ScoresOptions,
    Units, gate, validate_scores,
};

use crate::fixture::{Draws, hits, no_slices, rules};

const KEYS: [&str; 5] = [
    "no_at_fault_collisions",
    "drivable_area_compliance",
    "driving_direction_compliance",
    "traffic_light_compliance",
    "time_to_collision_within_bound",
];

/// A planner score file of 2,000 scenes: the candidate trades lane keeping for collisions.
fn planner_csv(candidate: bool) -> String {
    let mut csv = format!(",token,valid,{},lane_keeping,score\n", KEYS.join(","));
    for scene in 0..2_000 {
        let hit = if candidate {
            scene % 40 == 0
        } else {
            scene % 200 == 0
        };
        let off_lane = !candidate && scene % 20 == 1;
        let score = f64::from(u8::from(!hit)) * (0.9 - 0.5 * f64::from(u8::from(off_lane)));
        let pass = |fails: bool| if fails { "0.0" } else { "1.0" };
        csv += &format!(
            "{scene},scene-{scene:04},True,{},1.0,1.0,1.0,{},{},{score}\n",
            pass(hit),
            if scene % 500 == 7 { "0.5" } else { "1.0" },
            pass(off_lane),
        );
    }
    let average = average(&csv);
    csv + &average
}

/// The mean of each column, as the evaluator writes it below the scenes.
fn average(csv: &str) -> String {
    let rows = csv.lines().skip(1).map(|line| -> Vec<f64> {
        let cells = line.split(',').skip(3);
        cells.map(|cell| cell.parse().unwrap()).collect()
    });
    let rows: Vec<Vec<f64>> = rows.collect();
    let mean = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>() / rows.len() as f64;
    let means: Vec<String> = (0..rows[0].len()).map(|at| mean(at).to_string()).collect();
    format!("2000,average_all_frames,True,{}\n", means.join(","))
}

fn file<'a>(name: &'a str, csv: &'a str) -> ScoreFile<'a> {
    ScoreFile {
        name,
        bytes: csv.as_bytes(),
    }
}

#[test]
fn a_better_mean_does_not_hide_collisions() {
    let (candidate, baseline) = (planner_csv(true), planner_csv(false));
    let options = ScoresOptions::new("token");
    let validation = validate_scores(
        file("new.csv", &candidate),
        file("old.csv", &baseline),
        &options,
    )
    .unwrap();
    let verdict = &validation.verdict;
    assert_eq!(
        (verdict.decision, verdict.exit_status()),
        (Decision::Block, 3)
    );
    assert_eq!((verdict.scenes, verdict.drives), (2_000, 2_000));
    let collisions = verdict.comparison("no_at_fault_collisions", "all").unwrap();
    let failing = collisions.failing.unwrap();
    assert_eq!(
        (
            failing.baseline,
            failing.candidate,
            failing.new,
            failing.mended
        ),
        (10, 50, 40, 0)
    );
    assert_eq!(collisions.test, Some("exact McNemar"));
    assert_eq!(verdict.reasons[0].kind, ReasonKind::Worse);
    assert!(
        verdict.reasons[0]
            .text
            .contains("failing scenes 10 → 50 of 2,000 (40 new, 0 mended)")
    );
    let lane = verdict.comparison("lane_keeping", "all").unwrap();
    assert_eq!(lane.finding, Finding::Better);
    assert_eq!(verdict.newly_failing_count, 40);
    assert_eq!(
        validation
            .evidence
            .suite
            .left_out
            .as_ref()
            .unwrap()
            .candidate_aggregates
            .len(),
        1
    );
    assert_eq!(validation.evidence.rules.name, "planner-scores");
}

#[test]
fn the_same_input_gives_the_same_bytes_on_any_number_of_threads_and_in_any_order() {
    let (candidate, baseline) = (planner_csv(true), planner_csv(false));
    let options = ScoresOptions::new("token");
    let run = |candidate: &str| {
        validate_scores(
            file("new.csv", candidate),
            file("old.csv", &baseline),
            &options,
        )
        .unwrap()
    };
    let first = run(&candidate);
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    for threads in [1, 3] {
        assert_eq!(pool(threads).install(|| run(&candidate)), first);
    }
    let (header, rows) = candidate.split_once('\n').unwrap();
    let reversed: Vec<&str> = rows.lines().rev().collect();
    let reversed = run(&format!("{header}\n{}\n", reversed.join("\n")));
    assert_eq!(reversed.verdict, first.verdict);
    assert_eq!(reversed.evidence.suite, first.evidence.suite);
}

#[test]
fn evidence_and_report_are_self_contained() {
    let (candidate, baseline) = (planner_csv(true), planner_csv(false));
    let options = ScoresOptions::new("token");
    let name = "<script>alert(1)</script>.csv";
    let validation =
        validate_scores(file(name, &candidate), file("old.csv", &baseline), &options).unwrap();
    assert!(!validation.html.contains("<script"));
    for external in ["http://", "https://", "src=", "@import", "url("] {
        let html = validation.html.replace("http://www.w3.org/2000/svg", "");
        assert!(!html.contains(external), "{external}");
    }
    let json: serde_json::Value = serde_json::from_str(&validation.evidence_json).unwrap();
    assert_eq!(json["verdict"]["decision"], "BLOCK");
    assert_eq!(json["un_r156"]["purpose"], serde_json::Value::Null);
    assert!(
        json["un_r156"]["verification_and_validation"]
            .as_str()
            .unwrap()
            .starts_with("BLOCK")
    );
    assert!(
        validation
            .evidence_digest
            .starts_with(&validation.verdict_id)
    );
}

#[test]
fn equal_on_many_scenes_passes_and_on_few_does_not() {
    let equal = |scenes| {
        gate(
            &hits(scenes, 1, no_slices, |at| (at % 50 == 0, at % 50 == 0)),
            &rules(),
            1,
        )
    };
    let few = equal(300);
    assert_eq!(few.decision, Decision::Inconclusive);
    let shortfall = few.shortfalls().next().unwrap();
    let total = (shortfall.scenes + shortfall.more_scenes) as usize;
    let many = equal(total);
    assert_eq!((many.decision, many.exit_status()), (Decision::Pass, 0));
    assert!(
        many.comparisons
            .iter()
            .all(|comparison| comparison.finding == Finding::NoDifference)
    );
}

#[test]
fn a_slice_that_falls_is_not_hidden_by_the_rest() {
    // In the rain 30 of 400 scenes newly fail; elsewhere 60 are mended.
    let slice = |at: usize| {
        vec![
            (if at < 400 {
                "weather=rain"
            } else {
                "weather=dry"
            })
            .to_owned(),
        ]
    };
    let paired = hits(10_000, 1, slice, |at| match at {
        0..30 => (false, true),
        400..460 => (true, false),
        _ => (false, false),
    });
    let verdict = gate(&paired, &rules(), 1);
    assert_eq!(verdict.decision, Decision::Block);
    assert_eq!(
        verdict.comparison("hit", "all").unwrap().finding,
        Finding::Better
    );
    assert_eq!(verdict.reasons[0].slice.as_deref(), Some("weather=rain"));
}

#[test]
fn a_slice_that_looks_worse_but_is_too_small_keeps_the_release_back() {
    let slice = |at: usize| {
        if at < 40 {
            vec!["scenario=cut_in".to_owned()]
        } else {
            Vec::new()
        }
    };
    // One newly failing scene of 40 is chance, and 5 are less than would block: p = 1/32, and there are two tests.
    let newly = |count: usize| hits(10_000, 1, slice, move |at| (false, at < count));
    assert_eq!(gate(&newly(1), &rules(), 1).decision, Decision::Pass);
    let paired = newly(5);
    let verdict = gate(&paired, &rules(), 1);
    assert_eq!(verdict.decision, Decision::Inconclusive);
    assert!(
        verdict.reasons[0]
            .text
            .contains("it looks worse there: exact McNemar"),
        "{}",
        verdict.reasons[0].text
    );
    let shortfall = verdict.shortfalls().next().unwrap();
    assert_eq!(
        (shortfall.slice.as_str(), shortfall.scenes),
        ("scenario=cut_in", 40)
    );
    let mut total_only = rules();
    total_only.slice_scope = driveloop_ota_validation::SliceScope::Total;
    assert_eq!(gate(&paired, &total_only, 1).decision, Decision::Pass);
}

#[test]
fn scenes_of_one_drive_are_not_counted_as_independent() {
    // 60 newly failing scenes, all of two drives of 30: certain if independent, nothing if not.
    let newly = |at: usize| (false, at < 60);
    assert_eq!(
        gate(&hits(3_000, 1, no_slices, newly), &rules(), 1).decision,
        Decision::Block
    );
    let clustered = gate(&hits(3_000, 30, no_slices, newly), &rules(), 1);
    assert_eq!(clustered.decision, Decision::Inconclusive);
    let hit = clustered.comparison("hit", "all").unwrap();
    assert!(
        (hit.p_value.unwrap() - 0.5).abs() < 1e-12,
        "two flips of two drives in four"
    );
    assert!(
        clustered.reasons[0]
            .text
            .contains("Scenes of one drive are not independent")
    );
}

#[test]
fn what_is_left_unanswered_cannot_pass() {
    let scenes = |count: usize| -> Vec<Scene> {
        (0..count)
            .map(|at| Scene {
                key: at.to_string(),
                drive: at.to_string(),
                slices: Vec::new(),
            })
            .collect()
    };
    let hit = |candidate: Vec<Option<f64>>| PairedMetric {
        name: "hit".to_owned(),
        baseline: vec![Some(0.0); candidate.len()],
        candidate,
    };
    let full = Paired::new(scenes(5_000), vec![hit(vec![Some(0.0); 5_000])], Vec::new()).unwrap();
    assert_eq!(gate(&full, &rules(), 1).decision, Decision::Pass);
    let missing = Paired::new(
        scenes(5_000),
        vec![hit(vec![Some(0.0); 5_000])],
        vec!["x".to_owned()],
    )
    .unwrap();
    let mut values = vec![Some(0.0); 5_000];
    values[7] = None;
    let blank = Paired::new(scenes(5_000), vec![hit(values)], Vec::new()).unwrap();
    let unscored = Paired::new(scenes(5_000), Vec::new(), Vec::new()).unwrap();
    for paired in [missing, blank, unscored] {
        let verdict = gate(&paired, &rules(), 1);
        assert_eq!(verdict.decision, Decision::Inconclusive);
        assert_eq!(
            verdict.reasons[0].kind,
            ReasonKind::Unanswered,
            "{:?}",
            verdict.reasons
        );
    }
}

#[test]
fn a_veto_needs_no_significance() {
    let text = "[metric.hit]\nkind = \"pass_fail\"\ndirection = \"lower_is_better\"\nsafety_critical = true\n\
                margin = 0.01\n[[veto]]\nmetric = \"hit\"\nnewly_failing_max = 2\n";
    let rules = Rules::from_toml(text).unwrap();
    let newly = |count: usize| hits(20_000, 1, no_slices, move |at| (false, at < count));
    assert_eq!(gate(&newly(2), &rules, 1).decision, Decision::Pass);
    let verdict = gate(&newly(3), &rules, 1);
    assert_eq!(
        (verdict.decision, verdict.reasons[0].kind),
        (Decision::Block, ReasonKind::Veto)
    );
}

#[test]
fn a_continuous_metric_is_compared_drive_by_drive() {
    let mut draws = Draws(5);
    let hit = hits(2_000, 20, no_slices, |_| (false, false));
    let hard = |at: usize| if at % 100 < 50 { 1.0 } else { 1.2 };
    for (worse, expected) in [
        (0.0, Finding::NoDifference),
        (0.1, Finding::Worse),
        (-0.1, Finding::Better),
    ] {
        let mut errors = |shift: f64| -> Vec<Option<f64>> {
            (0..2_000)
                .map(|at| Some(hard(at) + shift + draws.unit()))
                .collect()
        };
        let (candidate, baseline) = (errors(worse), errors(0.0));
        let error = PairedMetric {
            name: "error_m".to_owned(),
            candidate,
            baseline,
        };
        let metrics = vec![error, hit.metrics()[0].clone()];
        let paired = Paired::new(hit.scenes().to_vec(), metrics, Vec::new()).unwrap();
        let verdict = gate(&paired, &rules(), 1);
        let error = verdict.comparison("error_m", "all").unwrap();
        assert_eq!((error.finding, error.drives), (expected, 100), "{error:?}");
    }
}

/// Twelve drives that are all a little worse: certain for the test, and too few for an interval that allows for a drive
/// which was not met.
#[test]
fn no_interval_stands_beside_a_finding_that_it_contradicts() {
    let paired = hits(600, 50, no_slices, |at| (false, at % 50 == 7));
    let verdict = gate(&paired, &rules(), 1);
    let hit = verdict.comparison("hit", "all").unwrap();
    assert_eq!(hit.finding, Finding::Worse);
    assert!((hit.p_worse.unwrap() - 0.5_f64.powi(12)).abs() < 1e-12);
    assert_eq!((hit.worsening_low, hit.worsening_high), (None, None));
    assert!(hit.bound.unwrap() > 0.02, "{hit:?}");
    // 200 such drives are enough for both.
    let paired = hits(10_000, 50, no_slices, |at| (false, at % 50 == 7));
    let verdict = gate(&paired, &rules(), 1);
    let low = verdict.comparison("hit", "all").unwrap().worsening_low;
    assert!(low.is_some_and(|low| low > 0.0), "{low:?}");
}

/// Where each scene is a drive of its own and no column says so, the verdict says what its p-values assume.
#[test]
fn what_nobody_said_of_the_scenes_is_said_in_the_verdict() {
    let words = |paired: &Paired| {
        let verdict = gate(paired, &rules(), 1);
        let reasons = verdict.reasons.into_iter();
        let mut assumed = reasons.filter(|reason| reason.kind == ReasonKind::Assumed);
        assumed.next().map(|reason| reason.text)
    };
    let alone = hits(2_000, 1, no_slices, |_| (false, false));
    let text = words(&alone).unwrap();
    for part in [
        "assume that the 2,000 scenes are independent",
        "no column says which drive or log",
        "`drive` under `[columns]`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(words(&alone.with_units(Units::DrivesByColumn)), None);
    assert_eq!(words(&hits(2_000, 2, no_slices, |_| (false, false))), None);
}

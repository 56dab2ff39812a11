//! Scores of two real driving policies on the same 12,146 scenes, where they are at hand.
//! The expectations are `SciPy`'s (1.17.1: `binomtest`, `brentq` on Tango's score), computed apart from this program.

use std::path::PathBuf;

use driveloop_ota_validation::{
    Decision, Finding, Paired, ReasonKind, Rules, ScoreFile, ScoresOptions, Validation, gate,
    pair_scores, validate_scores,
};
use rayon::prelude::*;

use crate::fixture::Draws;

/// Metric, failing scenes before and after, new and mended ones, p-value, what is found.
const EXPECTED: [(&str, [u64; 4], f64, Finding); 7] = [
    (
        "no_at_fault_collisions",
        [194, 299, 218, 113],
        8.231_068_523_429e-9,
        Finding::Worse,
    ),
    (
        "time_to_collision_within_bound",
        [248, 357, 250, 141],
        3.878_018_034_306e-8,
        Finding::Worse,
    ),
    (
        "driving_direction_compliance",
        [118, 75, 34, 77],
        5.494_816_250_271e-5,
        Finding::Better,
    ),
    (
        "lane_keeping",
        [421, 341, 148, 228],
        4.343_062_279_935e-5,
        Finding::Better,
    ),
    (
        "drivable_area_compliance",
        [141, 132, 97, 106],
        5.745_722_959_152e-1,
        Finding::NoDifference,
    ),
    (
        "traffic_light_compliance",
        [12, 14, 9, 7],
        8.036_193_847_656e-1,
        Finding::NoDifference,
    ),
    (
        "history_comfort",
        [286, 278, 72, 80],
        5.703_330_633_304e-1,
        Finding::NoDifference,
    ),
];

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("DRIVELOOP_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join("planner-scores");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no {}", folder.display());
    None
}

fn scores(policy: &str) -> Option<String> {
    let file = folder()?.join(format!("gtrs_dense_{policy}_sim_reward_navtest.csv"));
    Some(std::fs::read_to_string(file).unwrap())
}

fn validate(candidate: &str, baseline: &str) -> Validation {
    let file = |name, bytes| ScoreFile { name, bytes };
    let candidate = file("candidate.csv", candidate.as_bytes());
    let baseline = file("baseline.csv", baseline.as_bytes());
    validate_scores(candidate, baseline, &ScoresOptions::new("token")).unwrap()
}

/// The header and the first scenes, in the baseline's order.
fn first_scenes(csv: &str, scenes: &[&str]) -> String {
    let rows = csv
        .lines()
        .filter(|line| scenes.iter().any(|scene| line.contains(scene)));
    std::iter::once(csv.lines().next().unwrap())
        .chain(rows)
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_policy_with_the_better_mean_is_blocked() {
    let Some((candidate, baseline)) = scores("vov").zip(scores("resnet")) else {
        return;
    };
    let validation = validate(&candidate, &baseline);
    crate::fixture::keep_report("planner-scores.html", &validation.html);
    let verdict = &validation.verdict;
    assert_eq!(
        (verdict.decision, verdict.scenes),
        (Decision::Block, 12_146)
    );
    for (metric, counts, p_value, finding) in EXPECTED {
        let comparison = verdict.comparison(metric, "all").unwrap();
        let failing = comparison.failing.unwrap();
        let actual = [
            failing.baseline,
            failing.candidate,
            failing.new,
            failing.mended,
        ];
        assert_eq!((actual, comparison.finding), (counts, finding), "{metric}");
        let p = comparison.p_value.unwrap();
        assert!((p / p_value - 1.0).abs() < 1e-9, "{metric}: {p:e}");
    }
    let texts = verdict.reason_texts().join("\n");
    for part in [
        "failing scenes 194 → 299 of 12,146 (218 new, 113 mended); exact McNemar p = 8.2e-9",
        "248 → 357",
        "421 → 341",
        "assume that the 12,146 scenes are independent, because no column says which drive or log a scene is of",
        "name the column of the drive or log",
    ] {
        assert!(texts.contains(part), "{part} in\n{texts}");
    }
    let left_out = validation.evidence.suite.left_out.unwrap();
    assert_eq!(left_out.candidate_aggregates, ["average_all_frames"]);
}

#[test]
fn intervals_and_means_are_those_of_other_programs() {
    let Some((candidate, baseline)) = scores("vov").zip(scores("resnet")) else {
        return;
    };
    let verdict = validate(&candidate, &baseline).verdict;
    let collisions = verdict.comparison("no_at_fault_collisions", "all").unwrap();
    assert!((collisions.worsening_low.unwrap() - 0.005_743_820_632_5).abs() < 1e-9);
    assert!((collisions.worsening_high.unwrap() - 0.011_637_166_285_5).abs() < 1e-9);
    let score = verdict.comparison("score", "all").unwrap();
    assert!((score.baseline_mean - 0.845_648_752_749_9).abs() < 1e-9);
    assert!((score.candidate_mean - 0.848_021_426_134_0).abs() < 1e-9);
    // Cells without a value do not count.
    assert_eq!(
        verdict
            .comparison("two_frame_extended_comfort", "all")
            .unwrap()
            .scenes,
        10_040
    );
}

#[test]
fn a_policy_against_itself_passes() {
    let Some(scores) = scores("vov") else { return };
    let verdict = validate(&scores, &scores).verdict;
    assert_eq!(
        (verdict.decision, verdict.exit_status()),
        (Decision::Pass, 0),
        "{:?}",
        verdict.reasons
    );
    assert!(
        verdict
            .comparisons
            .iter()
            .all(|c| c.finding == Finding::NoDifference)
    );
}

#[test]
fn few_scenes_decide_nothing_and_say_how_many_would() {
    let Some((candidate, baseline)) = scores("vov").zip(scores("resnet")) else {
        return;
    };
    let scenes: Vec<&str> = baseline
        .lines()
        .skip(1)
        .take(300)
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    let validation = validate(
        &first_scenes(&candidate, &scenes),
        &first_scenes(&baseline, &scenes),
    );
    let verdict = &validation.verdict;
    assert_eq!(
        (verdict.decision, verdict.scenes),
        (Decision::Inconclusive, 300)
    );
    assert_eq!(verdict.reasons[0].kind, ReasonKind::NotShown);
    let shortfall = verdict
        .shortfalls()
        .find(|s| s.metric == "no_at_fault_collisions")
        .unwrap();
    let collisions = verdict.comparison("no_at_fault_collisions", "all").unwrap();
    let failing = collisions.failing.unwrap();
    crate::fixture::keep_report("few-scenes.html", &validation.html);
    // The independent figure: (z + z')² ψ / δ² to first order, ψ the share of discordant scenes. It looks worse by more
    // than the margin, so that what is asked for is what would show that: δ the difference that was seen, z that of the
    // five tests that can block.
    let discordant = (failing.new + failing.mended + 1) as f64 / 302.0;
    let first_order =
        |z: f64, difference: f64| (z + 0.841_621_f64).powi(2) * discordant / difference.powi(2);
    let total = (shortfall.scenes + shortfall.more_scenes) as f64;
    let seen = first_order(2.575_829, collisions.worsening);
    assert!(
        (0.9..1.25).contains(&(total / seen)),
        "{total} against {seen}"
    );
    let alike = collisions.needed_if_alike.unwrap().scenes as f64;
    let even = first_order(1.959_964, 0.005);
    assert!(
        (0.9..1.25).contains(&(alike / even)),
        "{alike} against {even}"
    );
}

/// The real scores with candidate and baseline exchanged scene by scene at random: as they are, but in truth alike.
#[test]
fn real_scores_without_a_difference_are_seldom_blocked() {
    let Some((candidate, baseline)) = scores("vov").zip(scores("resnet")) else {
        return;
    };
    let file = |name, bytes| ScoreFile { name, bytes };
    let rules = Rules {
        resamples: 199,
        ..Rules::planner_scores().unwrap()
    };
    let (paired, _) = pair_scores(
        file("candidate.csv", candidate.as_bytes()),
        file("baseline.csv", baseline.as_bytes()),
        "token",
        &rules,
    )
    .unwrap();
    let runs = crate::simulate::runs(16);
    let blocked = (0..runs)
        .into_par_iter()
        .filter(|run| {
            let verdict = gate(&exchanged(&paired, *run), &rules, *run);
            verdict.decision == Decision::Block
        })
        .count();
    eprintln!("blocked {blocked} of {runs} exchanges of the real scores");
    let admitted = crate::simulate::admitted(rules.worse_alpha, runs);
    assert!(
        blocked as f64 / runs as f64 <= admitted,
        "{blocked} of {runs}"
    );
}

fn exchanged(paired: &Paired, run: u64) -> Paired {
    let mut draws = Draws(run * 6_700_417 + 3);
    let swaps: Vec<bool> = paired.scenes().iter().map(|_| draws.unit() < 0.5).collect();
    let metrics = paired.metrics().iter().map(|metric| {
        let mut metric = metric.clone();
        let sides = metric.candidate.iter_mut().zip(&mut metric.baseline);
        for ((candidate, baseline), swap) in sides.zip(&swaps) {
            if *swap {
                std::mem::swap(candidate, baseline);
            }
        }
        metric
    });
    Paired::new(paired.scenes().to_vec(), metrics.collect(), Vec::new()).unwrap()
}

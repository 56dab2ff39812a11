//! The gate's error rates, by simulation: few releases here, and thousands in `benches/calibration.rs`, which writes them
//! down in `docs/calibration.md`.
//!
//! Each bound is the level of the rules and the error of the simulation at that level. `DRIVELOOP_GATE_RUNS` simulates as
//! many releases as it says.

use driveloop_ota_validation::{Assumed, Decision, PairedMetric};

use crate::fixture::{Draws, hits, no_slices, rules};
use crate::simulate::{
    Rates, Suite, Truth, admitted, drive_effect, in_slices, power_at_plan, runs,
};

/// The rules promise that a candidate which is worse nowhere is blocked at most so often.
const BLOCKED_MAX: f64 = 0.025;
/// And that one which is worse by the margin passes at most so often.
const WRONG_PASS_MAX: f64 = 0.025;

#[test]
fn a_candidate_that_is_worse_nowhere_is_seldom_blocked_and_passes() {
    let suite = Suite::new(6_000, 1, 5, 0.01, in_slices(20));
    for better in [0, 2, 4] {
        let rates = Rates::of(runs(150), |run| {
            suite.verdict(run, |metric, _| {
                if metric < better {
                    Truth::better()
                } else {
                    Truth::alike()
                }
            })
        });
        eprintln!("better in {better} of 5 metrics, 21 slices: {rates:?}");
        assert!(
            rates.blocked <= admitted(BLOCKED_MAX, rates.runs),
            "{better}: {rates:?}"
        );
        assert!(rates.passed >= 0.8, "{better}: {rates:?}");
    }
}

#[test]
fn four_hundred_slices_do_not_hold_a_candidate_back() {
    let suite = Suite::new(12_000, 1, 1, 0.01, in_slices(399));
    let rates = Rates::of(runs(100), |run| suite.verdict(run, |_, _| Truth::alike()));
    eprintln!("like the baseline, 400 slices: {rates:?}");
    assert!(
        rates.blocked <= admitted(BLOCKED_MAX, rates.runs),
        "{rates:?}"
    );
    assert!(rates.passed >= 0.8, "{rates:?}");
}

#[test]
fn drives_whose_scenes_fail_together_do_not_raise_the_rate() {
    let suite = Suite::new(2_000, 20, 1, 0.01, in_slices(4));
    let truth = Truth {
        together: 19.0,
        ..Truth::alike()
    };
    let rates = Rates::of(runs(400), |run| suite.verdict(run, |_, _| truth));
    eprintln!("like the baseline, 100 drives whose scenes fail together: {rates:?}");
    assert!(
        rates.blocked <= admitted(BLOCKED_MAX, rates.runs),
        "{rates:?}"
    );
}

#[test]
fn a_regression_of_one_point_is_found() {
    let suite = Suite::new(12_000, 1, 1, 0.01, in_slices(7));
    let rates = Rates::of(runs(60), |run| {
        suite.verdict(run, |_, _| Truth {
            shift: 0.01,
            ..Truth::alike()
        })
    });
    eprintln!("worse by a point, 12,000 scenes: {rates:?}");
    assert!(rates.blocked >= 0.95, "{rates:?}");
}

/// A candidate that is worse by exactly the margin passes at most as often as the rules say, with few drives too, and
/// where all of it lies in few of them.
#[test]
fn a_regression_at_the_margin_seldom_passes() {
    for (drives, per_drive, margin) in [
        (20, 50, 0.05),
        (50, 50, 0.05),
        (100, 50, 0.02),
        (200, 20, 0.01),
        (2_000, 1, 0.01),
    ] {
        let suite = Suite::new(drives * per_drive, per_drive, 1, margin, no_slices);
        // At most a quarter of the scenes of a bad drive, as the rules assume.
        for spread in [0.0, 1.0, 4.0, 0.25 / margin - 1.0] {
            let rates = Rates::of(runs(300), |run| {
                suite.verdict(run, |_, _| Truth::worse_by(margin, spread))
            });
            eprintln!(
                "worse by {margin} in {drives} drives of {per_drive}, spread {spread}: {rates:?}"
            );
            assert!(
                rates.passed <= admitted(WRONG_PASS_MAX, rates.runs),
                "{rates:?}"
            );
        }
    }
}

#[test]
fn a_mean_that_is_worse_by_the_margin_seldom_passes() {
    for drives in [20, 100] {
        let suite = Suite::continuous(drives, 4);
        for kind in ["normal", "heavy tails", "good drives stand out"] {
            let rates = Rates::of(runs(300), |run| {
                // A margin of a quarter of the spread: larger ones are blocked before the bound is asked.
                suite.verdict_on_means(run, |draws| 1.0 + 4.0 * drive_effect(kind, draws))
            });
            eprintln!("mean worse by the margin, {drives} drives, {kind}: {rates:?}");
            assert!(
                rates.passed <= admitted(WRONG_PASS_MAX, rates.runs),
                "{drives} {kind}: {rates:?}"
            );
        }
    }
}

/// Significantly better on eight drives: no way round the rules about drives.
#[test]
fn few_drives_do_not_pass_by_being_better() {
    let paired = hits(400, 50, no_slices, |at| (at % 10 == 0, false));
    let verdict = driveloop_ota_validation::gate(&paired, &rules(), 1);
    let hit = verdict.comparison("hit", "all").unwrap();
    assert_eq!(hit.finding, driveloop_ota_validation::Finding::Better);
    assert_eq!(
        (verdict.decision, hit.no_worse),
        (Decision::Inconclusive, Some(false))
    );
    let text = &verdict.reasons[0].text;
    assert!(
        text.contains("significantly better, but with a drive that is bad for it"),
        "{text}"
    );
}

/// The count that an `INCONCLUSIVE` names gives the power that the rules name, at the threshold of as many tests as there
/// are: for a candidate that is worse by the margin to be blocked, and for one like the baseline to be shown no worse.
#[test]
fn the_missing_scenes_are_as_many_as_are_needed() {
    for tests in [1, 60] {
        let runs = runs(300);
        let (total, powers) = power_at_plan(tests, runs);
        eprintln!("{tests} tests: {total} scenes planned, powers {powers:?}");
        let least = powers.0.min(powers.1);
        // Within the error of the simulation at a power of 80 %.
        let error = admitted(0.8, runs) - 0.8;
        assert!((least - 0.8).abs() < error, "{tests} tests: {powers:?}");
    }
}

/// Where the point estimate lies beyond the margin, the count is for the effect that was seen, and says so.
#[test]
fn a_candidate_that_looks_worse_is_told_what_would_show_it() {
    // 6 of 300 newly fail and none is mended; the margin is 1 point.
    let paired = hits(300, 1, no_slices, |at| (false, at % 75 == 1 || at == 5));
    let verdict = driveloop_ota_validation::gate(&paired, &rules(), 1);
    assert_eq!(verdict.decision, Decision::Inconclusive);
    let hit = verdict.comparison("hit", "all").unwrap();
    let (needed, alike) = (hit.needed.unwrap(), hit.needed_if_alike.unwrap());
    assert_eq!(needed.assumes, Assumed::SeenEffect);
    assert!(needed.scenes * 2 < alike.scenes, "{needed:?} {alike:?}");
    let text = &verdict.reasons[0].text;
    for part in [
        "it looks worse: about",
        "if it is as bad as it looks",
        "if there is in truth no difference",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(
        verdict.shortfalls().next().unwrap().more_scenes,
        needed.scenes - 300
    );
}

/// A count that nobody can meet is no number of twenty digits.
#[test]
fn no_count_overflows() {
    let scenes = hits(400, 20, no_slices, |_| (false, false));
    for size in [1e-3, 1.0, 1e30, 1e99] {
        let mut draws = Draws(3);
        let candidate = (0..400)
            .map(|_| Some(size * (draws.unit() - 0.5)))
            .collect();
        let metric = PairedMetric {
            name: "error_m".to_owned(),
            baseline: vec![Some(0.0); 400],
            candidate,
        };
        let paired = driveloop_ota_validation::Paired::new(
            scenes.scenes().to_vec(),
            vec![metric],
            Vec::new(),
        )
        .unwrap();
        let rules = Suite::continuous(20, 20).rules;
        let verdict = driveloop_ota_validation::gate(&paired, &rules, 1);
        let most = verdict
            .shortfalls()
            .map(|shortfall| shortfall.more_scenes)
            .max();
        assert!(
            most.is_none_or(|most| most <= 1_000_000_000),
            "{size}: {most:?}"
        );
        if size > 1e20 {
            let text = &verdict.reasons[0].text;
            assert!(text.contains("more than 1,000,000,000 scenes"), "{text}");
        }
    }
}

/// Values near the largest number there is are refused by name.
#[test]
fn values_that_are_no_measurement_are_refused() {
    let scenes = hits(2, 1, no_slices, |_| (false, false));
    for value in [1e308, -1e101, f64::INFINITY, f64::NAN] {
        let metric = PairedMetric {
            name: "error_m".to_owned(),
            candidate: vec![Some(1.0), Some(value)],
            baseline: vec![Some(1.0), None],
        };
        let paired = driveloop_ota_validation::Paired::new(
            scenes.scenes().to_vec(),
            vec![metric],
            Vec::new(),
        );
        let error = paired.unwrap_err().to_string();
        assert!(
            error.contains("metric `error_m`, scene `scene-000001`"),
            "{error}"
        );
    }
}

/// Of 372 tests one slice is worse by 6.8 standard errors: no floor of drawn p-values hides it.
#[test]
fn one_slice_among_many_tests_is_blocked() {
    // 31 slices of 30 drives in each of 12 continuous metrics; one metric is worse in one slice.
    let slice = |at: usize| vec![format!("place={:02}", at / 60)];
    let scenes = hits(31 * 60, 2, slice, |_| (false, false));
    let mut draws = Draws(17);
    let mut rules = String::from("resamples = 499\n");
    let metrics = (0..12).map(|metric| {
        let name = format!("error_{metric:02}");
        rules += &format!("[metric.{name}]\nkind = \"continuous\"\ndirection = \"lower_is_better\"\nwhen_worse = \"block\"\n");
        let candidate = (0..31 * 60).map(|at| {
            let worse = if metric == 3 && at / 60 == 7 { 0.5 } else { 0.0 };
            Some(worse + draws.unit() - 0.5)
        });
        PairedMetric {
            name,
            candidate: candidate.collect(),
            baseline: vec![Some(0.0); 31 * 60],
        }
    });
    let metrics: Vec<PairedMetric> = metrics.collect();
    let paired =
        driveloop_ota_validation::Paired::new(scenes.scenes().to_vec(), metrics, Vec::new())
            .unwrap();
    let rules = driveloop_ota_validation::Rules::from_toml(&rules).unwrap();
    let verdict = driveloop_ota_validation::gate(&paired, &rules, 1);
    let slice = verdict.comparison("error_03", "place=07").unwrap();
    let errors = slice.worsening / slice.worsening_error.unwrap();
    assert!(errors > 6.8, "{errors}");
    assert_eq!(slice.family.unwrap().tests, 12 * 32);
    assert_eq!(verdict.decision, Decision::Block, "{slice:?}");
    let worse: Vec<&str> = verdict
        .reasons
        .iter()
        .filter_map(|r| r.slice.as_deref())
        .collect();
    assert_eq!(worse[0], "place=07");
}

/// Intervals of a mean hold the truth as often as they say, with few drives that differ.
#[test]
fn intervals_of_means_hold_the_truth() {
    let suite = Suite::continuous(20, 6);
    let (runs, mut held) = (400_u64, 0);
    for run in 0..runs {
        let verdict = suite.verdict_on_means(run, |draws| 0.3 + draws.unit() - 0.5);
        let error = verdict.comparison("error_m", "all").unwrap();
        let (low, high) = error.worsening_low.zip(error.worsening_high).unwrap();
        held += u32::from(low < 0.3 && 0.3 < high);
    }
    let missed = 1.0 - f64::from(held) / runs as f64;
    eprintln!("missed {missed}");
    assert!(missed <= admitted(0.05, runs), "{missed}");
    assert!(missed >= 0.01, "{missed}: the intervals are too long");
}

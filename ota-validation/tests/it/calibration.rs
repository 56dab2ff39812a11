//! The gate's error rates, by simulation.

use driveloop_ota_validation::{Decision, Paired, PairedMetric, gate};

use crate::fixture::{Draws, hits, no_slices, rules};

fn slices(at: usize) -> Vec<String> {
    vec![format!("place={}", at % 4), format!("speed={}", at % 3)]
}

/// Share of `runs` simulated candidates that are blocked and passed.
fn rates(
    runs: u64,
    scenes: usize,
    per_drive: usize,
    mut outcome: impl FnMut(&mut Draws, usize) -> (bool, bool),
) -> (f64, f64) {
    let mut counts = (0, 0);
    for run in 0..runs {
        let mut draws = Draws(run * 7919 + 1);
        let paired = hits(scenes, per_drive, slices, |at| outcome(&mut draws, at));
        match gate(&paired, &rules(), run).decision {
            Decision::Block => counts.0 += 1,
            Decision::Pass => counts.1 += 1,
            Decision::Inconclusive => {}
        }
    }
    (
        f64::from(counts.0) / runs as f64,
        f64::from(counts.1) / runs as f64,
    )
}

#[test]
fn a_candidate_like_the_baseline_is_seldom_blocked() {
    let (blocked, _) = rates(400, 2_000, 1, |draws, _| {
        (draws.unit() < 0.03, draws.unit() < 0.03)
    });
    eprintln!("blocked {blocked} of candidates like the baseline");
    assert!(blocked <= rules().fdr, "{blocked}");
}

#[test]
fn drives_whose_scenes_fail_together_do_not_raise_the_rate() {
    // A drive as a whole is hard for one of the two, on either side alike.
    let mut drive = (0.0, 0.0);
    let (blocked, _) = rates(400, 2_000, 20, |draws, at| {
        if at % 20 == 0 {
            drive = (draws.unit(), draws.unit());
        }
        let hard = |side: f64| if side < 0.08 { 0.5 } else { 0.005 };
        (draws.unit() < hard(drive.0), draws.unit() < hard(drive.1))
    });
    eprintln!("blocked {blocked} of candidates like the baseline");
    assert!(blocked <= rules().fdr, "{blocked}");
}

#[test]
fn a_regression_of_one_point_is_found() {
    let (blocked, _) = rates(60, 12_000, 1, |draws, _| {
        (draws.unit() < 0.016, draws.unit() < 0.026)
    });
    eprintln!("found {blocked} of regressions by a point");
    assert!(blocked >= 0.95, "{blocked}");
}

/// The count that an `INCONCLUSIVE` names gives the power that the rules name.
#[test]
fn the_missing_scenes_are_as_many_as_are_needed() {
    let few = gate(
        &hits(300, 1, no_slices, |at| (at % 60 == 0, at % 60 == 1)),
        &rules(),
        1,
    );
    assert_eq!(few.decision, Decision::Inconclusive);
    let hit = few.comparison("hit", "all").unwrap();
    let failing = hit.failing.unwrap();
    let shortfall = few.shortfalls().next().unwrap();
    let total = (shortfall.scenes + shortfall.more_scenes) as usize;
    let half = (failing.new + failing.mended + 1) as f64 / 302.0 / 2.0;
    let (runs, mut shown) = (300, 0);
    for run in 0..runs {
        let mut draws = Draws(run * 104_729 + 5);
        let paired = hits(total, 1, no_slices, |_| {
            let draw = draws.unit();
            (draw < half, draw > 1.0 - half)
        });
        let verdict = gate(&paired, &rules(), 1);
        shown += u32::from(verdict.comparison("hit", "all").unwrap().no_worse == Some(true));
    }
    let power = f64::from(shown) / runs as f64;
    eprintln!("power {power} at {total} scenes");
    assert!((0.73..0.90).contains(&power), "{power} at {total} scenes");
}

/// Intervals of a mean hold the truth as often as they say, with few drives that differ.
#[test]
fn intervals_of_means_hold_the_truth() {
    let (runs, truth, mut held) = (200_u64, 0.3, 0);
    let scenes = hits(120, 6, no_slices, |_| (false, false));
    for run in 0..runs {
        let mut draws = Draws(run * 15_485_863 + 11);
        let mut candidate = Vec::new();
        for _ in 0..20 {
            let drive = draws.unit() - 0.5 + truth;
            candidate.extend((0..6).map(|_| Some(drive + 0.3 * (draws.unit() - 0.5))));
        }
        let baseline = vec![Some(0.0); 120];
        let name = "error_m".to_owned();
        let metric = PairedMetric {
            name,
            candidate,
            baseline,
        };
        let paired = Paired::new(scenes.scenes().to_vec(), vec![metric], Vec::new()).unwrap();
        let verdict = gate(&paired, &rules(), run);
        let error = verdict.comparison("error_m", "all").unwrap();
        let (low, high) = error.worsening_low.zip(error.worsening_high).unwrap();
        held += u32::from(low < truth && truth < high);
    }
    let coverage = f64::from(held) / runs as f64;
    eprintln!("coverage {coverage}");
    assert!((0.90..=0.99).contains(&coverage), "{coverage}");
}

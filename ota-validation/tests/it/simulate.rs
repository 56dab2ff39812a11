//! Simulated releases: suites of scenes, and candidates of which the truth is known.

use driveloop_ota_validation::{Decision, Paired, PairedMetric, Rules, Scene, Verdict, gate};
use rayon::prelude::*;

use crate::fixture::Draws;

/// Releases to simulate: as many as `DRIVELOOP_GATE_RUNS` says, else the default.
pub(crate) fn runs(default: u64) -> u64 {
    let asked = std::env::var("DRIVELOOP_GATE_RUNS").ok();
    asked.and_then(|runs| runs.parse().ok()).unwrap_or(default)
}

/// How often each verdict was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) blocked: f64,
    pub(crate) passed: f64,
    pub(crate) runs: u64,
}

impl Rates {
    /// Of simulated verdicts, one a run.
    pub(crate) fn of(runs: u64, verdict: impl Fn(u64) -> Verdict + Sync) -> Self {
        let decisions: Vec<Decision> = (0..runs)
            .into_par_iter()
            .map(|run| verdict(run).decision)
            .collect();
        let share = |wanted: Decision| {
            let given = decisions.iter().filter(|decision| **decision == wanted);
            given.count() as f64 / runs as f64
        };
        Self {
            blocked: share(Decision::Block),
            passed: share(Decision::Pass),
            runs,
        }
    }
}

/// What a share that is in truth `level` stays below in so many runs, but for one time in a thousand.
pub(crate) fn admitted(level: f64, runs: u64) -> f64 {
    level + 3.1 * (level * (1.0 - level) / runs as f64).sqrt()
}

/// Scenes with their slices and drives, and the rules of their metrics.
pub(crate) struct Suite {
    pub(crate) scenes: Vec<Scene>,
    pub(crate) per_drive: usize,
    pub(crate) rules: Rules,
    metrics: Vec<String>,
}

/// The truth of one metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    /// Share of the scenes that newly fail by chance, and that are mended by chance.
    pub(crate) background: f64,
    /// Share of the scenes that newly fail besides; below 0 they are mended.
    pub(crate) shift: f64,
    /// Of the drives, one in `1 + spread` holds the shift, in `1 + spread` times as many of its scenes.
    pub(crate) spread: f64,
    /// The same of the background.
    pub(crate) together: f64,
}

impl Truth {
    pub(crate) fn alike() -> Self {
        Self {
            background: 0.01,
            shift: 0.0,
            spread: 0.0,
            together: 0.0,
        }
    }

    /// Half of what newly fails by chance does not, and as much again is mended.
    pub(crate) fn better() -> Self {
        Self {
            shift: -0.005,
            ..Self::alike()
        }
    }

    pub(crate) fn worse_by(shift: f64, spread: f64) -> Self {
        Self {
            background: 0.002,
            shift,
            spread,
            together: 0.0,
        }
    }
}

impl Suite {
    /// Pass/fail metrics `hit_0`, `hit_1`, …, all safety-critical with this margin.
    pub(crate) fn new(
        scenes: usize,
        per_drive: usize,
        metrics: usize,
        margin: f64,
        slices: impl Fn(usize) -> Vec<String>,
    ) -> Self {
        let metrics: Vec<String> = (0..metrics)
            .map(|metric| format!("hit_{metric:03}"))
            .collect();
        let rule = |name: &String| {
            format!(
                "[metric.{name}]\nkind = \"pass_fail\"\ndirection = \"lower_is_better\"\nsafety_critical = true\n\
                 margin = {margin}\n"
            )
        };
        let rules = metrics.iter().map(rule).collect::<String>();
        Self {
            scenes: scenes_of(scenes, per_drive, slices),
            per_drive,
            rules: Rules::from_toml(&rules).unwrap(),
            metrics,
        }
    }

    /// One continuous metric, safety-critical with a margin of 1.
    pub(crate) fn continuous(drives: usize, per_drive: usize) -> Self {
        let rules = "resamples = 999\n[metric.error_m]\nkind = \"continuous\"\ndirection = \"lower_is_better\"\n\
                     safety_critical = true\nmargin = 1.0\n";
        Self {
            scenes: scenes_of(drives * per_drive, per_drive, |_| Vec::new()),
            per_drive,
            rules: Rules::from_toml(rules).unwrap(),
            metrics: vec!["error_m".to_owned()],
        }
    }

    /// The verdict on a candidate, of whose metrics the truth may differ from scene to scene.
    pub(crate) fn verdict(&self, run: u64, truth: impl Fn(usize, usize) -> Truth) -> Verdict {
        let mut draws = Draws(run * 7_919 + 1);
        let metrics = self.metrics.iter().enumerate();
        let metrics = metrics
            .map(|(metric, name)| self.pass_fail(name, &mut draws, |scene| truth(metric, scene)))
            .collect();
        let paired = Paired::new(self.scenes.clone(), metrics, Vec::new()).unwrap();
        gate(&paired, &self.rules, run)
    }

    fn pass_fail(
        &self,
        name: &str,
        draws: &mut Draws,
        truth: impl Fn(usize) -> Truth,
    ) -> PairedMetric {
        let (mut candidate, mut baseline) = (Vec::new(), Vec::new());
        let mut shares = (0.0, 0.0);
        // A metric without differences needs no draws; it was scored on a hundred scenes.
        let differs = |scene: usize| truth(scene).background + truth(scene).shift.abs() > 0.0;
        if !(0..self.scenes.len()).any(differs) {
            let equal: Vec<Option<f64>> = (0..self.scenes.len())
                .map(|scene| (scene < 100).then_some(0.0))
                .collect();
            return PairedMetric {
                name: name.to_owned(),
                candidate: equal.clone(),
                baseline: equal,
            };
        }
        for scene in 0..self.scenes.len() {
            let truth = truth(scene);
            if scene % self.per_drive == 0 || truth.spread == 0.0 && truth.together == 0.0 {
                shares = shares_of_drive(truth, draws);
            }
            let draw = draws.unit();
            let (new, mended) = (draw < shares.0, draw > 1.0 - shares.1);
            let both = (0.5..0.51).contains(&draw);
            candidate.push(Some(f64::from(u8::from(new || both))));
            baseline.push(Some(f64::from(u8::from(mended || both))));
        }
        let name = name.to_owned();
        PairedMetric {
            name,
            candidate,
            baseline,
        }
    }

    /// The verdict on a candidate whose continuous metric is worse by `drive(draws)` in each drive, and by noise.
    pub(crate) fn verdict_on_means(&self, run: u64, drive: impl Fn(&mut Draws) -> f64) -> Verdict {
        let mut draws = Draws(run * 15_485_863 + 11);
        let mut candidate = Vec::new();
        let mut shift = 0.0;
        for scene in 0..self.scenes.len() {
            if scene % self.per_drive == 0 {
                shift = drive(&mut draws);
            }
            candidate.push(Some(shift + draws.unit() - 0.5));
        }
        let metric = PairedMetric {
            name: self.metrics[0].clone(),
            baseline: vec![Some(0.0); candidate.len()],
            candidate,
        };
        let paired = Paired::new(self.scenes.clone(), vec![metric], Vec::new()).unwrap();
        gate(&paired, &self.rules, run)
    }
}

/// Shares of the scenes of a drive that newly fail and that are mended.
fn shares_of_drive(truth: Truth, draws: &mut Draws) -> (f64, f64) {
    let mut held = |share: f64, spread: f64| {
        if spread == 0.0 || draws.unit() * (1.0 + spread) < 1.0 {
            share * (1.0 + spread)
        } else {
            0.0
        }
    };
    let new = held(truth.background, truth.together);
    let mended = held(truth.background, truth.together);
    let shift = held(truth.shift, truth.spread);
    if shift < 0.0 {
        ((new + shift).max(0.0), mended - shift)
    } else {
        (new + shift, mended)
    }
}

fn scenes_of(scenes: usize, per_drive: usize, slices: impl Fn(usize) -> Vec<String>) -> Vec<Scene> {
    (0..scenes)
        .map(|at| Scene {
            key: format!("scene-{at:06}"),
            drive: format!("drive-{:06}", at / per_drive),
            slices: slices(at),
        })
        .collect()
}

/// Scenes in `count` slices of like size, besides `all`.
pub(crate) fn in_slices(count: usize) -> impl Fn(usize) -> Vec<String> {
    move |at| vec![format!("place={:03}", at % count)]
}

/// A standard normal number (Box and Muller 1958).
pub(crate) fn normal(draws: &mut Draws) -> f64 {
    let radius = (-2.0 * draws.unit().max(1e-300).ln()).sqrt();
    radius * (std::f64::consts::TAU * draws.unit()).cos()
}

/// What a drive does to a continuous metric; the mean is 0 and the standard deviation 1.
pub(crate) fn drive_effect(kind: &str, draws: &mut Draws) -> f64 {
    let exponential = |draws: &mut Draws| -draws.unit().max(1e-300).ln();
    match kind {
        "normal" => normal(draws),
        "heavy tails" => (exponential(draws) - exponential(draws)) / 2.0_f64.sqrt(),
        "bad drives stand out" => exponential(draws) - 1.0,
        _ => 1.0 - exponential(draws),
    }
}

/// Scenes that are planned for the first of so many tests, and the shares of releases with so many scenes in which a
/// candidate that is worse by the margin is blocked, and one like the baseline shown to be no worse.
pub(crate) fn power_at_plan(tests: usize, runs: u64) -> (usize, (f64, f64)) {
    let suite = |scenes| Suite::new(scenes, 1, tests, 0.01, |_| Vec::new());
    // The first metric differs in 10 of 300 scenes, the others in none.
    let few = suite(300);
    let metrics = few.metrics.iter().enumerate().map(|(metric, name)| {
        let differs = |at: usize, rest: usize| metric == 0 && at % 60 == rest;
        let values =
            |rest: usize| (0..300).map(move |at| Some(f64::from(u8::from(differs(at, rest)))));
        PairedMetric {
            name: name.clone(),
            candidate: values(1).collect(),
            baseline: values(0).collect(),
        }
    });
    let metrics = metrics.collect();
    let paired = Paired::new(few.scenes.clone(), metrics, Vec::new()).unwrap();
    let verdict = gate(&paired, &few.rules, 1);
    let mut shortfalls = verdict.shortfalls();
    let shortfall = shortfalls.find(|short| short.metric == "hit_000").unwrap();
    let total = (shortfall.scenes + shortfall.more_scenes) as usize;
    // The share of discordant scenes that is planned with.
    let discordant = 11.0 / 302.0;
    let many = suite(total);
    let share = |shift: f64, decided: fn(&Verdict) -> bool| {
        let truth = |metric: usize, _: usize| Truth {
            background: if metric == 0 {
                (discordant - shift) / 2.0
            } else {
                0.0
            },
            shift: if metric == 0 { shift } else { 0.0 },
            spread: 0.0,
            together: 0.0,
        };
        let decisions = (0..runs).into_par_iter();
        let decided = decisions
            .filter(|run| decided(&many.verdict(*run, truth)))
            .count();
        decided as f64 / runs as f64
    };
    let blocked = share(0.01, |verdict| verdict.decision == Decision::Block);
    let shown = share(0.0, |verdict| {
        let first = verdict.comparison("hit_000", "all");
        first.is_some_and(|comparison| comparison.no_worse == Some(true))
    });
    (total, (blocked, shown))
}

/// Drives that are planned after a pilot of few, and the shares of releases with so many in which a candidate that is
/// worse by the margin is blocked, and one like the baseline shown to be no worse.
pub(crate) fn power_at_plan_of_drives(
    means: bool,
    per_drive: usize,
    runs: u64,
) -> (usize, (f64, f64)) {
    let pilot_drives = if means { 12 } else { 60 };
    let truth = |shift: f64| Truth {
        background: 0.015,
        shift,
        spread: 0.0,
        together: 1.0,
    };
    let suite = |drives: usize| {
        if means {
            Suite::continuous(drives, per_drive)
        } else {
            Suite::new(drives * per_drive, per_drive, 1, 0.01, |_| Vec::new())
        }
    };
    let verdict = |suite: &Suite, run: u64, shift: f64| {
        if means {
            suite.verdict_on_means(run, |draws| shift + 2.0 * drive_effect("normal", draws))
        } else {
            suite.verdict(run, |_, _| truth(shift))
        }
    };
    // A pilot whose spread is near the truth, of many: the median of what they ask for.
    let pilot = suite(pilot_drives);
    let mut asked: Vec<u64> = (0..201)
        .filter_map(|run| {
            let verdict = verdict(&pilot, run + 1_000_000, 0.0);
            let short = verdict.comparisons[0].needed?;
            Some(short.drives)
        })
        .collect();
    asked.sort_unstable();
    let total = asked[asked.len() / 2] as usize;
    let many = suite(total);
    let share = |shift: f64, decided: fn(&Verdict) -> bool| {
        let releases = (0..runs).into_par_iter();
        let decided = releases
            .filter(|run| decided(&verdict(&many, *run, shift)))
            .count();
        decided as f64 / runs as f64
    };
    let margin = if means { 1.0 } else { 0.01 };
    let blocked = share(margin, |verdict| verdict.decision == Decision::Block);
    let shown = share(0.0, |verdict| verdict.comparisons[0].no_worse == Some(true));
    (total, (blocked, shown))
}

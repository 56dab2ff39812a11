//! What the gate says: the decision, the reasons, and every comparison behind them.

use serde::Serialize;

use crate::rules::Kind;
use crate::wanted::Wanted;

/// May the release go out?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// Every safety-critical metric was shown to be no worse than its margin, and nothing got significantly worse.
    Pass,
    /// A safety-critical metric got significantly worse somewhere, or a veto holds.
    Block,
    /// Neither was shown.
    Inconclusive,
}

impl Decision {
    /// `PASS`, `BLOCK` or `INCONCLUSIVE`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Block => "BLOCK",
            Self::Inconclusive => "INCONCLUSIVE",
        }
    }
}

/// The gate's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// May the release go out?
    pub decision: Decision,
    /// Why, the decisive reasons first.
    pub reasons: Vec<Reason>,
    /// What more data would decide it, slice by slice; empty where it is decided.
    pub wanted: Vec<Wanted>,
    /// Every metric on every slice, `all` first.
    pub comparisons: Vec<Comparison>,
    /// Scenes that newly fail a metric which blocks, worst first; at most [`Verdict::NEWLY_FAILING_MAX`].
    pub newly_failing: Vec<NewlyFailing>,
    /// How many there are in all.
    pub newly_failing_count: u64,
    /// Scenes that were compared.
    pub scenes: u64,
    /// Drives behind them.
    pub drives: u64,
    /// Scenes of the suite, of score files those of the baseline, that the candidate does not answer.
    pub unanswered: u64,
}

impl Verdict {
    /// The same with one more reason, before all others, and with the decision that it leaves.
    #[must_use]
    pub(crate) fn led_by(mut self, reason: Reason) -> Self {
        if self.decision == Decision::Pass
            && let Some(forced) = reason.kind.forces()
        {
            self.decision = forced;
        }
        self.reasons.insert(0, reason);
        self
    }

    /// Newly failing scenes that are listed, so that evidence and report stay small.
    pub const NEWLY_FAILING_MAX: usize = 200;

    /// Exit status of a process that ends with this verdict: 0 for `PASS`, 3 otherwise.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if self.decision == Decision::Pass {
            0
        } else {
            3
        }
    }

    /// The reasons as texts, the decisive ones first.
    #[must_use]
    pub fn reason_texts(&self) -> Vec<String> {
        self.reasons
            .iter()
            .map(|reason| reason.text.clone())
            .collect()
    }

    /// What more data would decide, metric by metric; [`Verdict::wanted`] has it slice by slice.
    pub fn shortfalls(&self) -> impl Iterator<Item = &Shortfall> {
        self.reasons
            .iter()
            .filter_map(|reason| reason.shortfall.as_ref())
    }

    /// The comparison of a metric on a slice.
    #[must_use]
    pub fn comparison(&self, metric: &str, slice: &str) -> Option<&Comparison> {
        self.comparisons
            .iter()
            .find(|c| c.metric == metric && c.slice == slice)
    }
}

/// What a reason does to the verdict. In the order in which reasons are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// What the baseline is, and what became of it: it decides nothing.
    Baseline,
    /// The baseline is not what a release is compared with: no `PASS`.
    UnfitBaseline,
    /// A veto holds: blocks.
    Veto,
    /// A metric got significantly worse, and that blocks.
    Worse,
    /// The candidate leaves scenes or metrics unanswered: no `PASS`.
    Unanswered,
    /// A safety-critical metric was not shown to be no worse than its margin: no `PASS`.
    NotShown,
    /// A metric got significantly worse that a person must weigh: no `PASS`.
    Review,
    /// What the p-values and intervals assume and the data cannot say.
    Assumed,
    /// A safety-critical metric was shown to be no worse than its margin.
    NoWorse,
    /// A metric got significantly worse that is only reported.
    Reported,
    /// A metric got significantly better.
    Better,
    /// The mean of a metric that orders the scenes, for orientation: it decides nothing.
    Mean,
    /// How score files were read, and what of them was left out: it decides nothing.
    Reading,
    /// What the comparison leaves out, and why: it decides nothing.
    Note,
}

impl ReasonKind {
    /// The decision that the reason forces, if any.
    #[must_use]
    pub fn forces(self) -> Option<Decision> {
        match self {
            Self::Veto | Self::Worse => Some(Decision::Block),
            Self::UnfitBaseline | Self::Unanswered | Self::NotShown | Self::Review => {
                Some(Decision::Inconclusive)
            }
            Self::Baseline
            | Self::Assumed
            | Self::NoWorse
            | Self::Reported
            | Self::Better
            | Self::Mean
            | Self::Reading
            | Self::Note => None,
        }
    }
}

/// One reason, in words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// What it does to the verdict.
    pub kind: ReasonKind,
    /// The metric, where it is about one.
    pub metric: Option<String>,
    /// The slice, where it is about one.
    pub slice: Option<String>,
    /// The sentence.
    pub text: String,
    /// The data that would decide it.
    pub shortfall: Option<Shortfall>,
}

/// How much more data would decide a metric on a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shortfall {
    /// The metric.
    pub metric: String,
    /// The slice.
    pub slice: String,
    /// Scenes at hand.
    pub scenes: u64,
    /// Further scenes that would decide it with the power of the rules.
    pub more_scenes: u64,
    /// Drives at hand.
    pub drives: u64,
    /// Further drives that these scenes must come from.
    pub more_drives: u64,
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Significantly worse, after correction for the number of tests.
    Worse,
    /// Significantly better, after correction.
    Better,
    /// No significant difference. That is no proof of equality: see `no_worse`.
    NoDifference,
    /// Too few scenes to test.
    TooFew,
}

/// Scenes of a pass/fail metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// That the baseline fails.
    pub baseline: u64,
    /// That the candidate fails.
    pub candidate: u64,
    /// That only the candidate fails.
    pub new: u64,
    /// That only the baseline fails.
    pub mended: u64,
}

/// One metric on one slice. A *worsening* is positive where the candidate is worse, whichever way the metric runs:
/// the difference of the failing shares, or of the means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The metric.
    pub metric: String,
    /// The slice.
    pub slice: String,
    /// What the values are.
    pub kind: Kind,
    /// Whether the rules call it safety-critical.
    pub safety_critical: bool,
    /// Scenes with a value of both.
    pub scenes: u64,
    /// Drives behind them.
    pub drives: u64,
    /// Such scenes for which the candidate has no value.
    pub unanswered: u64,
    /// Mean of the baseline.
    pub baseline_mean: f64,
    /// Mean of the candidate.
    pub candidate_mean: f64,
    /// Failing scenes of a pass/fail metric.
    pub failing: Option<Failing>,
    /// Mean worsening.
    pub worsening: f64,
    /// Its standard error, drives being the units; none for one drive.
    pub worsening_error: Option<f64>,
    /// Lower end of its interval, not corrected for the number of tests. None with too few drives, and where the test,
    /// which assumes more, contradicts it.
    pub worsening_low: Option<f64>,
    /// Upper end of its interval.
    pub worsening_high: Option<f64>,
    /// Upper bound of the worsening that decides `no_worse`: with few drives it lies beyond the interval.
    pub bound: Option<f64>,
    /// How many scenes of these drives say as much as an independent one; pass/fail only.
    pub design_effect: Option<f64>,
    /// The test of "no difference".
    pub test: Option<&'static str>,
    /// Its two-sided p-value.
    pub p_value: Option<f64>,
    /// Its one-sided p-value for "worse".
    pub p_worse: Option<f64>,
    /// Its one-sided p-value for "better".
    pub p_better: Option<f64>,
    /// The one-sided p-value on the side that was observed, adjusted for the tests of its family.
    pub q_value: Option<f64>,
    /// The family that it is adjusted for.
    pub family: Option<Family>,
    /// What was found.
    pub finding: Finding,
    /// Largest worsening that is no worsening.
    pub margin: Option<f64>,
    /// Whether the candidate was shown to be no worse than the margin.
    pub no_worse: Option<bool>,
    /// Scenes and drives in all that would decide it with the power of the rules. None where no margin is left to be
    /// shown, and beyond [`Needed::COUNT_MAX`].
    pub needed: Option<Needed>,
    /// Those that would show it to be no worse if there is in truth no difference.
    pub needed_if_alike: Option<Needed>,
}

/// Tests that are corrected for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Family {
    /// What they look for.
    pub of: FamilyKind,
    /// How many they are.
    pub tests: u64,
}

/// What the tests of a family look for. One family never changes a threshold of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FamilyKind {
    /// Worse, in a metric that blocks (Holm).
    Block,
    /// Worse, in a metric that a person must weigh (Holm).
    Review,
    /// Worse, in a metric that is only reported (Benjamini–Hochberg).
    Report,
    /// Better, in any metric (Benjamini–Hochberg).
    Better,
}

/// Data that would decide a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Scenes in all.
    pub scenes: u64,
    /// Drives in all.
    pub drives: u64,
    /// What the count takes for the truth.
    pub assumes: Assumed,
}

impl Needed {
    /// Beyond so many scenes no count is given: nobody has them, and what was seen says nothing of them.
    pub const COUNT_MAX: u64 = 1_000_000_000;
}

/// What a count of scenes takes for the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumed {
    /// There is no difference.
    NoDifference,
    /// There is no difference, or the candidate is worse by the margin: the count suffices for either.
    NoDifferenceOrMargin,
    /// The candidate is as much worse as it looks.
    SeenEffect,
}

/// A scene that the baseline passes and the candidate fails.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewlyFailing {
    /// The scene.
    pub key: String,
    /// The drive behind it.
    pub drive: String,
    /// Its slices.
    pub slices: Vec<String>,
    /// The metrics that it newly fails.
    pub metrics: Vec<String>,
    /// What to look at: each changed value, baseline to candidate.
    pub look_at: Vec<Change>,
}

/// A value that got worse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The metric.
    pub metric: String,
    /// Value of the baseline.
    pub baseline: f64,
    /// Value of the candidate.
    pub candidate: f64,
}

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
    /// Scenes that the baseline answers and the candidate does not.
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
    /// A safety-critical metric was shown to be no worse than its margin.
    NoWorse,
    /// A metric got significantly worse that is only reported.
    Reported,
    /// A metric got significantly better.
    Better,
    /// The mean of a metric that orders the scenes, for orientation: it decides nothing.
    Mean,
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
            Self::Baseline | Self::NoWorse | Self::Reported | Self::Better | Self::Mean => None,
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
    /// Scenes for which the baseline has a value and the candidate has none.
    pub unanswered: u64,
    /// Mean of the baseline.
    pub baseline_mean: f64,
    /// Mean of the candidate.
    pub candidate_mean: f64,
    /// Failing scenes of a pass/fail metric.
    pub failing: Option<Failing>,
    /// Mean worsening.
    pub worsening: f64,
    /// Lower end of its interval; none with too few drives.
    pub worsening_low: Option<f64>,
    /// Upper end of its interval.
    pub worsening_high: Option<f64>,
    /// How many scenes of these drives say as much as an independent one; pass/fail only.
    pub design_effect: Option<f64>,
    /// The test of "no difference".
    pub test: Option<&'static str>,
    /// Its two-sided p-value.
    pub p_value: Option<f64>,
    /// The p-value adjusted for all tests (Benjamini–Hochberg).
    pub q_value: Option<f64>,
    /// What was found.
    pub finding: Finding,
    /// Largest worsening that is no worsening.
    pub margin: Option<f64>,
    /// Whether the candidate was shown to be no worse than the margin.
    pub no_worse: Option<bool>,
    /// Scenes and drives in all that would decide it with the power of the rules.
    pub needed: Option<Needed>,
}

/// Data that would decide a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Scenes in all.
    pub scenes: u64,
    /// Drives in all.
    pub drives: u64,
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

//! Who is better where.

use driveloop_schemas::SliceMetric;

use crate::coverage::Coverage;

/// What a paired difference says after correction for all slices and metrics; every metric is better where it is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The model is better than the other one.
    Better,
    /// The model is worse.
    Worse,
    /// Neither is shown. That is no proof that they are equal.
    Unclear,
    /// There are too few drives for a word or an interval.
    TooFewDrives,
}

impl Change {
    /// The name for a person or a program, as `slice_metric` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
            Self::TooFewDrives => "too few drives",
        }
    }

    /// What a row of `slice_metric` says; `None` for a row that was written before the words were.
    #[must_use]
    pub fn of(row: &SliceMetric) -> Option<Self> {
        let all = [Self::Better, Self::Worse, Self::Unclear, Self::TooFewDrives];
        all.into_iter().find(|change| change.as_str() == row.change)
    }
}

/// A metric on a slice, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The figures of both models: as in `slice_metric`, the other model being the baseline.
    pub figures: SliceMetric,
    /// What they say.
    pub change: Change,
}

impl Compared {
    pub(crate) fn new(figures: SliceMetric) -> Self {
        let change = Change::of(&figures).unwrap_or(Change::TooFewDrives);
        Self { figures, change }
    }
}

/// Two models side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// By slice (`all` first) and metric.
    pub slices: Vec<Compared>,
    /// How much of the split was answered, of recorded and simulated drives.
    pub coverage: Coverage,
    /// The same of composed drives.
    pub composed: Coverage,
    /// Recorded and simulated drives behind the samples that were compared.
    pub drives: usize,
}

impl Comparison {
    /// Whether both models were scored on every sample of the split.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.coverage.is_whole() && self.composed.is_whole()
    }
}

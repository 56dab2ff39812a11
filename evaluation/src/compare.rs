//! Who is better where.

use driveloop_schemas::SliceMetric;

use crate::options::Missing;

/// What the interval of a paired difference says; every metric is better where it is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The whole interval is below zero: the model is better than the other one.
    Better,
    /// The whole interval is above zero.
    Worse,
    /// Zero is in the interval.
    Unclear,
    /// There are too few drives for an interval.
    NoInterval,
}

impl Change {
    /// The name for a person or a program.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
            Self::NoInterval => "no interval",
        }
    }
}

/// A metric on a slice, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The figures of both models: as in `slice_metric`, the other model being the baseline.
    pub figures: SliceMetric,
    /// What the interval says.
    pub change: Change,
}

impl Compared {
    pub(crate) fn new(figures: SliceMetric) -> Self {
        let interval = figures.difference_low.zip(figures.difference_high);
        let change = match interval {
            None => Change::NoInterval,
            Some((_, high)) if high < 0.0 => Change::Better,
            Some((low, _)) if low > 0.0 => Change::Worse,
            Some(_) => Change::Unclear,
        };
        Self { figures, change }
    }
}

/// Two models side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// By slice (`all` first) and metric.
    pub slices: Vec<Compared>,
    /// Samples that were scored.
    pub samples: usize,
    /// Recorded drives behind them.
    pub drives: usize,
    /// Samples that could not be scored.
    pub missing: Missing,
}

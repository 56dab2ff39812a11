//! Recipes that turn the samples of a value into the value, its rate and its second rate.

use super::{local_fit, median};

/// How derivatives of a track are taken and smoothed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// The least-squares parabola through the samples within half a window of the stamp, on the real stamps (Savitzky and
    /// Golay, "Smoothing and differentiation of data by simplified least squares procedures", 1964; on unequal steps: Fan and
    /// Gijbels, "Local polynomial modelling and its applications", 1996, section 3.1). Exact where a value changes with
    /// constant acceleration, at the ends too; nothing is smoothed across a gap.
    LocalFit {
        /// Half the width of the window.
        half_window_ns: i64,
    },
    /// Central differences, repeated for the second rate, then one running median of seven frames: what the scenario-mining
    /// benchmark RefAV does (Davidson, Ramanan and Peri, "RefAV: towards planning-centric scenario mining", 2025).
    /// Gaps are not noticed, and a track of one frame stands still.
    MedianOfDifferences,
}

/// A value at each stamp; NaN where there are too few samples to say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// The smoothed value.
    pub(crate) value: Vec<f64>,
    /// Per second.
    pub(crate) rate: Vec<f64>,
    /// Per second, squared.
    pub(crate) second_rate: Vec<f64>,
}

impl Default for Recipe {
    /// Half a second to each side: at 10 Hz eleven samples, from which boxes that jitter by 5 cm give the acceleration to
    /// about 0.3 m/s².
    fn default() -> Self {
        Self::LocalFit {
            half_window_ns: 500_000_000,
        }
    }
}

impl Recipe {
    /// The series of finite samples at strictly ascending stamps.
    pub(crate) fn series(self, stamps_ns: &[i64], values: &[f64]) -> Series {
        match self {
            Self::LocalFit { half_window_ns } => {
                local_fit::series(stamps_ns, values, half_window_ns)
            }
            Self::MedianOfDifferences => median::series(stamps_ns, values),
        }
    }
}

impl Series {
    /// A series of as many stamps, all of it unknown.
    pub(super) fn unknown(length: usize) -> Self {
        Self {
            value: vec![f64::NAN; length],
            rate: vec![f64::NAN; length],
            second_rate: vec![f64::NAN; length],
        }
    }
}

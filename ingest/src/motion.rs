//! Velocities and accelerations from positions.

use driveloop_schemas::pose::wrap_rad;
use driveloop_schemas::time::seconds_between;

/// Positions further apart than this are not differenced: the actor was out of sight between them.
pub(crate) const GAP_MAX_NS: i64 = 1_000_000_000;
/// Half the width of the window in which the ego's poses are smoothed.
pub(crate) const HALF_WINDOW_NS: i64 = 100_000_000;
/// And so many samples of it on either side at most: poses come at some kilohertz at the fastest.
pub(crate) const HALF_WINDOW_SAMPLES: usize = 2_048;

/// The rate of a value: central differences over the real stamps, `(x[i+1] - x[i-1]) / (t[i+1] - t[i-1])`, one-sided at the ends
/// and at gaps of more than [`GAP_MAX_NS`]; `None` where there is no neighbour, or an unknown value.
///
/// Stamps ascend strictly.
pub(crate) fn central_difference(stamps_ns: &[i64], values: &[Option<f64>]) -> Vec<Option<f64>> {
    let near = |a: usize, b: usize| stamps_ns[b] - stamps_ns[a] <= GAP_MAX_NS;
    (0..stamps_ns.len())
        .map(|i| {
            values[i]?;
            let before = if i > 0 && near(i - 1, i) && values[i - 1].is_some() {
                i - 1
            } else {
                i
            };
            let after = if i + 1 < stamps_ns.len() && near(i, i + 1) && values[i + 1].is_some() {
                i + 1
            } else {
                i
            };
            let seconds = seconds_between(stamps_ns[before], stamps_ns[after]);
            (before < after).then(|| Some((values[after]? - values[before]?) / seconds))?
        })
        .collect()
}

/// The rate of a value, smoothed: the slope of the least-squares line through the samples within [`HALF_WINDOW_NS`] of the stamp,
/// and at least through the sample's two neighbours where those are within [`GAP_MAX_NS`] (Savitzky and Golay 1964, degree one,
/// on unequal steps). `None` for a sample without neighbours.
///
/// For a value that changes evenly the slope is exact; at the ends of the series it is that of a half window earlier or later.
/// Stamps ascend strictly.
pub(crate) fn smoothed_rate(stamps_ns: &[i64], values: &[f64], along: Along) -> Vec<Option<f64>> {
    let n = stamps_ns.len();
    let (mut first, mut last) = (0, 0);
    let mut rates = Vec::with_capacity(n);
    for i in 0..n {
        while stamps_ns[i] - stamps_ns[first] > HALF_WINDOW_NS || i - first > HALF_WINDOW_SAMPLES {
            first += 1;
        }
        last = last.max(i);
        while last + 1 < n
            && stamps_ns[last + 1] - stamps_ns[i] <= HALF_WINDOW_NS
            && last - i < HALF_WINDOW_SAMPLES
        {
            last += 1;
        }
        let mut from = first;
        if from == i && i > 0 && stamps_ns[i] - stamps_ns[i - 1] <= GAP_MAX_NS {
            from = i - 1;
        }
        let mut to = last;
        if to == i && i + 1 < n && stamps_ns[i + 1] - stamps_ns[i] <= GAP_MAX_NS {
            to = i + 1;
        }
        rates.push(slope(
            &stamps_ns[from..=to],
            &values[from..=to],
            (stamps_ns[i], along),
        ));
    }
    rates
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    Line,
    /// From one value to the next the short way round, in radians.
    Circle,
}

fn slope(stamps_ns: &[i64], values: &[f64], (origin_ns, along): (i64, Along)) -> Option<f64> {
    let n = stamps_ns.len() as f64;
    // Values are taken from their first, so that large map coordinates cost no digits.
    let samples = || {
        let first = values.first().copied().unwrap_or_default();
        let (mut last, mut turned) = (first, 0.0);
        stamps_ns.iter().zip(values).map(move |(t, x)| {
            let seconds = seconds_between(origin_ns, *t);
            if along == Along::Line {
                return (seconds, x - first);
            }
            turned += wrap_rad(x - std::mem::replace(&mut last, *x));
            (seconds, turned)
        })
    };
    let (t_sum, x_sum) = samples().fold((0.0, 0.0), |sum, (t, x)| (sum.0 + t, sum.1 + x));
    let (t_mean, x_mean) = (t_sum / n, x_sum / n);
    let (over, under) = samples().fold((0.0, 0.0), |sum, (t, x)| {
        (
            sum.0 + (t - t_mean) * (x - x_mean),
            sum.1 + (t - t_mean) * (t - t_mean),
        )
    });
    // Two stamps a nanosecond apart carry no rate.
    (under > 1e-12).then(|| over / under)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_NS: i64 = 10_000_000;

    fn known(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn central_differences_are_one_sided_at_ends_and_gaps() {
        let stamps = [0, 1, 2, 4, 20].map(|k| k * 100_000_000);
        let rates = central_difference(&stamps, &known(&[0.0, 1.0, 3.0, 5.0, 50.0]));
        let expected = [Some(10.0), Some(15.0), Some(4.0 / 0.3), Some(10.0), None];
        for (rate, expected) in rates.iter().zip(expected) {
            match (rate, expected) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{a} {b}"),
                (a, b) => assert_eq!(*a, b),
            }
        }
        assert_eq!(central_difference(&[5], &[Some(1.0)]), [None]);
        assert!(central_difference(&[], &[]).is_empty());
    }

    #[test]
    fn the_smoothed_rate_of_a_line_is_its_slope() {
        let stamps: Vec<i64> = (0..100)
            .map(|k| 315_971_916_000_000_000 + k * STEP_NS + k % 3)
            .collect();
        let values: Vec<f64> = stamps
            .iter()
            .map(|t| 5_000.0 + 7.0 * seconds_between(stamps[0], *t))
            .collect();
        for rate in smoothed_rate(&stamps, &values, Along::Line) {
            assert!((rate.unwrap() - 7.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_slow_series_still_has_a_rate_and_a_lone_sample_none() {
        let stamps = [0, 500_000_000, 10_000_000_000];
        let rates = smoothed_rate(&stamps, &[0.0, 1.0, 2.0], Along::Line);
        assert!((rates[0].unwrap() - 2.0).abs() < 1e-12);
        assert!((rates[1].unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(rates[2], None);
    }

    #[test]
    fn headings_pass_half_a_turn() {
        let stamps: Vec<i64> = (0..100).map(|k| k * STEP_NS).collect();
        let yaws: Vec<f64> = stamps
            .iter()
            .map(|t| wrap_rad(3.0 + 2.0 * seconds_between(0, *t)))
            .collect();
        for rate in smoothed_rate(&stamps, &yaws, Along::Circle) {
            assert!((rate.unwrap() - 2.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_window_has_so_many_samples_at_most() {
        // A value that stands still, then leaps: a nanosecond apart, far within the time of a window.
        let stamps: Vec<i64> = (0..10_000).collect();
        let values: Vec<f64> = stamps
            .iter()
            .map(|t| if *t < 5_000 { 0.0 } else { 1.0 })
            .collect();
        let rates = smoothed_rate(&stamps, &values, Along::Line);
        let is_still = |at: usize| rates[at].is_none_or(|rate| rate.abs() < 1e-3);
        assert!(is_still(4_999 - HALF_WINDOW_SAMPLES) && !is_still(5_000));
        assert!(is_still(5_001 + HALF_WINDOW_SAMPLES));
    }
}

//! The local parabola.

use driveloop_schemas::time::seconds_between;

use super::recipe::Series;

/// Samples further apart than this are of different pieces: the actor was out of sight between them.
const GAP_MAX_NS: i64 = 1_000_000_000;
/// Samples that a parabola needs; a window with fewer is widened where the piece has more.
const SAMPLES_MIN: usize = 3;

/// The value and rates of least-squares parabolas; see [`super::Recipe::LocalFit`].
///
/// A window that would reach beyond an end of its piece is moved inwards, and the parabola is read off where the stamp is.
pub(super) fn series(stamps_ns: &[i64], values: &[f64], half_window_ns: i64) -> Series {
    let mut series = Series::unknown(stamps_ns.len());
    let mut first = 0;
    while first < stamps_ns.len() {
        let mut end = first + 1;
        while end < stamps_ns.len()
            && stamps_ns[end].saturating_sub(stamps_ns[end - 1]) <= GAP_MAX_NS
        {
            end += 1;
        }
        piece(
            first,
            &stamps_ns[first..end],
            &values[first..end],
            half_window_ns,
            &mut series,
        );
        first = end;
    }
    series
}

/// Fits one piece; `first` is its place in the series.
fn piece(
    first: usize,
    stamps_ns: &[i64],
    values: &[f64],
    half_window_ns: i64,
    series: &mut Series,
) {
    let last = stamps_ns.len() - 1;
    let (begin_ns, end_ns) = (stamps_ns[0], stamps_ns[last]);
    let (mut from, mut to) = (0, 0);
    for (at, stamp_ns) in stamps_ns.iter().copied().enumerate() {
        // The end first: a piece shorter than the window is in it whole, from either end.
        let middle_ns = stamp_ns
            .min(end_ns.saturating_sub(half_window_ns))
            .max(begin_ns.saturating_add(half_window_ns).min(end_ns));
        while middle_ns.saturating_sub(stamps_ns[from]) > half_window_ns {
            from += 1;
        }
        to = to.max(from);
        while to < last && stamps_ns[to + 1].saturating_sub(middle_ns) <= half_window_ns {
            to += 1;
        }
        let window = widened(stamps_ns, stamp_ns, from, to);
        let fit = parabola(&stamps_ns[window.clone()], &values[window], stamp_ns);
        let [value, rate, second_rate] = fit;
        series.value[first + at] = value;
        series.rate[first + at] = rate;
        series.second_rate[first + at] = second_rate;
    }
}

/// The window, with the nearest samples beside it where it has too few.
fn widened(stamps_ns: &[i64], stamp_ns: i64, from: usize, to: usize) -> std::ops::Range<usize> {
    let (mut from, mut end) = (from, to + 1);
    while end - from < SAMPLES_MIN.min(stamps_ns.len()) {
        let before_ns = (from > 0).then(|| stamp_ns.saturating_sub(stamps_ns[from - 1]));
        let after_ns = stamps_ns
            .get(end)
            .map(|next_ns| next_ns.saturating_sub(stamp_ns));
        match (before_ns, after_ns) {
            (Some(before), Some(after)) if before <= after => from -= 1,
            (Some(_), None) => from -= 1,
            _ => end += 1,
        }
    }
    from..end
}

/// Value, rate and second rate at a stamp of the least-squares parabola, line or constant, as there are samples.
///
/// Written in polynomials that are orthogonal on the samples, so that large coordinates lose no digits.
fn parabola(stamps_ns: &[i64], values: &[f64], stamp_ns: i64) -> [f64; 3] {
    let count = values.len() as f64;
    let seconds: Vec<f64> = stamps_ns
        .iter()
        .map(|t| seconds_between(stamp_ns, *t))
        .collect();
    let mean_s = seconds.iter().sum::<f64>() / count;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() == 1 {
        return [mean, f64::NAN, f64::NAN];
    }
    let from_mean: Vec<f64> = seconds.iter().map(|s| s - mean_s).collect();
    let moment = |power: i32| from_mean.iter().map(|u| u.powi(power)).sum::<f64>();
    let (square, cube) = (moment(2), moment(3));
    let project = |basis: &dyn Fn(f64) -> f64| {
        let pairs = from_mean.iter().zip(values);
        pairs.map(|(u, y)| basis(*u) * (y - mean)).sum::<f64>()
    };
    let slope = project(&|u| u) / square;
    let line = mean - slope * mean_s;
    if values.len() == 2 {
        return [line, slope, f64::NAN];
    }
    let bend = |u: f64| u * u - cube / square * u - square / count;
    let size: f64 = from_mean.iter().map(|u| bend(*u).powi(2)).sum();
    let curvature = project(&bend) / size;
    [
        line + curvature * bend(-mean_s),
        slope + curvature * (-2.0 * mean_s - cube / square),
        2.0 * curvature,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_NS: i64 = 500_000_000;

    fn stamps(milliseconds: &[i64]) -> Vec<i64> {
        let start_ns = 1_700_000_000_000_000_000;
        milliseconds
            .iter()
            .map(|ms| start_ns + ms * 1_000_000)
            .collect()
    }

    fn check(milliseconds: &[i64]) {
        let stamps_ns = stamps(milliseconds);
        let seconds: Vec<f64> = stamps_ns
            .iter()
            .map(|t| seconds_between(stamps_ns[0], *t))
            .collect();
        let values: Vec<f64> = seconds
            .iter()
            .map(|s| 5000.0 - 3.0 * s + 0.75 * s * s)
            .collect();
        let series = series(&stamps_ns, &values, HALF_NS);
        for (at, s) in seconds.iter().enumerate() {
            assert!(
                (series.value[at] - values[at]).abs() < 1e-8,
                "{milliseconds:?}"
            );
            assert!(
                (series.rate[at] - (1.5 * s - 3.0)).abs() < 1e-7,
                "{milliseconds:?}"
            );
            assert!(
                (series.second_rate[at] - 1.5).abs() < 1e-6,
                "{milliseconds:?}"
            );
        }
    }

    #[test]
    fn constant_acceleration_is_exact_at_the_ends_and_on_unequal_steps() {
        check(&(0..40).map(|k| k * 100).collect::<Vec<_>>());
        check(&[
            0, 90, 210, 290, 420, 500, 580, 720, 800, 905, 1010, 1090, 1900,
        ]);
        check(&[0, 1000, 2000, 3000]);
        check(&[0, 100, 200]);
    }

    #[test]
    fn a_jitter_of_the_box_is_smoothed() {
        let stamps_ns = stamps(&(0..40).map(|k| k * 100).collect::<Vec<_>>());
        let values: Vec<f64> = (0..40)
            .map(|k| if k % 2 == 0 { 0.05 } else { -0.05 })
            .collect();
        let series = series(&stamps_ns, &values, HALF_NS);
        assert!(
            series.rate[5..35].iter().all(|rate| rate.abs() < 0.06),
            "{series:?}"
        );
        assert!(
            series.second_rate[5..35]
                .iter()
                .all(|rate| rate.abs() < 0.25),
            "{series:?}"
        );
    }

    #[test]
    fn a_gap_separates() {
        let stamps_ns = stamps(&[0, 100, 200, 300, 5000, 5100, 5200, 9000]);
        let values = [0.0, 1.0, 2.0, 3.0, 0.0, -1.0, -2.0, 7.0];
        let series = series(&stamps_ns, &values, HALF_NS);
        let rates = [10.0, 10.0, 10.0, 10.0, -10.0, -10.0, -10.0];
        assert!(
            series
                .rate
                .iter()
                .zip(rates)
                .all(|(got, want)| (got - want).abs() < 1e-6)
        );
        assert!((series.value[7] - 7.0).abs() < 1e-12);
        assert!(series.rate[7].is_nan() && series.second_rate[7].is_nan());
    }

    #[test]
    fn two_samples_make_a_line() {
        let series = series(&stamps(&[0, 500]), &[1.0, 2.0], HALF_NS);
        assert_eq!(series.rate, [2.0, 2.0]);
        assert!(series.second_rate.iter().all(|rate| rate.is_nan()));
        assert!(super::series(&[], &[], HALF_NS).value.is_empty());
    }
}

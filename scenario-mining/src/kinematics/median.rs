//! Central differences and the running median.

use super::recipe::Series;

/// Frames of the running median.
const WINDOW_FRAMES: usize = 7;

/// The value and rates of medians of differences; see [`super::Recipe::MedianOfDifferences`].
///
/// The derivative is taken first, once or twice, and filtered once.
pub(super) fn series(stamps_ns: &[i64], values: &[f64]) -> Series {
    if values.len() == 1 {
        return Series {
            value: values.to_vec(),
            rate: vec![0.0],
            second_rate: vec![0.0],
        };
    }
    let rate = central_difference(stamps_ns, values, |difference| difference);
    let second_rate = central_difference(stamps_ns, &rate, |difference| difference);
    Series {
        value: running_median(values),
        rate: running_median(&rate),
        second_rate: running_median(&second_rate),
    }
}

/// The rate of change between the frame before and the frame after, one-sided at the ends, per second; `wrap` brings a difference
/// of angles into range. Two samples or more.
pub(super) fn central_difference(
    stamps_ns: &[i64],
    values: &[f64],
    wrap: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let last = values.len().saturating_sub(1);
    let rate = |at: usize| {
        let (before, after) = (at.saturating_sub(1), (at + 1).min(last));
        let step_ns = stamps_ns[after].wrapping_sub(stamps_ns[before]) as f64;
        1e9 * wrap(values[after] - values[before]) / step_ns
    };
    (0..values.len()).map(rate).collect()
}

/// The median of the frames around each, the end frames repeated beyond the ends. Of an even number (a track of fewer frames than
/// the window) it is the upper one of the two in the middle, and the window has one frame more before than after.
fn running_median(values: &[f64]) -> Vec<f64> {
    let frames = WINDOW_FRAMES.min(values.len());
    let last = values.len().saturating_sub(1);
    let median = |at: usize| {
        let mut window = [0.0; WINDOW_FRAMES];
        for (offset, slot) in window[..frames].iter_mut().enumerate() {
            *slot = values[(at + offset).saturating_sub(frames / 2).min(last)];
        }
        window[..frames].sort_unstable_by(f64::total_cmp);
        window[frames / 2]
    };
    (0..values.len()).map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition of `scipy.ndimage.median_filter(values, size=min(7, len(values)), mode="nearest")`.
    #[test]
    fn medians_repeat_the_end_frames() {
        let values = [3.0, 9.0, 1.0, 4.0, 8.0, 2.0, 7.0, 0.0, 5.0];
        let expected = [3.0, 3.0, 3.0, 4.0, 4.0, 4.0, 5.0, 5.0, 5.0];
        assert_eq!(running_median(&values), expected);
        assert_eq!(running_median(&[3.0, 9.0, 1.0, 4.0]), [3.0, 3.0, 4.0, 4.0]);
        assert_eq!(running_median(&[3.0, 9.0]), [3.0, 9.0]);
        assert_eq!(running_median(&[3.0]), [3.0]);
    }

    #[test]
    fn differences_are_central_and_one_sided_at_the_ends() {
        let stamps_ns = [0, 1_000_000_000, 3_000_000_000];
        let rates = central_difference(&stamps_ns, &[0.0, 3.0, 9.0], |difference| difference);
        assert_eq!(rates, [3.0, 3.0, 3.0]);
        let rates = central_difference(&stamps_ns, &[0.0, 1.0, 9.0], |difference| difference);
        assert_eq!(rates, [1.0, 3.0, 4.0]);
    }

    #[test]
    fn a_track_of_one_frame_stands() {
        let series = series(&[5], &[2.0]);
        assert_eq!(
            (series.value[0], series.rate[0], series.second_rate[0]),
            (2.0, 0.0, 0.0)
        );
        assert!(super::series(&[], &[]).value.is_empty());
    }
}

//! Exact tests of "no difference": McNemar for independent scenes, sign flips of whole drives where scenes cluster.
//!
//! Both are one test. Under no difference, swapping candidate and baseline of an independent unit changes nothing, so
//! the sum of the units' differences has the distribution of its random sign flips (Fisher 1935, *The Design of
//! Experiments*, section 21; Good 2005, *Permutation, Parametric and Bootstrap Tests of Hypotheses*, section 3.2).
//! With one scene per unit that distribution is the binomial one, and the test is McNemar's in its exact form.
//! With several scenes per drive, flipping scenes alone would count correlated scenes as independent and give too
//! small p-values (Durkalski et al. 2003, *Statistics in Medicine* 22:2417), so whole drives are flipped.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::function::beta::beta_reg;

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Exact McNemar.
    McNemar,
    /// Every flip of the drives counted.
    FlipExact,
    /// Random flips of the drives.
    FlipDrawn,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::McNemar => "exact McNemar",
            Self::FlipExact => "exact sign-flip test",
            Self::FlipDrawn => "drawn sign-flip test",
        }
    }
}

/// Work that the exact distribution of weighted flips may take, in additions; beyond it flips are drawn.
const EXACT_WORK_MAX: usize = 200_000_000;
/// Units up to which all flips of real-valued sums are enumerated.
const ENUMERATED_MAX: usize = 16;

/// Two-sided exact McNemar p-value for `new` and `mended` discordant scenes (Agresti 2013, *Categorical Data
/// Analysis*, 3rd ed., section 11.1): twice the upper tail of the binomial distribution with one half, by the
/// regularised beta function, which keeps its relative precision however small the tail is.
pub(crate) fn mcnemar(new: u64, mended: u64) -> f64 {
    let (more, fewer) = (new.max(mended), new.min(mended));
    if more == fewer {
        return 1.0;
    }
    (2.0 * beta_reg(more as f64, fewer as f64 + 1.0, 0.5)).min(1.0)
}

/// Two-sided p-value for whole-number differences of the drives.
pub(crate) fn flip_counts(differences: &[i64], draws: u32, seed: u64) -> (f64, Method) {
    let sizes: Vec<usize> = differences
        .iter()
        .map(|d| d.unsigned_abs() as usize)
        .filter(|d| *d > 0)
        .collect();
    let observed = differences.iter().sum::<i64>().unsigned_abs() as usize;
    let total: usize = sizes.iter().sum();
    if observed == 0 {
        return (1.0, Method::FlipExact);
    }
    if sizes.len().saturating_mul(total) > EXACT_WORK_MAX {
        let sums: Vec<f64> = differences.iter().map(|d| *d as f64).collect();
        return flip_sums(&sums, draws, seed);
    }
    // Sum of flips = 2 · (sum of a random subset) − total, so the subset sums are enough.
    let mut share = vec![0.0_f64; total + 1];
    share[0] = 1.0;
    let mut reached = 0;
    for size in sizes {
        reached += size;
        for sum in (0..=reached).rev() {
            let with = if sum >= size { share[sum - size] } else { 0.0 };
            share[sum] = 0.5 * (share[sum] + with);
        }
    }
    let tail: f64 = share[(total + observed) / 2..].iter().sum();
    ((2.0 * tail).min(1.0), Method::FlipExact)
}

/// Two-sided p-value for real-valued differences of the drives: all flips of up to 16 drives, else `draws` random
/// ones, of which the observed one counts as one more (Phipson and Smyth 2010).
pub(crate) fn flip_sums(sums: &[f64], draws: u32, seed: u64) -> (f64, Method) {
    let sums: Vec<f64> = sums.iter().copied().filter(|sum| *sum != 0.0).collect();
    let observed = sums.iter().sum::<f64>().abs();
    let scale: f64 = sums.iter().map(|sum| sum.abs()).sum();
    // Equal sums that were added in another order count as equal.
    let threshold = observed - 1e-12 * scale;
    if sums.is_empty() || threshold <= 0.0 {
        return (1.0, Method::FlipExact);
    }
    if sums.len() <= ENUMERATED_MAX {
        let flips = 1_u64 << sums.len();
        let beyond = (0..flips)
            .filter(|signs| flipped(&sums, &[*signs]).abs() >= threshold)
            .count();
        return (beyond as f64 / flips as f64, Method::FlipExact);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut signs = vec![0_u64; sums.len().div_ceil(64)];
    let mut beyond = 0_u32;
    for _ in 0..draws {
        signs.iter_mut().for_each(|word| *word = rng.next_u64());
        beyond += u32::from(flipped(&sums, &signs).abs() >= threshold);
    }
    (
        f64::from(beyond + 1) / f64::from(draws + 1),
        Method::FlipDrawn,
    )
}

fn flipped(sums: &[f64], signs: &[u64]) -> f64 {
    let mut total = 0.0;
    for (chunk, word) in sums.chunks(64).zip(signs) {
        for (bit, sum) in chunk.iter().enumerate() {
            // The sign bit of the number is the random bit: no branch.
            total += f64::from_bits(sum.to_bits() ^ ((word >> bit & 1) << 63));
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!(
            (actual / expected - 1.0).abs() < 1e-9,
            "{actual:e} against {expected:e}"
        );
    }

    /// Expectations from `SciPy` 1.17.1, `binomtest(new, new + mended, 0.5).pvalue`.
    #[test]
    fn mcnemar_agrees_with_scipy() {
        close(mcnemar(218, 113), 8.231_068_523_429e-9);
        close(mcnemar(250, 141), 3.878_018_034_306e-8);
        close(mcnemar(148, 228), 4.343_062_279_935e-5);
        close(mcnemar(97, 106), 5.745_722_959_152e-1);
        assert!((mcnemar(0, 0) - 1.0).abs() < 1e-15);
        // A tail far below what a sum of rounded terms could hold.
        close(mcnemar(1000, 0), 2.0 * 0.5_f64.powi(1000));
    }

    /// Fagerland, Lydersen and Laake (2013), *BMC Medical Research Methodology* 13:91: airway hyper-responsiveness
    /// before and after stem cell transplantation (1 and 7 discordant of 21), exact conditional p = 0.070.
    #[test]
    fn mcnemar_agrees_with_a_published_example() {
        assert!((mcnemar(1, 7) - 0.070).abs() < 5e-4);
    }

    #[test]
    fn flips_of_single_scenes_are_mcnemar() {
        let differences: Vec<i64> = std::iter::repeat_n(1, 30)
            .chain(std::iter::repeat_n(-1, 12))
            .chain([0; 5])
            .collect();
        close(flip_counts(&differences, 0, 0).0, mcnemar(30, 12));
    }

    #[test]
    fn the_three_ways_to_flip_agree() {
        let differences = [5, 3, -1, 2, 4, -2, 1, 1, 3, -1, 2, 6];
        let sums: Vec<f64> = differences.iter().map(|d| *d as f64).collect();
        let (exact, _) = flip_counts(&differences, 0, 0);
        close(flip_sums(&sums, 0, 0).0, exact);
        let padded: Vec<i64> = differences
            .iter()
            .copied()
            .chain([1, -1, 1, -1, 2, -2])
            .collect();
        let sums: Vec<f64> = padded.iter().map(|d| *d as f64).collect();
        let (exact, _) = flip_counts(&padded, 0, 0);
        let (drawn, method) = flip_sums(&sums, 99_999, 7);
        assert_eq!(method, Method::FlipDrawn);
        assert!((drawn - exact).abs() < 0.005, "{drawn} against {exact}");
    }

    #[test]
    fn one_drive_proves_nothing() {
        assert!((flip_counts(&[40], 0, 0).0 - 1.0).abs() < 1e-15);
    }
}

//! Tests of "no difference": McNemar for independent scenes, sign flips of whole drives where scenes cluster.
//!
//! Both are one test. Under no difference, swapping candidate and baseline of an independent unit changes nothing, so
//! the sum of the units' differences has the distribution of its random sign flips (Fisher 1935, *The Design of
//! Experiments*, section 21; Good 2005, *Permutation, Parametric and Bootstrap Tests of Hypotheses*, section 3.2).
//! With one scene per unit that distribution is the binomial one, and the test is McNemar's in its exact form.
//! With several scenes per drive, flipping scenes alone would count correlated scenes as independent and give too
//! small p-values (Durkalski et al. 2003, *Statistics in Medicine* 22:2417), so whole drives are flipped.
//!
//! No flip is drawn at random. The distribution is computed where it is small, else its tail is approximated with a
//! relative error (Robinson 1982), so that a p-value of 1e-12 is one and not the floor of so many draws.

use statrs::function::beta::beta_reg;

use crate::saddlepoint::signs_tail;

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Exact McNemar.
    McNemar,
    /// Every flip of the drives counted.
    FlipExact,
    /// The flips of the drives, their tail by a saddlepoint approximation.
    FlipSaddlepoint,
}

impl Method {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::McNemar => "exact McNemar",
            Self::FlipExact => "exact sign-flip test",
            Self::FlipSaddlepoint => "sign-flip test (saddlepoint)",
        }
    }
}

/// Which way a difference is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The sum is above 0.
    Above,
    /// The sum is below 0.
    Below,
    /// Either.
    Both,
}

/// The p-values of one test of "no difference".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flips {
    /// One-sided: the sum is above 0.
    pub above: f64,
    /// One-sided: the sum is below 0.
    pub below: f64,
    /// Two-sided.
    pub both: f64,
    /// How they were computed.
    pub method: Method,
}

impl Flips {
    /// The p-value of a side.
    #[must_use]
    pub fn p_value(&self, side: Side) -> f64 {
        match side {
            Side::Above => self.above,
            Side::Below => self.below,
            Side::Both => self.both,
        }
    }

    /// From the chances to be at least as far out as observed, and further out, on the side of `observed`.
    fn new(observed: f64, tail: f64, beyond: f64, method: Method) -> Self {
        let (tail, other) = (tail.min(1.0), (1.0 - beyond).clamp(0.0, 1.0));
        let (above, below) = if observed >= 0.0 {
            (tail, other)
        } else {
            (other, tail)
        };
        Self {
            above,
            below,
            both: (2.0 * tail).min(1.0),
            method,
        }
    }

    /// No unit differs.
    fn nothing() -> Self {
        Self::new(0.0, 1.0, 0.0, Method::FlipExact)
    }
}

/// Work that the exact distribution of weighted flips may take, in additions; beyond it the tail is approximated.
const EXACT_WORK_MAX: usize = 20_000_000;
/// Units up to which all flips of real-valued sums are counted.
const ENUMERATED_MAX: usize = 14;
/// Of more units, those that hold more than this share of the squares are flipped one by one, because no approximation
/// smooths over them.
const DOMINANT_SHARE: f64 = 0.125;

/// Exact McNemar p-values for `new` and `mended` discordant scenes (Agresti 2013, *Categorical Data Analysis*, 3rd ed.,
/// section 11.1): tails of the binomial distribution with one half, by the regularised beta function, which keeps its
/// relative precision however small the tail is. `above`: more newly fail.
#[must_use]
pub fn mcnemar(new: u64, mended: u64) -> Flips {
    let (more, fewer) = (new.max(mended) as f64, new.min(mended) as f64);
    if more == 0.0 {
        return Flips {
            method: Method::McNemar,
            ..Flips::nothing()
        };
    }
    let tail = beta_reg(more, fewer + 1.0, 0.5);
    let beyond = if fewer == 0.0 {
        0.0
    } else {
        beta_reg(more + 1.0, fewer, 0.5)
    };
    Flips::new(new as f64 - mended as f64, tail, beyond, Method::McNemar)
}

/// The p-value of the sign flips of the drives' summed differences, on one side or both.
#[must_use]
pub fn flip_test(sums: &[f64], side: Side) -> f64 {
    flip_sums(sums).p_value(side)
}

/// p-values for whole-number differences of the drives.
#[must_use]
pub fn flip_counts(differences: &[i64]) -> Flips {
    let sizes: Vec<usize> = differences
        .iter()
        .map(|d| d.unsigned_abs() as usize)
        .filter(|d| *d > 0)
        .collect();
    let observed: i64 = differences.iter().sum();
    let distance = observed.unsigned_abs() as usize;
    let total: usize = sizes.iter().sum();
    if total == 0 {
        return Flips::nothing();
    }
    if sizes.len().saturating_mul(total) > EXACT_WORK_MAX {
        let sizes: Vec<f64> = sizes.into_iter().map(|size| size as f64).collect();
        // Sums lie 2 apart: half of that is what a continuous tail lacks (Daniels 1987, *International Statistical
        // Review* 55:37).
        let tail = |at: usize| mixed_tail(&sizes, at as f64 - 1.0, 1e-9);
        let (tail, beyond) = (tail(distance), tail(distance + 2));
        return Flips::new(observed as f64, tail, beyond, Method::FlipSaddlepoint);
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
    let at = (total + distance) / 2;
    let beyond: f64 = share[at + 1..].iter().sum();
    let tail = beyond + share[at];
    Flips::new(observed as f64, tail, beyond, Method::FlipExact)
}

/// p-values for real-valued differences of the drives.
#[must_use]
pub fn flip_sums(sums: &[f64]) -> Flips {
    let observed = sums.iter().sum::<f64>();
    let mut sizes: Vec<f64> = sums
        .iter()
        .map(|sum| sum.abs())
        .filter(|size| *size > 0.0)
        .collect();
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    if sizes.is_empty() {
        return Flips::nothing();
    }
    // Equal sums that were added in another order count as equal.
    let slack = 1e-12 * sizes.iter().sum::<f64>();
    let distance = observed.abs();
    if sizes.len() <= ENUMERATED_MAX {
        let (mut tail, mut beyond) = (0_u32, 0_u32);
        let flips = 1_u32 << sizes.len();
        for signs in 0..flips {
            let sum = flipped(&sizes, signs);
            tail += u32::from(sum >= distance - slack);
            beyond += u32::from(sum > distance + slack);
        }
        let share = |count: u32| f64::from(count) / f64::from(flips);
        return Flips::new(observed, share(tail), share(beyond), Method::FlipExact);
    }
    let tail = mixed_tail(&sizes, distance, slack);
    Flips::new(observed, tail, tail, Method::FlipSaddlepoint)
}

/// Chance that the flips of `sizes`, above 0, sum up to at least `at`: the flips of those that dominate one by one, the
/// rest by approximation. Never below the chance of the single outermost flip.
fn mixed_tail(sizes: &[f64], at: f64, slack: f64) -> f64 {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut squares: f64 = sizes.iter().map(|size| size * size).sum();
    let mut dominant = 0;
    while dominant < ENUMERATED_MAX.min(sizes.len() - 1)
        && sizes[dominant].powi(2) > DOMINANT_SHARE * squares
    {
        squares -= sizes[dominant].powi(2);
        dominant += 1;
    }
    let (dominant, rest) = sizes.split_at(dominant);
    let flips = 1_u32 << dominant.len();
    let tails = (0..flips).map(|signs| {
        let left = at - flipped(dominant, signs);
        if left > 0.0 {
            signs_tail(rest, left, slack)
        } else {
            1.0 - signs_tail(rest, -left, slack)
        }
    });
    let tail = tails.sum::<f64>() / f64::from(flips);
    let outermost = 0.5_f64.powi(i32::try_from(sizes.len()).unwrap_or(i32::MAX));
    tail.max(outermost)
}

fn flipped(sizes: &[f64], signs: u32) -> f64 {
    let signed = sizes.iter().enumerate();
    signed
        .map(|(bit, size)| if signs >> bit & 1 == 0 { *size } else { -size })
        .sum()
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

    fn within(actual: f64, expected: f64, share: f64) {
        assert!(
            (actual / expected - 1.0).abs() < share,
            "{actual:e} against {expected:e}"
        );
    }

    fn real(differences: &[i64]) -> Vec<f64> {
        differences.iter().map(|d| *d as f64).collect()
    }

    /// Expectations from `SciPy` 1.17.1, `binomtest(new, new + mended, 0.5).pvalue`, and one-sided
    /// `binom.sf(new - 1, new + mended, 0.5)`.
    #[test]
    fn mcnemar_agrees_with_scipy() {
        close(mcnemar(218, 113).both, 8.231_068_523_429e-9);
        close(mcnemar(250, 141).both, 3.878_018_034_306e-8);
        close(mcnemar(148, 228).both, 4.343_062_279_935e-5);
        close(mcnemar(97, 106).both, 5.745_722_959_152e-1);
        close(mcnemar(7, 1).above, 9.0 / 256.0);
        close(mcnemar(7, 1).below, 255.0 / 256.0);
        close(mcnemar(1, 7).below, 9.0 / 256.0);
        close(mcnemar(5, 0).below, 1.0);
        assert!((mcnemar(0, 0).both - 1.0).abs() < 1e-15);
        // A tail far below what a sum of rounded terms could hold.
        close(mcnemar(1000, 0).both, 2.0 * 0.5_f64.powi(1000));
    }

    /// Fagerland, Lydersen and Laake (2013), *BMC Medical Research Methodology* 13:91: airway hyper-responsiveness
    /// before and after stem cell transplantation (1 and 7 discordant of 21), exact conditional p = 0.070.
    #[test]
    fn mcnemar_agrees_with_a_published_example() {
        assert!((mcnemar(1, 7).both - 0.070).abs() < 5e-4);
    }

    /// Darwin's 15 pairs of plants, the example that Fisher flips the signs of (*The Design of Experiments*, section 21):
    /// of 32,768 flips 863 have a sum of 314 or more, or, the other way, as little; two-sided p = 0.0527.
    #[test]
    fn darwins_plants_have_fishers_p_value() {
        let eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
        let exact = flip_counts(&eighths);
        close(exact.above, 863.0 / 32_768.0);
        close(exact.both, 1726.0 / 32_768.0);
        // The same by approximation, of which 15 units are the fewest that are not enumerated.
        let approximated = flip_sums(&real(&eighths));
        assert_eq!(approximated.method, Method::FlipSaddlepoint);
        within(approximated.both, 1726.0 / 32_768.0, 0.03);
    }

    #[test]
    fn flips_of_single_scenes_are_mcnemar() {
        let differences: Vec<i64> = std::iter::repeat_n(1, 30)
            .chain(std::iter::repeat_n(-1, 12))
            .chain([0; 5])
            .collect();
        let flips = flip_counts(&differences);
        close(flips.both, mcnemar(30, 12).both);
        close(flips.below, mcnemar(30, 12).below);
    }

    #[test]
    fn counted_and_enumerated_flips_agree() {
        let differences = [5, 3, -1, 2, 4, -2, 1, 1, 3, -1, 2, 6];
        let (counted, enumerated) = (flip_counts(&differences), flip_sums(&real(&differences)));
        close(enumerated.both, counted.both);
        close(enumerated.above, counted.above);
        close(enumerated.below, counted.below);
    }

    /// Against the exact distribution of the same sums on a fine grid, from the centre to a tail of 1e-17, with a drive
    /// that outweighs the others and without.
    #[test]
    fn the_approximated_tail_agrees_with_the_exact_one() {
        for heavy in [0_i64, 900] {
            for worse in [34, 42, 50, 60] {
                let mut differences: Vec<i64> = (0..60)
                    .map(|drive| {
                        let size = 10 + (drive * 37) % 53;
                        if drive < worse { size } else { -size }
                    })
                    .collect();
                differences.push(heavy);
                let exact = flip_counts(&differences);
                assert_eq!(exact.method, Method::FlipExact);
                let approximated = flip_sums(&real(&differences));
                if exact.both < 1.0 {
                    within(approximated.both, exact.both, 0.04);
                }
            }
        }
    }

    /// A drawn p-value would stop at one over the draws.
    #[test]
    fn a_regression_of_many_errors_has_no_floor() {
        let sums: Vec<f64> = (0..100)
            .map(|drive| 0.68 + f64::from((drive * 61) % 100 - 50) / 30.0)
            .collect();
        let p_value = flip_test(&sums, Side::Above);
        assert!(p_value < 1e-8, "{p_value:e}");
        assert!(flip_test(&sums, Side::Below) > 1.0 - 1e-8);
    }

    #[test]
    fn one_drive_proves_nothing() {
        assert!((flip_counts(&[40]).both - 1.0).abs() < 1e-15);
        assert!((flip_test(&[40.0], Side::Both) - 1.0).abs() < 1e-15);
        assert_eq!(flip_test(&[], Side::Above), 1.0);
    }
}

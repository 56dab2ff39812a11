//! The standard normal distribution.

use statrs::function::erf::{erf_inv, erfc};

/// Quantile of the standard normal distribution.
#[must_use]
pub fn normal_quantile(share: f64) -> f64 {
    std::f64::consts::SQRT_2 * erf_inv(2.0 * share - 1.0)
}

/// Chance that a standard normal number is at least `z`.
#[must_use]
pub fn normal_tail(z: f64) -> f64 {
    0.5 * erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (share, expected) in [
            (0.975, 1.959_963_984_540_054),
            (0.8, 0.841_621_233_572_914_3),
            (1.0 - 0.025 / 150.0, 3.587_914_672_287_961),
        ] {
            assert!((normal_quantile(share) - expected).abs() < 1e-6, "{share}");
        }
    }

    /// `scipy.stats.norm.sf`.
    #[test]
    fn normal_tails_keep_their_digits() {
        for (z, expected) in [
            (0.0, 0.5),
            (1.959_963_984_540_054, 0.025),
            (6.8, 5.230_957_544_144_583e-12),
            (12.0, 1.776_482_112_077_653e-33),
        ] {
            assert!((normal_tail(z) / expected - 1.0).abs() < 1e-9, "{z}");
        }
    }
}

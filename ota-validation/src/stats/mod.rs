//! The statistics of the gate. Every function is pure; random ones take a seed.

pub(crate) mod bootstrap;
pub(crate) mod exact;
pub(crate) mod multiple;
pub(crate) mod power;
pub(crate) mod score;

use statrs::function::erf::erf_inv;

/// Quantile of the standard normal distribution.
pub(crate) fn normal_quantile(share: f64) -> f64 {
    std::f64::consts::SQRT_2 * erf_inv(2.0 * share - 1.0)
}

/// Scenes of one drive, summed up: the unit that is independent of the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cluster {
    /// Scenes.
    pub(crate) scenes: f64,
    /// Sum of the worsenings of its scenes.
    pub(crate) sum: f64,
}

/// Mean worsening over the scenes, and its standard error when drives are the units: the linearised ratio estimator
/// (Cochran, *Sampling Techniques*, 3rd ed., 1977, section 6.3), with `K/(K − 1)`. `NaN` error for one drive.
pub(crate) fn mean_and_error(clusters: &[Cluster]) -> (f64, f64) {
    let scenes: f64 = clusters.iter().map(|cluster| cluster.scenes).sum();
    let mean = clusters.iter().map(|cluster| cluster.sum).sum::<f64>() / scenes;
    let squares: f64 = clusters
        .iter()
        .map(|cluster| (cluster.sum - mean * cluster.scenes).powi(2))
        .sum();
    let count = clusters.len() as f64;
    (mean, (count / (count - 1.0) * squares).sqrt() / scenes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (share, expected) in [
            (0.975, 1.959_963_984_540_054),
            (0.8, 0.841_621_233_572_914_3),
        ] {
            assert!((super::normal_quantile(share) - expected).abs() < 1e-12);
        }
    }
}

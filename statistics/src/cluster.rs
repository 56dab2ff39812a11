//! A drive, summed up.

/// Scenes of one drive, summed up: the unit that is independent of the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cluster {
    /// Scenes.
    pub scenes: f64,
    /// Sum of the values of its scenes; of a comparison, of their differences.
    pub sum: f64,
}

/// Mean over the scenes, and its standard error when drives are the units: the linearised ratio estimator
/// (Cochran, *Sampling Techniques*, 3rd ed., 1977, section 6.3), with `K/(K − 1)`. `NaN` error for one drive.
#[must_use]
pub fn mean_and_error(clusters: &[Cluster]) -> (f64, f64) {
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
    use super::*;

    /// With one scene a drive it is the standard error of a mean: of 2, 4, 4, 4, 5, 5, 7, 9, which have the mean 5 and
    /// the sum of squares 32, √(32 / 7 / 8).
    #[test]
    fn single_scenes_have_the_error_of_a_mean() {
        let clusters =
            [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].map(|sum| Cluster { scenes: 1.0, sum });
        let (mean, error) = mean_and_error(&clusters);
        assert_eq!(mean, 5.0);
        assert!((error - (32.0_f64 / 56.0).sqrt()).abs() < 1e-12);
    }
}

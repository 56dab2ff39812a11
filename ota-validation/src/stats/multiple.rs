//! Many tests at once.

/// The adjusted p-values of Benjamini and Hochberg (1995, *Journal of the Royal Statistical Society B* 57:289): a test
/// is rejected at false discovery rate `q` exactly when its adjusted value is at most `q`. In the order given.
pub(crate) fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let tests = p_values.len() as f64;
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (below, at) in order.into_iter().enumerate() {
        let rank = tests - below as f64;
        smallest = smallest.min(p_values[at] * tests / rank);
        adjusted[at] = smallest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the paper, section 3.1: 15 p-values of a trial of thrombolysis. At 0.05 the procedure
    /// rejects the four smallest, where Bonferroni's rejects three.
    #[test]
    fn the_published_example_rejects_four() {
        let p_values = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let adjusted = benjamini_hochberg(&p_values);
        assert_eq!(adjusted.iter().filter(|q| **q <= 0.05).count(), 4);
        assert!((adjusted[3] - 0.0095 * 15.0 / 4.0).abs() < 1e-12);
        // Adjusted values never fall as p-values rise.
        assert!(adjusted.windows(2).all(|pair| pair[0] <= pair[1]));
        let backwards: Vec<f64> = p_values.iter().rev().copied().collect();
        let mut again = benjamini_hochberg(&backwards);
        again.reverse();
        assert_eq!(again, adjusted);
    }
}

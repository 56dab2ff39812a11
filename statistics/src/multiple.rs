//! Many tests at once.

/// The adjusted p-values of Benjamini and Hochberg (1995, *Journal of the Royal Statistical Society B* 57:289): a test
/// is rejected at false discovery rate `q` exactly when its adjusted value is at most `q`. In the order given.
#[must_use]
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
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

/// The adjusted p-values of Holm (1979, *Scandinavian Journal of Statistics* 6:65): tests whose adjusted value is at most
/// `alpha` are rejected, and the chance to reject any true hypothesis is at most `alpha`, however the tests depend on one
/// another. In the order given.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let tests = p_values.len() as f64;
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (before, at) in order.into_iter().enumerate() {
        largest = largest.max(p_values[at] * (tests - before as f64)).min(1.0);
        adjusted[at] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` of R: 0.03, 0.06, 0.06, 0.02. At 0.05 two are rejected.
    #[test]
    fn holm_agrees_with_r() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (actual, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((actual - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
    }

    /// By Holm's own words: the smallest against alpha / n, the next against alpha / (n - 1), until one is not below.
    #[test]
    fn adjusted_values_reject_what_the_steps_reject() {
        let p_values = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
        ];
        let steps = p_values.iter().enumerate();
        let rejected = steps
            .take_while(|(at, p)| **p <= 0.05 / (9 - at) as f64)
            .count();
        let adjusted = holm(&p_values);
        assert_eq!(adjusted.iter().filter(|p| **p <= 0.05).count(), rejected);
        assert_eq!(rejected, 3);
    }

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

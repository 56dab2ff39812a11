//! p-values in words.

/// Below this a p-value is written as a bound: the numbers of a computer end near it.
const SMALLEST: f64 = 1e-300;

/// A p-value as people write it, with its relation: `= 0.57`, `= 0.0042`, `= 8.2e-9`, `< 1e-300`. It never reads as
/// zero.
#[must_use]
pub fn p_equals(p_value: f64) -> String {
    if p_value < SMALLEST {
        format!("< {SMALLEST:e}")
    } else if p_value < 1e-3 {
        format!("= {p_value:.1e}")
    } else if p_value < 0.01 {
        format!("= {p_value:.4}")
    } else if p_value < 0.1 {
        format!("= {p_value:.3}")
    } else {
        format!("= {p_value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::p_equals;

    #[test]
    fn no_p_value_reads_as_zero() {
        for (p_value, expected) in [
            (1.0, "= 1.00"),
            (0.5745, "= 0.57"),
            (0.0996, "= 0.100"),
            (0.0312, "= 0.031"),
            (0.0042, "= 0.0042"),
            (0.001, "= 0.0010"),
            (8.23e-9, "= 8.2e-9"),
            (0.0, "< 1e-300"),
        ] {
            assert_eq!(p_equals(p_value), expected);
        }
        let mut p_value: f64 = 1.0;
        while p_value > 1e-310 {
            let digits: String = p_equals(p_value);
            let mantissa = digits.split('e').next().unwrap_or_default();
            assert!(
                mantissa.contains(|c| ('1'..='9').contains(&c)),
                "{p_value:e}"
            );
            p_value /= 1.7;
        }
    }
}

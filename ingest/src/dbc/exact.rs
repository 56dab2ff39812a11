//! Numbers that a double would round, kept by their digits.

use std::fmt;

/// Digits behind the point, and of a power of ten that a factor may have: more than any unit needs, few enough that a
/// product with 64 bits stays within 127 bits.
const DECIMALS_MAX: u32 = 18;
/// The largest factor or offset without its point.
const MANTISSA_MAX: i128 = 10_i128.pow(DECIMALS_MAX);

/// A decimal number with all its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactNumber {
    mantissa: i128,
    /// Digits behind the point.
    decimals: u32,
}

impl ExactNumber {
    /// Reads a number such as `-0.25` or `1.5E-03`; `None` where it has more digits than are kept.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        let decimals = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let scale = 10_i128.checked_pow(decimals.min(0).unsigned_abs())?;
        let number = Self {
            mantissa: mantissa.checked_mul(scale)?,
            decimals: decimals.max(0).unsigned_abs(),
        };
        let fits = number.mantissa.abs() <= MANTISSA_MAX && number.decimals <= DECIMALS_MAX;
        fits.then_some(number)
    }

    /// `raw * factor + offset`; `None` where 127 bits do not hold it.
    pub(super) fn scaled(raw: i128, factor: Self, offset: Self) -> Option<Self> {
        let decimals = factor.decimals.max(offset.decimals);
        let at =
            |mantissa: i128, from: u32| mantissa.checked_mul(10_i128.checked_pow(decimals - from)?);
        let product = at(raw.checked_mul(factor.mantissa)?, factor.decimals)?;
        Some(Self {
            mantissa: product.checked_add(at(offset.mantissa, offset.decimals)?)?,
            decimals,
        })
    }
}

/// All digits, without an exponent and without zeros at the end.
impl fmt::Display for ExactNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        let decimals = self.decimals as usize;
        let digits = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExactNumber;

    #[test]
    fn products_keep_all_digits() {
        // Expected values: Python's `decimal` with 60 digits.
        for (raw, factor, offset, expected) in [
            (u64::MAX.into(), "1", "0", "18446744073709551615"),
            (i64::MIN.into(), "1", "0", "-9223372036854775808"),
            (
                1_750_000_000_000_001_234,
                "0.001",
                "0",
                "1750000000000001.234",
            ),
            (
                1_750_000_000_000_001_234,
                "1E-09",
                "-0.5",
                "1749999999.500001234",
            ),
            (i64::MIN.into(), "2.5e-1", "1.E1", "-2305843009213693942"),
            (u64::MAX.into(), "1e3", "7", "18446744073709551615007"),
            (-7, "0.010", "0", "-0.07"),
        ] {
            let [factor, offset] = [factor, offset].map(|text| ExactNumber::parse(text).unwrap());
            let scaled = ExactNumber::scaled(raw, factor, offset).unwrap();
            assert_eq!(scaled.to_string(), expected);
        }
        for text in ["", "x", "1e-19", "1e99", "nan", "0.1234567890123456789"] {
            assert_eq!(ExactNumber::parse(text), None, "{text}");
        }
    }
}

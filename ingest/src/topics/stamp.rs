//! When a message is from: the field with its stamp, in whatever form.

use driveloop_schemas::time::NS_PER_S;

use super::mapping::StampUnit;
use crate::encoding::rows::Row;
use crate::encoding::wants::{Integer, MESSAGE, Number, Wants};
use crate::targets::StampParts;

/// The field that has the stamp where no rule says another: of ROS.
pub(super) const HEADER: &str = "header.stamp";
/// The same of Foxglove. Other messages have numbers of that name which count from anywhere: a stamp has parts.
const TIMESTAMP: &str = "timestamp";
/// Seconds since 1970 of a stamp whose unit is guessed, at least and at most: 1980 and 2120.
const GUESSED_SECONDS: std::ops::Range<i64> = 315_532_800..4_733_510_400;
/// Units of whole numbers, by what a second counts in them.
const UNITS: [i64; 4] = [1, 1_000, 1_000_000, NS_PER_S];

/// Where the stamp of a message lies.
pub(super) enum Stamp {
    Parts(StampParts),
    Whole(Integer, Option<StampUnit>),
    /// Seconds, or what the unit says.
    Fraction(Number, Option<StampUnit>),
}

impl Stamp {
    /// The stamp that messages have by themselves, and the path of its field.
    pub(super) fn usual(wants: &mut Wants<'_>) -> (&'static str, Option<Self>) {
        if let Ok(stamp) = Self::of(wants, HEADER, None) {
            return (HEADER, Some(stamp));
        }
        match StampParts::at(wants, MESSAGE, TIMESTAMP) {
            Some(parts) => (TIMESTAMP, Some(Self::Parts(parts))),
            None => (HEADER, None),
        }
    }

    /// Where it lies, by the path of the field. The error says what was expected there.
    pub(super) fn of(
        wants: &mut Wants<'_>,
        path: &str,
        unit: Option<StampUnit>,
    ) -> Result<Self, String> {
        if let Some(parts) = StampParts::at(wants, MESSAGE, path) {
            return Ok(Self::Parts(parts));
        }
        if let Ok(whole) = wants.integer(MESSAGE, path) {
            return Ok(Self::Whole(whole, unit));
        }
        let number = wants.number(MESSAGE, path);
        let number = number.map_err(|reason| {
            format!("no stamp is at `{path}`, where the mapping has it: {reason}")
        })?;
        Ok(Self::Fraction(number, unit))
    }

    /// Nanoseconds since 1970; `Ok(None)` where the message leaves its stamp at zero. The error is what it has instead.
    pub(super) fn of_message(&self, row: &Row<'_>) -> Result<Option<i64>, String> {
        match *self {
            Self::Parts(parts) => parts.stamp_ns(row),
            Self::Whole(slot, unit) => match row.integer(slot) {
                0 => Ok(None),
                value => whole(value, unit).map(Some).ok_or_else(|| {
                    format!("{value}: `stamp_unit` in the mapping says what it counts")
                }),
            },
            Self::Fraction(slot, unit) => match row.number(slot) {
                0.0 => Ok(None),
                value => fraction(value, unit)
                    .map(Some)
                    .ok_or_else(|| value.to_string()),
            },
        }
    }
}

/// Without a unit it is the one by which the stamp lies between 1980 and 2120: there is at most one.
fn whole(value: i64, unit: Option<StampUnit>) -> Option<i64> {
    let per_second = match unit {
        Some(unit) => unit.per_second(),
        None => UNITS
            .into_iter()
            .find(|per_second| GUESSED_SECONDS.contains(&value.div_euclid(*per_second)))?,
    };
    value.checked_mul(NS_PER_S / per_second)
}

fn fraction(value: f64, unit: Option<StampUnit>) -> Option<i64> {
    let per_second = unit.unwrap_or(StampUnit::Seconds).per_second();
    let seconds = (value / per_second as f64).floor();
    // Nanoseconds are taken from the rest, so that whole seconds cost them no digits.
    let rest = (value - seconds * per_second as f64) * (NS_PER_S / per_second) as f64;
    let in_range = seconds.is_finite() && seconds.abs() < 9e9;
    in_range.then(|| (seconds as i64) * NS_PER_S + rest.round() as i64)
}

impl StampUnit {
    /// How many a second has.
    fn per_second(self) -> i64 {
        match self {
            Self::Seconds => UNITS[0],
            Self::Milliseconds => UNITS[1],
            Self::Microseconds => UNITS[2],
            Self::Nanoseconds => UNITS[3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_read_by_its_size_or_its_unit() {
        let expected = Some(1_750_000_000_000_000_000);
        for value in [
            1_750_000_000,
            1_750_000_000_000,
            1_750_000_000_000_000,
            1_750_000_000_000_000_000,
        ] {
            assert_eq!(whole(value, None), expected, "{value}");
        }
        // Time since the device was switched on.
        assert_eq!(whole(12_500, None), None);
        let milliseconds = Some(StampUnit::Milliseconds);
        assert_eq!(whole(12_500, milliseconds), Some(12_500_000_000));
        assert_eq!(whole(i64::MAX, Some(StampUnit::Seconds)), None);
    }

    #[test]
    fn a_fraction_keeps_its_digits() {
        assert_eq!(
            fraction(1_750_000_000.25, None),
            Some(1_750_000_000_250_000_000)
        );
        assert_eq!(fraction(f64::NAN, None), None);
        assert_eq!(fraction(1e300, None), None);
        assert_eq!(
            fraction(2_500.5, Some(StampUnit::Milliseconds)),
            Some(2_500_500_000)
        );
    }
}

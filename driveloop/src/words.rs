//! Numbers with their nouns, as a person writes them.

/// `1 drive`, `2 drives`, `0 drives`.
pub(crate) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or_default();
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Bytes in the largest unit that leaves a number of at least one.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.iter().find(|(unit, _)| bytes as f64 >= *unit);
    unit.map_or_else(
        || count(bytes, "byte"),
        |(unit, name)| format!("{:.1} {name}", bytes as f64 / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let counted: Vec<_> = [0, 1, 2].map(|n: u64| count(n, "drive")).into();
        assert_eq!(counted, ["0 drives", "1 drive", "2 drives"]);
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        let sizes: Vec<_> = [1, 999, 1000, 1_500_000, 2_000_000_000].map(bytes).into();
        assert_eq!(sizes, ["1 byte", "999 bytes", "1.0 kB", "1.5 MB", "2.0 GB"]);
    }
}

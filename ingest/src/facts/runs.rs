//! Series that lie one behind the other in a table: which rows of the table are which of a series.

use std::ops::Range;

/// Each series by its key, in the order of the table, with its rows in the table.
#[derive(Debug)]
pub(crate) struct Runs<K>(Vec<(K, Range<usize>)>);

impl<K> Default for Runs<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy> Runs<K> {
    /// Lays series of so many rows each one behind the other.
    pub(crate) fn of(series: impl IntoIterator<Item = (K, usize)>) -> Self {
        let mut start = 0;
        let laid = series.into_iter().map(|(key, count)| {
            let rows = start..start + count;
            start = rows.end;
            (key, rows)
        });
        Self(laid.collect())
    }

    /// Each series that has some of the rows of the table, with which of its own they are.
    pub(crate) fn within(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = (K, Range<usize>)> + Clone {
        let first = self.0.partition_point(|(_, own)| own.end <= rows.start);
        self.0[first..]
            .iter()
            .take_while(move |(_, own)| own.start < rows.end)
            .map(move |(key, own)| {
                let (start, end) = (rows.start.max(own.start), rows.end.min(own.end));
                (*key, start - own.start..end - own.start)
            })
            .filter(|(_, own)| !own.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn rows_are_found_in_their_series() {
        let runs = Runs::of([('a', 3), ('b', 0), ('c', 2)]);
        let within = |rows| runs.within(rows).collect::<Vec<_>>();
        assert_eq!(within(0..5), [('a', 0..3), ('c', 0..2)]);
        assert_eq!(within(1..4), [('a', 1..3), ('c', 0..1)]);
        assert_eq!(within(3..5), [('c', 0..2)]);
        assert_eq!(within(2..3), [('a', 2..3)]);
        assert_eq!(within(3..3), []);
        assert_eq!(Runs::<char>::default().within(0..1).count(), 0);
    }
}

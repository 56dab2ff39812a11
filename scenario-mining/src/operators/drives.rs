//! Rows that stream by become whole drives, in order.

use std::ops::Range;

use arrow::array::{Array, UInt32Array, make_comparator};
use arrow::compute::{
    SortColumn, concat_batches, lexsort_to_indices, partition, take_record_batch,
};
use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};

use super::key::Key;

/// Rows of whole drives: drive by drive, within it series by series, within that by stamp.
#[derive(Debug, Clone)]
pub(crate) struct Drives {
    /// The rows.
    pub(crate) rows: RecordBatch,
    /// The drives among them.
    pub(crate) drives: Vec<Range<usize>>,
    /// The series among them: those of the first drive first.
    pub(crate) series: Vec<Range<usize>>,
}

impl Drives {
    /// Finds drives and series in rows of whole drives. Drives whose rows are not in order are sorted, stably.
    ///
    /// # Errors
    /// When a stamp is null.
    pub(crate) fn new(rows: RecordBatch, key: &Key) -> Result<Self> {
        let found = Self::find(rows, key)?;
        let mut wrong = found.out_of_order(key)?;
        if wrong.is_empty() {
            return Ok(found);
        }
        let mut order: Vec<u32> = Vec::with_capacity(found.rows.num_rows());
        for (index, drive) in found.drives.iter().enumerate() {
            if wrong.first() == Some(&index) {
                wrong.remove(0);
                order.extend(sorted(&found.rows, drive, key)?.values());
            } else {
                order.extend(drive.start as u32..drive.end as u32);
            }
        }
        let rows = take_record_batch(&found.rows, &UInt32Array::from(order))?;
        Self::find(rows, key)
    }

    fn find(rows: RecordBatch, key: &Key) -> Result<Self> {
        key.stamps(&rows)?;
        if rows.num_rows() == 0 {
            let (drives, series) = (Vec::new(), Vec::new());
            return Ok(Self {
                rows,
                drives,
                series,
            });
        }
        let columns = key.series_arrays(&rows);
        let drives = partition(&columns[..1])?.ranges();
        let series = match columns.len() {
            1 => drives.clone(),
            _ => partition(&columns)?.ranges(),
        };
        Ok(Self {
            rows,
            drives,
            series,
        })
    }

    /// The drives whose series do not ascend, or whose stamps descend within a series.
    fn out_of_order(&self, key: &Key) -> Result<Vec<usize>> {
        let stamps = key.stamps(&self.rows)?.values();
        let compare = key
            .series
            .iter()
            .map(|&column| {
                let column = self.rows.column(column);
                make_comparator(column, column, arrow::compute::SortOptions::default())
            })
            .collect::<Result<Vec<_>, _>>()?;
        let ascends = |from: usize, to: usize| {
            let parts = compare.iter().map(|compare| compare(from, to));
            parts
                .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                .is_lt()
        };
        let mut wrong = Vec::new();
        let mut series = self.series.iter().peekable();
        for (index, drive) in self.drives.iter().enumerate() {
            let mut previous: Option<usize> = None;
            let mut is_ordered = true;
            while let Some(one) = series.next_if(|one| one.start < drive.end) {
                is_ordered = is_ordered
                    && previous.is_none_or(|previous| ascends(previous, one.start))
                    && stamps[one.clone()].is_sorted();
                previous = Some(one.start);
            }
            if !is_ordered {
                wrong.push(index);
            }
        }
        Ok(wrong)
    }

    /// Each drive on its own.
    pub(crate) fn split(&self) -> impl Iterator<Item = Self> + '_ {
        let mut series = self.series.iter().peekable();
        self.drives.iter().map(move |drive| {
            let mut own = Vec::new();
            while let Some(one) = series.next_if(|one| one.start < drive.end) {
                own.push(one.start - drive.start..one.end - drive.start);
            }
            let whole = 0..drive.len();
            Self {
                rows: self.rows.slice(drive.start, drive.len()),
                drives: vec![whole],
                series: own,
            }
        })
    }
}

/// The rows of a drive, as they should lie.
fn sorted(rows: &RecordBatch, drive: &Range<usize>, key: &Key) -> Result<UInt32Array> {
    let slice = |column: usize| rows.column(column).slice(drive.start, drive.len());
    let numbers = UInt32Array::from_iter_values(drive.start as u32..drive.end as u32);
    let columns = key.series.iter().copied().chain([key.stamp]).map(slice);
    // The sort is not stable: the number of the row decides where all else is equal.
    let columns = columns.chain([std::sync::Arc::new(numbers.clone()) as _]);
    let columns: Vec<_> = columns
        .map(|values| SortColumn {
            values,
            options: None,
        })
        .collect();
    let order = lexsort_to_indices(&columns, None)?;
    let start = drive.start as u32;
    Ok(order.unary(|row| row + start))
}

/// Collects the rows of a drive until the next drive begins. Holds one drive, of `rows_max` rows at most.
#[derive(Debug)]
pub(super) struct Collector {
    key: Key,
    rows_max: usize,
    held: Vec<RecordBatch>,
    held_rows: usize,
    held_bytes: usize,
}

impl Collector {
    pub(super) fn new(key: Key, rows_max: usize) -> Self {
        Self {
            key,
            rows_max,
            held: Vec::new(),
            held_rows: 0,
            held_bytes: 0,
        }
    }

    /// Takes the next rows; returns those of the drives that they end.
    ///
    /// # Errors
    /// When a drive has more rows than may be held.
    pub(super) fn push(&mut self, rows: &RecordBatch) -> Result<Option<RecordBatch>> {
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        let log = rows.column(self.key.log).clone();
        let drives = partition(&[log])?.ranges();
        let last = drives.last().map_or(0, |drive| drive.start);
        let goes_on = self.goes_on(rows)?;
        if last == 0 && goes_on {
            self.hold(rows.clone())?;
            return Ok(None);
        }
        if last > 0 {
            self.hold(rows.slice(0, last))?;
        }
        let ended = self.take()?;
        self.hold(rows.slice(last, rows.num_rows() - last))?;
        Ok(ended)
    }

    /// The rows that are left.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>> {
        let held = std::mem::take(&mut self.held);
        (self.held_rows, self.held_bytes) = (0, 0);
        match held.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            [first, ..] => Ok(Some(concat_batches(first.schema_ref(), &held)?)),
        }
    }

    /// Bytes of the rows that are held.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Whether rows begin with the drive that is held, or none is.
    fn goes_on(&self, rows: &RecordBatch) -> Result<bool> {
        let Some(held) = self.held.last() else {
            return Ok(true);
        };
        let options = arrow::compute::SortOptions::default();
        let (left, right) = (held.column(self.key.log), rows.column(self.key.log));
        let compare = make_comparator(left, right, options)?;
        Ok(compare(held.num_rows() - 1, 0).is_eq())
    }

    fn hold(&mut self, rows: RecordBatch) -> Result<()> {
        self.held_rows += rows.num_rows();
        let log = rows.column(self.key.log);
        if self.held_rows > self.rows_max && partition(std::slice::from_ref(log))?.len() < 2 {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "drive {} has more than {} rows: cut it, or read fewer of them",
                self.key.log_id(&rows, 0),
                self.rows_max
            )));
        }
        self.held_bytes += bytes(&rows);
        self.held.push(rows);
        Ok(())
    }
}

/// Bytes of rows; of a slice, those of its own rows.
fn bytes(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter();
    let bytes = columns.map(|column| {
        let own = column.to_data().get_slice_memory_size();
        own.unwrap_or_else(|_| column.get_array_memory_size())
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    const KEY: fn() -> Key = || Key {
        log: 0,
        series: vec![1],
        stamp: 2,
    };

    /// Rows written as `drive track stamp`, with their number.
    fn rows(text: &str) -> RecordBatch {
        let rows: Vec<Vec<&str>> = text
            .split(", ")
            .map(|row| row.split(' ').collect())
            .collect();
        let rows: Vec<Vec<&str>> = rows.into_iter().filter(|row| row.len() == 3).collect();
        let column = |index: usize| -> ArrayRef {
            let values = rows
                .iter()
                .map(|row| Some(row[index]).filter(|value| *value != "-"));
            Arc::new(values.collect::<StringArray>())
        };
        let stamps = rows.iter().map(|row| row[2].parse::<i64>().ok());
        RecordBatch::try_from_iter_with_nullable([
            ("log_id", column(0), true),
            ("track_id", column(1), true),
            (
                "stamp_ns",
                Arc::new(stamps.collect::<Int64Array>()) as _,
                true,
            ),
            (
                "number",
                Arc::new(Int64Array::from_iter_values(0..rows.len() as i64)) as _,
                true,
            ),
        ])
        .unwrap()
    }

    fn numbers(rows: &RecordBatch) -> Vec<i64> {
        rows.column(3).as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn rows_in_order_stay_as_they_are() {
        let rows = rows("a x 1, a x 2, a y 1, b x 0, b x 0");
        let drives = Drives::new(rows.clone(), &KEY()).unwrap();
        assert_eq!(drives.rows, rows);
        assert_eq!(drives.drives, [0..3, 3..5]);
        assert_eq!(drives.series, [0..2, 2..3, 3..5]);
        let each: Vec<_> = drives
            .split()
            .map(|one| (one.rows.num_rows(), one.series))
            .collect();
        assert_eq!(each.len(), 2);
        assert_eq!(each[0], (3, vec![0..2, 2..3]));
        assert_eq!((each[1].0, each[1].1.len(), &each[1].1[0]), (2, 1, &(0..2)));
    }

    #[test]
    fn a_drive_out_of_order_is_sorted_and_the_others_are_not() {
        for (text, expected) in [
            ("a x 1, b x 2, b x 1, c x 0", vec![0, 2, 1, 3]), // stamps
            ("a y 1, a x 1, a y 2, a x 2", vec![1, 3, 0, 2]), // tracks that come back
            ("b y 1, b x 1, a x 3", vec![1, 0, 2]), // tracks the other way; drives may come in any order
            ("a x 2, a x 1, a x 1, a x 1", vec![1, 2, 3, 0]), // ties keep their order
            ("- x 2, - x 1, - - 1", vec![2, 1, 0]), // null is a name like any other
        ] {
            let drives = Drives::new(rows(text), &KEY()).unwrap();
            assert_eq!(numbers(&drives.rows), expected, "{text}");
        }
    }

    #[test]
    fn a_row_without_a_stamp_is_an_error() {
        let error = Drives::new(rows("a x 1, b x -"), &KEY()).unwrap_err();
        assert!(error.to_string().contains("null in drive b"), "{error}");
        assert!(Drives::new(rows(""), &KEY()).unwrap().drives.is_empty());
    }

    /// How many rows each push gives back, and what is left.
    fn collected(batches: &[&str], rows_max: usize) -> Result<Vec<usize>> {
        let mut collector = Collector::new(KEY(), rows_max);
        let mut counts = Vec::new();
        for batch in batches {
            counts.push(
                collector
                    .push(&rows(batch))?
                    .map_or(0, |rows| rows.num_rows()),
            );
        }
        counts.push(collector.take()?.map_or(0, |rows| rows.num_rows()));
        Ok(counts)
    }

    #[test]
    fn drives_are_handed_out_whole() {
        assert_eq!(collected(&[], 9).unwrap(), [0]);
        assert_eq!(collected(&["a x 1", "", "a x 2"], 9).unwrap(), [0, 0, 0, 2]);
        assert_eq!(collected(&["a x 1", "b x 1"], 9).unwrap(), [0, 1, 1]);
        assert_eq!(
            collected(&["a x 1, b x 1", "b x 2, c x 1, d x 1", "d x 2"], 9).unwrap(),
            [1, 3, 0, 2]
        );
    }

    #[test]
    fn a_drive_that_is_too_large_is_named() {
        assert!(collected(&["a x 1, a x 2", "b x 1, b x 2"], 2).is_ok());
        let error = collected(&["a x 1", "b x 1, b x 2", "b x 3"], 2).unwrap_err();
        assert!(
            error.to_string().contains("drive b has more than 2 rows"),
            "{error}"
        );
    }
}

//! Rows of a score file that are an aggregate of the others and no scene.

use super::records::Record;
use super::table::number;

/// Names that mark a row as an aggregate of the others.
const AGGREGATES: [&str; 7] = [
    "average",
    "mean",
    "all",
    "overall",
    "total",
    "aggregate",
    "summary",
];
/// Rows that a last row must equal the mean of before it is taken for their average.
const AVERAGED_MIN: usize = 10;
/// Relative difference up to which a value is the mean.
const MEAN_TOLERANCE: f64 = 1e-9;

/// Removes the aggregates, and names them by their key.
pub(crate) fn take_aggregates(records: &mut Vec<Record>, key_at: usize) -> Vec<String> {
    let mut keys = Vec::new();
    records.retain(|record| {
        let key = record.key(key_at);
        let aggregate = is_aggregate_name(key);
        if aggregate {
            keys.push(key.to_owned());
        }
        !aggregate
    });
    if records.len() > AVERAGED_MIN
        && let Some((last, above)) = records.split_last()
        && is_mean_of(last, above)
    {
        keys.push(last.key(key_at).to_owned());
        records.pop();
    }
    keys
}

fn is_aggregate_name(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    AGGREGATES.iter().any(|name| {
        key.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '-', ' ']))
    })
}

/// Whether each number of the row is the mean of its column above. Columns that hold anything but numbers, and a
/// written index (0, 1, 2, …), are passed over; at least one column must vary, or every row would be the mean.
fn is_mean_of(last: &Record, above: &[Record]) -> bool {
    let mut varies = false;
    for at in 0..last.cells.len() {
        let Ok(Some(value)) = number(last.cells.get(at)) else {
            continue;
        };
        let cells: Result<Vec<Option<f64>>, ()> = above
            .iter()
            .map(|record| number(record.cells.get(at)))
            .collect();
        let Ok(cells) = cells else { continue };
        let index = |(row, cell): (usize, &Option<f64>)| *cell == Some(row as f64);
        if cells.iter().enumerate().all(index) {
            continue;
        }
        let numbers: Vec<f64> = cells.into_iter().flatten().collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        // Not a number is not near.
        let is_near = (value - mean).abs() <= MEAN_TOLERANCE * mean.abs().max(1.0);
        if !is_near {
            return false;
        }
        varies |= numbers
            .windows(2)
            .any(|pair| pair[0].total_cmp(&pair[1]).is_ne());
    }
    varies
}

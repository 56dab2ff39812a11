//! Samples that say the same again: a queue that stands, a parked car, a drive that was composed twice in nearly the same way.

use std::collections::BTreeMap;

use driveloop_schemas::forecast::NEIGHBOURS;
use driveloop_schemas::maths::hypot;
use driveloop_schemas::{ObjectTrack, Sample};

use super::tracks::{Tracks, window};

/// A neighbour counts as the same within this distance.
const NEIGHBOUR_M: f64 = 0.5;

/// The samples of one host that are in the dataset.
pub(super) struct Seen<'a> {
    host_log_id: &'a str,
    near_m: f64,
    /// By the cell of the present position, each as wide as what counts as near.
    cells: BTreeMap<[i64; 2], Vec<Trace>>,
    dropped: usize,
}

/// What is compared of a sample.
struct Trace {
    category: String,
    scenarios: Vec<String>,
    /// Past, present and future in the map frame.
    path: Vec<[f64; 2]>,
    /// The nearest at the present.
    neighbours: Vec<[f64; 2]>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(host_log_id: &'a str, near_m: f64) -> Self {
        Self {
            host_log_id,
            near_m,
            cells: BTreeMap::new(),
            dropped: 0,
        }
    }

    pub(super) fn host_log_id(&self) -> &'a str {
        self.host_log_id
    }

    /// Samples that were not new.
    pub(super) fn dropped(&self) -> usize {
        self.dropped
    }

    /// Whether no sample like this one was seen; remembers it then.
    pub(super) fn is_new(&mut self, sample: &Sample, tracks: &Tracks) -> bool {
        if self.near_m <= 0.0 {
            return true;
        }
        let Some((present, trace)) = trace(sample, tracks) else {
            return true;
        };
        let cell = present.map(|place_m| (place_m / self.near_m).floor() as i64);
        let around = (-1..=1).flat_map(|i| (-1..=1).map(move |j| [cell[0] + i, cell[1] + j]));
        let is_seen = around
            .filter_map(|cell| self.cells.get(&cell))
            .flatten()
            .any(|other| trace.is_like(other, self.near_m));
        if is_seen {
            self.dropped += 1;
        } else {
            self.cells.entry(cell).or_default().push(trace);
        }
        !is_seen
    }
}

impl Trace {
    fn is_like(&self, other: &Self, near_m: f64) -> bool {
        let is_near = |(a, b): (&[f64; 2], &[f64; 2])| distance_m(*a, *b) <= near_m;
        self.category == other.category
            && self.scenarios == other.scenarios
            && self.path.iter().zip(&other.path).all(is_near)
            && have_same_places(&self.neighbours, &other.neighbours)
    }
}

/// Whether each place of the one has a place of the other of its own.
fn have_same_places(a: &[[f64; 2]], b: &[[f64; 2]]) -> bool {
    let mut left = b.to_vec();
    let mut take = |place: &[f64; 2]| {
        let found = left
            .iter()
            .position(|other| distance_m(*place, *other) <= NEIGHBOUR_M);
        found.map(|index| left.swap_remove(index)).is_some()
    };
    a.len() == b.len() && a.iter().all(&mut take)
}

fn distance_m(a: [f64; 2], b: [f64; 2]) -> f64 {
    hypot(a[0] - b[0], a[1] - b[1])
}

/// The present position and the trace of a sample.
fn trace(sample: &Sample, tracks: &Tracks) -> Option<([f64; 2], Trace)> {
    let place = |row: &ObjectTrack| [row.x_m, row.y_m];
    let window = window(tracks.track(&sample.track_id)?, sample.stamp_ns)?;
    let present = place(window.past.last()?);
    let mut neighbours: Vec<[f64; 2]> = tracks
        .at(sample.stamp_ns)
        .filter(|row| row.track_id != sample.track_id)
        .map(place)
        .collect();
    neighbours.sort_by(|a, b| distance_m(*a, present).total_cmp(&distance_m(*b, present)));
    neighbours.truncate(NEIGHBOURS);
    let path = window.past.iter().chain(&window.future);
    Some((
        present,
        Trace {
            category: sample.category.clone(),
            scenarios: sample.scenarios.clone(),
            path: path.map(|row| place(row)).collect(),
            neighbours,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_same_in_any_order_and_one_is_not_two() {
        let (a, b, c) = ([0.0, 0.0], [5.0, 0.0], [0.0, 5.3]);
        assert!(have_same_places(&[a, b, c], &[[0.1, 5.1], [0.2, 0.0], b]));
        assert!(!have_same_places(&[a, b], &[a]));
        assert!(!have_same_places(&[a, a], &[a, b]));
        assert!(!have_same_places(&[a], &[[0.0, 0.51]]));
        assert!(have_same_places(&[], &[]));
    }
}

//! Drives that are one recording: read from the same bytes, or from logs that hold the same stretch of a drive.
//!
//! A log that is cut anew, packed anew or uploaded twice is a drive of its own where its name is another. In two splits its copies would
//! be known by heart.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use driveloop_lake::Lake;
use driveloop_schemas::Drive;
use driveloop_schemas::time::NS_PER_S;
use futures::TryStreamExt as _;

use crate::error::{Error, Result};

/// What errors call the query.
const SUBJECT: &str = "drives that are in part the same recording";
/// Places of the ego that two drives share, at the same stamps, where they are one recording; chosen: fewer may be chance where logs are
/// simulated from one start.
const SHARED_MIN: usize = 3;
/// Places within this count as the same.
const PLACE_M: f64 = 0.01;
/// Places that are held in memory: of more driving, fewer a second are looked at.
const PLACES_MAX: i64 = 5_000_000;

/// Drives that are one recording, each with the name of the first: they are one drive, whatever they are called.
#[derive(Debug, Default, Clone)]
pub(super) struct Copies {
    first: BTreeMap<String, String>,
    /// Those whose bytes are not those of the first.
    in_part: BTreeSet<String>,
}

/// Where a drive was at a stamp: nanoseconds, and hundredths of metres in the map.
type Place = (i64, i64, i64);

impl Copies {
    /// The copies among the drives of a lake. A composed drive is a copy of none.
    pub(super) async fn of(lake: &Lake, drives: &[Drive]) -> Result<Self> {
        let recorded: Vec<&Drive> = drives.iter().filter(|drive| !drive.composed).collect();
        let mut pairs = same_bytes(&recorded);
        let in_part = shared_stretches(lake, &recorded).await?;
        pairs.extend(&in_part);
        let by_bytes = |at: usize| recorded[at].source_digest.as_str();
        let firsts = groups(&recorded, &pairs);
        let mut copies = Self::default();
        for (at, &first) in firsts.iter().enumerate() {
            let name = recorded[at].log_id.to_string();
            if by_bytes(at) != by_bytes(first) {
                copies.in_part.insert(name.clone());
            }
            copies
                .first
                .insert(name, recorded[first].log_id.to_string());
        }
        Ok(copies)
    }

    /// The first name of a drive: its own where nothing is known of it.
    pub(super) fn first<'a>(&'a self, log_id: &'a str) -> &'a str {
        self.first.get(log_id).map_or(log_id, String::as_str)
    }

    /// What a person is told of a drive that is another one's copy.
    pub(super) fn note(&self, log_id: &str) -> Option<String> {
        let first = self.first.get(log_id).filter(|first| *first != log_id)?;
        Some(if self.in_part.contains(log_id) {
            format!("drive {log_id} is in part the same recording as {first}")
        } else {
            format!("drive {log_id} is the same log as {first}")
        })
    }
}

/// Pairs of drives, by their places, that were read from the same bytes.
fn same_bytes(drives: &[&Drive]) -> Vec<(usize, usize)> {
    let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (at, drive) in drives.iter().enumerate() {
        if !drive.source_digest.is_empty() {
            let first = *first_of.entry(drive.source_digest.as_str()).or_insert(at);
            pairs.push((first, at));
        }
    }
    pairs
}

/// Pairs of drives that were at the same places at the same stamps, wherever they moved.
async fn shared_stretches(lake: &Lake, drives: &[&Drive]) -> Result<Vec<(usize, usize)>> {
    let fail = |source| Error::query(SUBJECT, source);
    let driven_ns = drives
        .iter()
        .map(|drive| drive.end_ns.saturating_sub(drive.start_ns));
    let driven_s = driven_ns.fold(0, i64::saturating_add) / NS_PER_S;
    let every_s = 1 + driven_s / PLACES_MAX;
    let sql = format!(
        "SELECT CAST(log_id AS VARCHAR), stamp_ns, x_m, y_m FROM ego_state
         WHERE stamp_ns / {NS_PER_S} % {every_s} = 0"
    );
    let index: HashMap<&str, usize> = drives
        .iter()
        .enumerate()
        .map(|(at, drive)| (drive.log_id.as_str(), at))
        .collect();
    let mut found = Stretches::default();
    let mut batches = lake.stream(&sql).await?;
    while let Some(batch) = batches.try_next().await.map_err(fail)? {
        found.take(&batch, &index, drives).map_err(fail)?;
    }
    Ok(found.pairs())
}

/// What is known so far of the places where drives were.
#[derive(Default)]
struct Stretches {
    /// The second of each drive of which a place was held last.
    seconds: HashMap<usize, i64>,
    /// The drive that was first at a place.
    first_at: HashMap<Place, usize>,
    /// The places that two drives share, without their stamps.
    shared: BTreeMap<(usize, usize), BTreeSet<(i64, i64)>>,
}

impl Stretches {
    fn take(
        &mut self,
        batch: &RecordBatch,
        index: &HashMap<&str, usize>,
        drives: &[&Drive],
    ) -> Result<(), datafusion::error::DataFusionError> {
        let names = cast(batch.column(0), &DataType::Utf8)?;
        let names = names.as_string::<i32>();
        let stamps = batch.column(1).as_primitive::<Int64Type>();
        let [x, y] = [2, 3].map(|column| batch.column(column).as_primitive::<Float64Type>());
        for row in 0..batch.num_rows() {
            let Some(&at) = index.get(names.value(row)) else {
                continue;
            };
            let (stamp_ns, x_m, y_m) = (stamps.value(row), x.value(row), y.value(row));
            let place = |value_m: f64| (value_m / PLACE_M).round() as i64;
            self.add(at, (stamp_ns, place(x_m), place(y_m)), drives);
        }
        Ok(())
    }

    fn add(&mut self, at: usize, place: Place, drives: &[&Drive]) {
        let Some(&first) = self.first_at.get(&place) else {
            // One place a second is held: whoever has the others has it too.
            let second = place.0.div_euclid(NS_PER_S);
            if self.seconds.insert(at, second) != Some(second) {
                self.first_at.insert(place, at);
            }
            return;
        };
        if first != at && may_be_one(drives[first], drives[at]) {
            let pair = (first.min(at), first.max(at));
            let shared = self.shared.entry(pair).or_default();
            if shared.len() < SHARED_MIN {
                shared.insert((place.1, place.2));
            }
        }
    }

    fn pairs(self) -> Vec<(usize, usize)> {
        let shared = self.shared.into_iter();
        let shared = shared.filter(|(_, places)| places.len() >= SHARED_MIN);
        shared.map(|(pair, _)| pair).collect()
    }
}

/// Two vehicles make no copies of each other, where the logs name them.
fn may_be_one(one: &Drive, other: &Drive) -> bool {
    match (&one.vehicle_id, &other.vehicle_id) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// For each drive, the one of its group whose name is the first.
fn groups(drives: &[&Drive], pairs: &[(usize, usize)]) -> Vec<usize> {
    let mut firsts: Vec<usize> = (0..drives.len()).collect();
    let first_of = |firsts: &[usize], mut at: usize| {
        while firsts[at] != at {
            at = firsts[at];
        }
        at
    };
    for &(one, other) in pairs {
        let (one, other) = (first_of(&firsts, one), first_of(&firsts, other));
        let (first, second) = if drives[one].log_id <= drives[other].log_id {
            (one, other)
        } else {
            (other, one)
        };
        firsts[second] = first;
    }
    (0..drives.len()).map(|at| first_of(&firsts, at)).collect()
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::time::Day;

    use super::*;

    fn drive(log_id: &str, vehicle_id: Option<&str>) -> Drive {
        Drive {
            log_id: log_id.into(),
            day: Day(0),
            composed: false,
            origin: "recorded".into(),
            vehicle_id: vehicle_id.map(str::to_owned),
            source_uri: String::new(),
            source_digest: format!("digest of {log_id}"),
            source_bytes: 0,
            format: "test".into(),
            start_ns: 0,
            end_ns: 0,
            map_id: None,
            region: None,
            software_version: None,
            licence: None,
            privacy_state: "none".into(),
            records_in: 0,
            records_dropped: 0,
        }
    }

    /// Places at 10 Hz from one second to another, each so many metres from the last.
    fn add(
        stretches: &mut Stretches,
        at: usize,
        seconds: [i64; 2],
        step_m: i64,
        drives: &[&Drive],
    ) {
        for tenth in seconds[0] * 10..seconds[1] * 10 {
            let place = (tenth * NS_PER_S / 10, tenth * step_m * 100, 0);
            stretches.add(at, place, drives);
        }
    }

    #[test]
    fn drives_that_share_a_stretch_are_one() {
        let drives = [
            drive("b", None),
            drive("a", Some("car 1")),
            drive("c", Some("car 2")),
            drive("d", None),
            drive("e", None),
        ];
        let drives: Vec<&Drive> = drives.iter().collect();
        let mut stretches = Stretches::default();
        add(&mut stretches, 0, [0, 20], 1, &drives);
        // The end of it cut out; the same of another vehicle; elsewhere at that time; at the same place later.
        add(&mut stretches, 1, [12, 30], 1, &drives);
        add(&mut stretches, 2, [25, 30], 1, &drives);
        add(&mut stretches, 3, [0, 20], 2, &drives);
        add(&mut stretches, 4, [40, 60], 1, &drives);
        let pairs = stretches.pairs();
        assert_eq!(pairs, [(0, 1)]);
        assert_eq!(groups(&drives, &pairs), [1, 1, 2, 3, 4]);
    }

    #[test]
    fn drives_that_stand_at_one_place_are_not_told_to_be_one() {
        let drives = [drive("a", None), drive("b", None)];
        let drives: Vec<&Drive> = drives.iter().collect();
        let mut stretches = Stretches::default();
        add(&mut stretches, 0, [0, 20], 0, &drives);
        add(&mut stretches, 1, [0, 20], 0, &drives);
        assert_eq!(stretches.pairs(), []);
    }

    #[test]
    fn the_copies_of_copies_are_one_group() {
        let drives = ["d", "c", "b", "a"].map(|log_id| drive(log_id, None));
        let drives: Vec<&Drive> = drives.iter().collect();
        assert_eq!(groups(&drives, &[(0, 1), (1, 2), (2, 3)]), [3, 3, 3, 3]);
        assert_eq!(groups(&drives, &[(0, 3), (1, 2)]), [3, 2, 2, 3]);
    }
}

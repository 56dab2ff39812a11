//! A track table of any size with something in it for each of the nine queries of the benchmark: seeded, the same each time.
//!
//! `objects` (an actor at a stamp, seen from the ego), `ego` (its speed at the same stamps) and `can` (the brake, 100 a second).

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int32Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;

const STAMPS: i32 = 156;
const TRACKS: i32 = 60;
const CATEGORIES: [&str; 8] = [
    "REGULAR_VEHICLE",
    "PEDESTRIAN",
    "REGULAR_VEHICLE",
    "BUS",
    "BICYCLIST",
    "BOLLARD",
    "PEDESTRIAN",
    "LARGE_VEHICLE",
];

/// The rows of one drive.
pub(crate) struct Drive {
    pub(crate) objects: RecordBatch,
    pub(crate) ego: RecordBatch,
    pub(crate) can: RecordBatch,
}

/// `SplitMix64`: a few lines, so that a table never changes with a library.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// The columns of `objects` as they grow.
#[derive(Default)]
struct Objects {
    stamp_ns: Vec<i64>,
    track_id: Vec<i32>,
    category: Vec<&'static str>,
    x: Vec<f32>,
    y: Vec<f32>,
    length: Vec<f32>,
    vx: Vec<f32>,
    vy: Vec<f32>,
}

/// A drive by its number, ordered by track and stamp.
pub(crate) fn drive(log_id: i32, seed: u64) -> Drive {
    let mut random = Random(seed ^ (log_id as u64) << 32);
    let start_ns = 1_700_000_000_000_000_000 + i64::from(log_id) * 60_000_000_000;
    let stamps: Vec<i64> = (0..i64::from(STAMPS))
        .map(|index| start_ns + index * 100_000_000 + (random.next() % 2_000_000) as i64)
        .collect();
    let speed: Vec<f32> = (0..STAMPS)
        .map(|index| 6.0 + 5.0 * (index as f32 / 25.0).sin() + random.between(-0.1, 0.1))
        .collect();
    let mut objects = Objects::default();
    for track_id in 0..TRACKS {
        track(track_id, &stamps, &mut random, &mut objects);
    }
    let count = stamps.len();
    let ego = batch(vec![
        ("log_id", Arc::new(Int32Array::from(vec![log_id; count]))),
        ("stamp_ns", Arc::new(Int64Array::from(stamps))),
        ("speed", Arc::new(Float32Array::from(speed))),
    ]);
    Drive {
        objects: objects.batch(log_id),
        ego,
        can: can(log_id, start_ns, &mut random),
    }
}

fn track(track_id: i32, stamps: &[i64], random: &mut Random, out: &mut Objects) {
    let category = CATEGORIES[track_id as usize % CATEGORIES.len()];
    let (begin, length) = (random.next() % 100, 20 + random.next() % 100);
    let (mut x, mut y) = (random.between(-10.0, 60.0), random.between(-6.0, 6.0));
    let (mut vx, mut vy) = match category {
        "PEDESTRIAN" | "BICYCLIST" => (random.between(-1.0, 1.0), random.between(-2.0, 2.0)),
        "BOLLARD" => (0.0, 0.0),
        _ => (random.between(2.0, 12.0), random.between(-0.8, 0.8)),
    };
    let size = if category == "BOLLARD" {
        0.4
    } else {
        random.between(0.5, 9.0)
    };
    for (index, &stamp_ns) in stamps.iter().enumerate() {
        let seen = (begin..begin + length).contains(&(index as u64));
        // Now and then a track is out of sight for a while.
        if !seen || random.next().is_multiple_of(25) {
            continue;
        }
        if category != "BOLLARD" {
            vx += random.between(-0.6, 0.5);
            vy += random.between(-0.1, 0.1);
        }
        x += (vx - 6.0) * 0.1;
        y += vy * 0.1;
        out.stamp_ns.push(stamp_ns);
        out.track_id.push(track_id);
        out.category.push(category);
        out.x.push(x);
        out.y.push(y);
        out.length.push(size);
        out.vx.push(vx);
        out.vy.push(vy);
    }
}

fn can(log_id: i32, start_ns: i64, random: &mut Random) -> RecordBatch {
    let offset_ns = (random.next() % 10_000_000) as i64;
    let stamps: Vec<i64> = (0..1560)
        .map(|index| start_ns + offset_ns + index * 10_000_000)
        .collect();
    let brake: Vec<f32> = (0..1560)
        .map(|index| {
            (60.0 * (index as f32 / 120.0).sin() + random.between(-2.0, 2.0)).clamp(0.0, 100.0)
        })
        .collect();
    batch(vec![
        (
            "log_id",
            Arc::new(Int32Array::from(vec![log_id; stamps.len()])),
        ),
        ("stamp_ns", Arc::new(Int64Array::from(stamps))),
        ("brake", Arc::new(Float32Array::from(brake))),
    ])
}

impl Objects {
    fn batch(self, log_id: i32) -> RecordBatch {
        let count = self.stamp_ns.len();
        batch(vec![
            ("log_id", Arc::new(Int32Array::from(vec![log_id; count]))),
            ("track_id", Arc::new(Int32Array::from(self.track_id))),
            ("stamp_ns", Arc::new(Int64Array::from(self.stamp_ns))),
            ("category", Arc::new(StringArray::from(self.category))),
            ("x", Arc::new(Float32Array::from(self.x))),
            ("y", Arc::new(Float32Array::from(self.y))),
            ("length", Arc::new(Float32Array::from(self.length))),
            ("vx", Arc::new(Float32Array::from(self.vx))),
            ("vy", Arc::new(Float32Array::from(self.vy))),
        ])
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A query of the benchmark.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    /// With the operators.
    pub(crate) ours: &'static str,
    /// In SQL alone.
    pub(crate) plain: &'static str,
    /// In the SQL of DuckDB, where it has more than plain SQL.
    #[allow(dead_code, reason = "the benchmark asks it, the tests do not")]
    pub(crate) duckdb: &'static str,
}

macro_rules! query {
    ($name:literal, $plain:literal) => {
        query!($name, $plain, $plain)
    };
    ($name:literal, $plain:literal, $duckdb:literal) => {
        Query {
            name: $name,
            ours: include_str!(concat!("../../benches/queries/", $name, ".sql")),
            plain: include_str!(concat!("../../benches/queries/", $name, $plain, ".sql")),
            duckdb: include_str!(concat!("../../benches/queries/", $name, $duckdb, ".sql")),
        }
    };
}

/// The nine queries of the benchmark.
pub(crate) const QUERIES: [Query; 9] = [
    query!("q1_hard_brake", ".plain"),
    query!("q2_cut_in", ".plain"),
    query!("q3_low_ttc", ".plain"),
    query!("q4_pedestrian_crosses", ".plain"),
    query!("q5_near_pedestrian", ".plain"),
    query!("q6_debris", ".plain"),
    query!("q7_brake_at_vehicle", ".plain", ".duckdb"),
    query!("q8_close_following", ".plain"),
    query!("q9_enters_then_brakes", ".plain"),
];

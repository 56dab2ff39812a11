//! Logs that were cut or in which a byte flipped: what is whole arrives, and what is not is never passed over in silence.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::harness::Bench;
use crate::log::{Messages, Rows, records};

/// Cuts at any byte, and cuts at the end of a record.
const CUTS: (usize, usize) = (160, 40);
/// Chunks with a flipped byte.
const FLIPS: usize = 50;
/// Some of the logs are also ingested alone, to see the status that each gives.
const ALONE: usize = 8;

/// What the lake has of each log: the rows, and the offsets of its findings that are more than information. Gaps, which are
/// what damage leaves rather than the damage, do not count.
#[derive(Default)]
struct Landed {
    rows: BTreeMap<String, Rows>,
    /// A finding without an offset has none here.
    findings: BTreeMap<String, Vec<Option<usize>>>,
}

impl Landed {
    fn of(bench: &Bench) -> Self {
        let mut landed = Self::default();
        let sql = |table: &str| format!("SELECT log_id, count(*) FROM {table} GROUP BY log_id");
        for (log_id, rows) in pairs(bench, &sql("ego_state")) {
            landed.rows.entry(log_id).or_default().ego_state = rows.expect("a count");
        }
        for (log_id, rows) in pairs(bench, &sql("object_track WHERE category <> 'EGO_VEHICLE'")) {
            landed.rows.entry(log_id).or_default().object_track = rows.expect("a count");
        }
        for (log_id, rows) in pairs(bench, &sql("bus_frame")) {
            landed.rows.entry(log_id).or_default().bus_frame = rows.expect("a count");
        }
        let findings = "SELECT log_id, offset_bytes FROM finding WHERE severity <> 'info' AND \"check\" <> 'gap'";
        for (log_id, offset) in pairs(bench, findings) {
            landed.findings.entry(log_id).or_default().push(offset);
        }
        landed
    }

    fn rows(&self, log_id: &str) -> Rows {
        self.rows.get(log_id).copied().unwrap_or_default()
    }

    fn offsets(&self, log_id: &str) -> impl Iterator<Item = usize> + use<'_> {
        self.findings
            .get(log_id)
            .into_iter()
            .flatten()
            .filter_map(|offset| *offset)
    }
}

/// The rows of a query for a text and a number, the number absent where it is null.
fn pairs(bench: &Bench, sql: &str) -> Vec<(String, Option<usize>)> {
    let pair = |line: String| {
        let (name, number) = line.split_once(',').expect("two columns");
        (name.to_owned(), number.parse().ok())
    };
    bench.lines(sql).into_iter().map(pair).collect()
}

/// The status of an ingest of one log into a lake of its own.
fn status_alone(bench: &Bench, log: &str) -> i32 {
    bench
        .run(&["ingest", log, "--lake", &format!("{log}-lake")])
        .status
}

#[test]
fn a_cut_log_gives_every_whole_chunk() {
    let bench = Bench::new();
    let messages = Messages::simulated(&bench, 4);
    let whole = messages.log("cut-000");
    let chunks = messages.chunks(&whole);
    assert!(chunks.len() > 50, "{} chunks", chunks.len());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let borders: Vec<_> = records(&whole).iter().map(|record| record.end).collect();
    let mut cuts: Vec<_> = (0..CUTS.0)
        .map(|_| rng.random_range(1..whole.len()))
        .collect();
    cuts.extend(borders.choose_multiple(&mut rng, CUTS.1));
    std::fs::create_dir(bench.path("cut")).expect("a folder");
    let name = |index: usize| format!("cut-{index:03}");
    for (index, cut) in cuts.iter().enumerate() {
        bench.write(
            &format!("cut/{}.mcap", name(index)),
            &messages.log(&name(index))[..*cut],
        );
    }
    let run = bench.run(&["ingest", "cut"]);
    assert_eq!(run.status, 3, "{}", run.stderr);

    let landed = Landed::of(&bench);
    let mut wrong = Vec::new();
    for (index, cut) in cuts.iter().enumerate() {
        let mut expected = Rows::default();
        chunks
            .iter()
            .filter(|chunk| chunk.bytes.end <= *cut)
            .for_each(|chunk| expected += chunk.rows);
        let (name, actual) = (name(index), landed.rows(&name(index)));
        if actual != expected {
            wrong.push(format!(
                "{name} at {cut}: expected {expected:?}, got {actual:?}"
            ));
        }
        // The record that the cut tore, or the place of the cut where it tore none.
        let torn = borders
            .iter()
            .rfind(|end| *end <= cut)
            .copied()
            .unwrap_or_default();
        let is_reported = landed
            .offsets(&name)
            .any(|offset| (torn..=*cut).contains(&offset));
        let failed = run.stderr.contains(&format!("failed: {name}"));
        if !(is_reported || failed && expected == Rows::default()) {
            let offsets: Vec<_> = landed.offsets(&name).collect();
            wrong.push(format!(
                "{name}: expected a finding at {torn} to {cut}, got {offsets:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        whole.len(),
        wrong.join("\n")
    );
    let first_rows = chunks
        .iter()
        .find(|chunk| chunk.rows != Rows::default())
        .expect("rows")
        .bytes
        .end;
    for (index, cut) in cuts.iter().enumerate().rev().take(ALONE) {
        let expected = if *cut < first_rows { 1 } else { 3 };
        let status = status_alone(&bench, &format!("cut/{}.mcap", name(index)));
        assert_eq!(status, expected, "{} at {cut}", name(index));
    }
}

#[test]
fn a_flipped_byte_is_never_silent() {
    let bench = Bench::new();
    let messages = Messages::simulated(&bench, 4);
    let whole = messages.log("flip-000");
    let chunks = messages.chunks(&whole);
    assert!(chunks.len() > FLIPS, "{} chunks", chunks.len());
    let mut all = Rows::default();
    chunks.iter().for_each(|chunk| all += chunk.rows);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    std::fs::create_dir(bench.path("flip")).expect("a folder");
    let name = |index: usize| format!("flip-{index:03}");
    let mut places = Vec::new();
    for (index, chunk) in chunks.iter().take(FLIPS).enumerate() {
        // Half of the flips are in the first 64 bytes, where lengths, times and the checksum are.
        let end = if index % 2 == 0 {
            chunk.bytes.start + 64
        } else {
            chunk.bytes.end
        };
        let at = rng.random_range(chunk.bytes.start..end);
        let mut log = messages.log(&name(index));
        log[at] ^= 1 << rng.random_range(0..8);
        bench.write(&format!("flip/{}.mcap", name(index)), log);
        places.push(at);
    }
    bench.write("flip/whole.mcap", messages.log("whole"));
    let run = bench.run(&["ingest", "flip"]);
    assert_eq!(run.status, 3, "{}", run.stderr);

    let landed = Landed::of(&bench);
    assert_eq!(landed.rows("whole"), all);
    assert_eq!(landed.findings.get("whole"), None);
    let mut wrong = Vec::new();
    for (index, at) in places.iter().enumerate() {
        let (mut others, actual) = (Rows::default(), landed.rows(&name(index)));
        chunks
            .iter()
            .filter(|chunk| !chunk.bytes.contains(at))
            .for_each(|chunk| others += chunk.rows);
        let byte = at - chunks[index].bytes.start;
        if !(actual.covers(&others) && all.covers(&actual)) {
            wrong.push(format!(
                "{}, byte {byte} of its chunk: expected {others:?} of {all:?}, got {actual:?}",
                name(index)
            ));
        }
        // A flip that changes no message, as in the head of the packed bytes, is found by the checksum over the whole file.
        if !landed.findings.contains_key(&name(index)) {
            wrong.push(format!(
                "{}, byte {byte} of its chunk: expected a finding",
                name(index)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for index in 0..ALONE {
        let status = status_alone(&bench, &format!("flip/{}.mcap", name(index)));
        assert_eq!(status, 3, "{}", name(index));
    }
}

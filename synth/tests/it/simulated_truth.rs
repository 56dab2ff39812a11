//! What a truth file says, against what the log of the same drive recorded.

use std::collections::BTreeMap;

use driveloop_synth::sensing::SensorConfig;
use driveloop_synth::simulate::{SimulateOptions, TruthEvent};

use crate::decoded::{Drives, Ego, Log, Seen, drives};

const FRAME_NS: i64 = 100_000_000;
const PEDESTRIAN: u8 = 7;

/// Drives that are seen without errors, so that what the tracks say is what happened.
async fn plain_drives() -> Drives {
    drives(&SimulateOptions {
        drives: 16,
        seconds: 40.0,
        seed: 21,
        sensor: SensorConfig::perfect(),
        ..SimulateOptions::default()
    })
    .await
}

/// Frames of a track within an interval.
fn within<'a>(log: &'a Log, event: &TruthEvent) -> Vec<(i64, &'a Seen)> {
    log.tracks[&event.track_ids[0]]
        .range(event.start_ns..=event.end_ns)
        .map(|(stamp_ns, seen)| (*stamp_ns, seen))
        .collect()
}

/// Speeds between frames that follow each other, from positions alone: stamp of the middle, m/s.
fn speeds(frames: &[(i64, &Seen)]) -> Vec<(i64, f64)> {
    frames
        .windows(2)
        .filter(|w| w[1].0 - w[0].0 == FRAME_NS)
        .map(|w| {
            let moved = (w[1].1.x_m - w[0].1.x_m).hypot(w[1].1.y_m - w[0].1.y_m);
            (w[0].0 + FRAME_NS / 2, moved / 0.1)
        })
        .collect()
}

/// Where an object is from the ego's rear axle: ahead, to the left.
fn from_ego(ego: &Ego, seen: &Seen) -> (f64, f64) {
    let (dx, dy) = (seen.x_m - ego.x_m, seen.y_m - ego.y_m);
    let (sin, cos) = ego.yaw_rad.sin_cos();
    (dx * cos + dy * sin, dy * cos - dx * sin)
}

fn lead_brakes(log: &Log, event: &TruthEvent, end_ns: i64) {
    let frames = within(log, event);
    let speeds = speeds(&frames);
    let parameter = |name: &str| event.parameters[name];
    let (first, last) = (
        speeds[0].1,
        speeds.iter().map(|s| s.1).fold(f64::INFINITY, f64::min),
    );
    assert!(
        (first - parameter("start_speed_mps")).abs() < 1.0,
        "{event:?} {first}"
    );
    assert!(
        event.end_ns == end_ns || last < parameter("floor_speed_mps") + 0.4,
        "{event:?} {last}"
    );
    // After the brakes' lag and before the floor is near.
    let phase: Vec<_> = speeds
        .iter()
        .filter(|s| s.0 > event.start_ns + 5 * FRAME_NS && s.1 > last + 1.0)
        .collect();
    if let (Some(from), Some(to)) = (phase.first(), phase.last())
        && to.0 - from.0 >= 3 * FRAME_NS
    {
        let decel = (from.1 - to.1) / ((to.0 - from.0) as f64 / 1e9);
        let told = parameter("decel_mps2");
        assert!((told - 0.4..8.2).contains(&decel), "{event:?}: {decel}");
    }
    let (stamp_ns, lead) = frames[0];
    let (ahead_m, left_m) = from_ego(&log.egos[&stamp_ns], lead);
    assert!(left_m.abs() < 2.5, "{event:?} {left_m}");
    // The ego's front is 1.35 m + 2.3 m before its rear axle.
    let gap_m = ahead_m - 3.65 - lead.length_m / 2.0;
    assert!(
        (gap_m - parameter("start_gap_m")).abs() < 1.5,
        "{event:?} {gap_m}"
    );
}

fn cuts_in(log: &Log, event: &TruthEvent) {
    let frames = within(log, event);
    let place = |(stamp_ns, seen): (i64, &Seen)| from_ego(&log.egos[&stamp_ns], seen);
    let (from, to) = (place(frames[0]), place(frames[frames.len() - 1]));
    assert!((2.0..5.0).contains(&from.1.abs()), "{event:?} {from:?}");
    assert!(to.0 > 0.0 && to.1.abs() < 2.2, "{event:?} {to:?}");
}

fn pedestrian_crosses(log: &Log, event: &TruthEvent, end_ns: i64) {
    let frames = within(log, event);
    assert!(frames.iter().all(|f| f.1.label == PEDESTRIAN));
    let most = speeds(&frames).iter().map(|s| s.1).fold(0.0, f64::max);
    assert!(
        (most - event.parameters["speed_mps"]).abs() < 0.1,
        "{event:?} {most}"
    );
    let (first, last) = (frames[0].1, frames[frames.len() - 1].1);
    let walked_m = (last.x_m - first.x_m).hypot(last.y_m - first.y_m);
    // Two lanes of 3.5 m and the room to both kerbs, where nothing cut it short.
    let is_whole = event.end_ns < end_ns - 2 * FRAME_NS
        && frames.len() as i64 * FRAME_NS >= event.end_ns - event.start_ns - 5 * FRAME_NS;
    assert!(walked_m > 8.0 || !is_whole, "{event:?} {walked_m}");
    let before = log.tracks[&event.track_ids[0]].range(..event.start_ns);
    let still = before.rev().take(5).all(|(_, seen)| seen.speed_mps < 0.05);
    assert!(still, "{event:?}: it walked before it started");
}

fn something_stands(log: &Log, event: &TruthEvent) {
    let frames = within(log, event);
    let first = frames[0].1;
    assert!(
        frames
            .iter()
            .all(|f| f.1.speed_mps == 0.0 && (f.1.x_m, f.1.y_m) == (first.x_m, first.y_m))
    );
    assert_eq!(
        event.start_ns, frames[0].0,
        "it begins when it comes into sight"
    );
    // It lies in the lane in which the ego was when it came near, or the ego went around it.
    let nearest = frames
        .iter()
        .map(|(stamp_ns, seen)| from_ego(&log.egos[stamp_ns], seen))
        .map(|(ahead_m, left_m)| ahead_m.hypot(left_m))
        .fold(f64::INFINITY, f64::min);
    assert!(nearest < 120.0);
}

#[tokio::test]
async fn every_event_is_in_the_recorded_tracks() {
    let drives = plain_drives().await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for index in 0..drives.report.drives.len() {
        let (log, truth) = (drives.log(index).await, drives.truth(index).await);
        let end_ns = *log.egos.keys().next_back().unwrap();
        for event in &truth.events {
            assert!(event.start_ns <= event.end_ns && event.end_ns <= end_ns);
            match event.kind.as_str() {
                "lead_hard_brake" => lead_brakes(&log, event, end_ns),
                "cut_in" => cuts_in(&log, event),
                "pedestrian_crossing" => pedestrian_crosses(&log, event, end_ns),
                "stationary_object" => something_stands(&log, event),
                other => panic!("a kind that nobody checks: {other}"),
            }
            *counts.entry(event.kind.clone()).or_default() += 1;
        }
        assert_eq!(
            drives.report.drives[index].events.values().sum::<usize>(),
            truth.events.len()
        );
    }
    assert!(
        counts.len() == 4 && counts.values().all(|count| *count >= 4),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_sensor_s_errors_leave_the_braking_plain_to_see() {
    let options = SimulateOptions {
        drives: 8,
        seconds: 30.0,
        seed: 22,
        ..SimulateOptions::default()
    };
    let drives = drives(&options).await;
    let mut brakes = 0;
    for index in 0..options.drives {
        let (log, truth) = (drives.log(index).await, drives.truth(index).await);
        for event in truth.events.iter().filter(|e| e.kind == "lead_hard_brake") {
            let frames = within(&log, event);
            let most = frames.iter().map(|f| f.1.speed_mps).fold(0.0, f64::max);
            let least = frames
                .iter()
                .map(|f| f.1.speed_mps)
                .fold(f64::INFINITY, f64::min);
            let (start, floor) = (
                event.parameters["start_speed_mps"],
                event.parameters["floor_speed_mps"],
            );
            assert!(
                (most - start).abs() < 1.2 && least < floor + 1.0,
                "{event:?} {most} {least}"
            );
            brakes += 1;
        }
    }
    assert!(brakes >= 4, "{brakes}");
}

//! Crossings: others that pass across the axis of a track's box.

use super::related::{Direction, Relation};
use super::scene::{Mode, Scene};
use crate::kinematics::{Track, seen_from};

/// Sideways speed below which nobody crosses.
const CROSSING_MPS: f64 = 0.2;

/// Which way round the track, seen from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    Clockwise,
    Counterclockwise,
    Either,
}

/// What is asked of a crossing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Crossing {
    /// The side of the track on which it is crossed.
    pub(crate) direction: Direction,
    pub(crate) sense: Sense,
    /// How far beyond the box's edge.
    pub(crate) reach_m: f64,
    /// How far beside the axis the crossing begins and ends.
    pub(crate) beside_max_m: f64,
}

/// Somebody at a stamp, in axes of which x is the direction in which the track is crossed.
#[derive(Debug, Clone, Copy)]
struct Passing {
    /// Sighting of the track.
    by: usize,
    x_m: f64,
    y_m: f64,
    vy_mps: f64,
}

/// The candidates that cross the axis of the track's box in a direction, while they do.
///
/// A candidate crosses when its centre changes sides of the axis no further than `reach_m` beyond the box's edge. The crossing lasts
/// for the frames before and after in which it goes to the same side faster than 0.2 m/s and is no further than `beside_max_m` beside
/// the axis.
pub(super) fn being_crossed_by(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    asked: &Crossing,
) -> Vec<Relation> {
    match scene.mode {
        Mode::Documented => {
            let others = candidates.iter().filter(|related| **related != track);
            others
                .flat_map(|&related| {
                    let frames = crossing_frames(scene, track, related, asked);
                    frames.into_iter().map(move |at| Relation { related, at })
                })
                .collect()
        }
        Mode::RefAv => refav_crossings(scene, track, candidates, asked),
    }
}

fn crossing_frames(
    scene: &Scene<'_>,
    track: usize,
    related: usize,
    asked: &Crossing,
) -> Vec<usize> {
    let mut passing: Vec<Passing> = Vec::new();
    for place in scene.places(related, track) {
        let [x_m, y_m] = turned([place.x_m, place.y_m], asked.direction);
        passing.push(Passing {
            by: place.by,
            x_m,
            y_m,
            vy_mps: 0.0,
        });
    }
    let stamps_ns = &scene.tracks[track].stamps_ns;
    let stamp_ns = |frame: usize| stamps_ns[passing[frame].by];
    // Sideways, relative to the track: between the frame before and the frame after.
    let last = passing.len().saturating_sub(1);
    let speeds: Vec<f64> = (0..passing.len())
        .map(|frame| {
            let (before, after) = (frame.saturating_sub(1), (frame + 1).min(last));
            let step_ns = stamp_ns(after).saturating_sub(stamp_ns(before)).max(1);
            (passing[after].y_m - passing[before].y_m) / (step_ns as f64 * 1e-9)
        })
        .collect();
    for (passing, speed) in passing.iter_mut().zip(speeds) {
        passing.vy_mps = speed;
    }
    let mut crossed = vec![false; passing.len()];
    for frame in 1..passing.len() {
        let (before, after) = (passing[frame - 1], passing[frame]);
        let size = scene.rectangle(track, after.by);
        let edge_m = match asked.direction {
            Direction::Forward | Direction::Backward => size.length_m / 2.0,
            Direction::Left | Direction::Right => size.width_m / 2.0,
        };
        let is_ahead = (edge_m..=edge_m + asked.reach_m).contains(&after.x_m);
        let changes_side =
            (before.y_m < 0.0 && after.y_m >= 0.0) || (before.y_m > 0.0 && after.y_m <= 0.0);
        let side = (after.y_m - before.y_m).signum();
        if !(is_ahead && changes_side && is_sense(side, asked.sense)) {
            continue;
        }
        let goes_on = |frame: &usize| {
            passing[*frame].y_m.abs() <= asked.beside_max_m
                && side * passing[*frame].vy_mps > CROSSING_MPS
        };
        let earlier = (0..frame).rev().take_while(goes_on);
        let later = (frame..passing.len()).take_while(goes_on);
        earlier.chain(later).for_each(|frame| crossed[frame] = true);
    }
    let frames = passing.iter().zip(crossed).filter(|(_, crossed)| *crossed);
    frames.map(|(passing, _)| passing.by).collect()
}

/// RefAV's crossings: of the two lines along the sides of the box; from half its length on, whatever the direction; with velocities
/// over ground; before the axis without end. After the first candidate that crosses, the direction is forgotten, and the rest are
/// looked for ahead.
fn refav_crossings(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    asked: &Crossing,
) -> Vec<Relation> {
    let size = scene.tracks[track].sightings[0].box_in_ego;
    let front_m = size.length_m / 2.0;
    let beyond_m = front_m..=front_m + asked.reach_m;
    let lines_m = [-size.width_m / 2.0, size.width_m / 2.0];
    let mut found = Vec::new();
    let mut direction = asked.direction;
    for related in in_refav_order(scene.tracks, candidates) {
        if related == track {
            continue;
        }
        let passing = refav_passing(scene, track, related, direction);
        for frame in 1..passing.len() {
            let (before, after) = (passing[frame - 1].y_m, passing[frame].y_m);
            let is_between =
                |line: f64| (before < line && line < after) || (after < line && line < before);
            let moves = passing[frame].vy_mps.abs() > CROSSING_MPS;
            if !(lines_m.into_iter().any(is_between)
                && moves
                && beyond_m.contains(&passing[frame].x_m))
            {
                continue;
            }
            direction = Direction::Forward;
            let side = (after - before).signum();
            if !is_sense(side, asked.sense) {
                continue;
            }
            let goes_on = |frame: &usize| {
                side * passing[*frame].y_m < asked.beside_max_m
                    && side * passing[*frame].vy_mps > CROSSING_MPS
            };
            let earlier = (0..frame).rev().take_while(goes_on);
            let later = (frame..passing.len()).take_while(goes_on);
            let frames = earlier.chain(later);
            found.extend(frames.map(|frame| Relation {
                related,
                at: passing[frame].by,
            }));
        }
    }
    found.sort_unstable_by_key(|of| (of.related, of.at));
    found.dedup();
    found
}

fn refav_passing(
    scene: &Scene<'_>,
    track: usize,
    related: usize,
    direction: Direction,
) -> Vec<Passing> {
    let (seen, seer) = (&scene.tracks[related], &scene.tracks[track]);
    let seen = seen_from(seen, &scene.motions[related], seer, scene.mode.recipe());
    let passing = seen.iter().map(|seen| {
        let ([x, y, _], [vx, vy, _]) = (seen.position_m, seen.velocity_mps);
        let ([x_m, y_m], [_, vy_mps]) = (turned([x, y], direction), turned([vx, vy], direction));
        Passing {
            by: seen.by,
            x_m,
            y_m,
            vy_mps,
        }
    });
    passing.collect()
}

/// The order in which RefAV looks at candidates: the ego, then category by category, as they come into sight.
fn in_refav_order(tracks: &[Track], candidates: &[usize]) -> Vec<usize> {
    let mut ordered = candidates.to_vec();
    ordered.sort_by_key(|at| {
        let track = &tracks[*at];
        (
            !track.is_ego(),
            &track.category,
            track.stamps_ns[0],
            &track.track_id,
        )
    });
    ordered
}

/// A vector in axes of which x is the direction.
fn turned([x, y]: [f64; 2], direction: Direction) -> [f64; 2] {
    match direction {
        Direction::Forward => [x, y],
        Direction::Backward => [-x, -y],
        Direction::Left => [y, -x],
        Direction::Right => [-y, x],
    }
}

/// Whether a motion to this side (1 is to the left, seen in the direction) is in the sense that is asked for.
fn is_sense(side: f64, sense: Sense) -> bool {
    match sense {
        Sense::Clockwise => side < 0.0,
        Sense::Counterclockwise => side > 0.0,
        Sense::Either => true,
    }
}

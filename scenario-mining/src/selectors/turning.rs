//! Turns: runs of frames in which the heading changes to one side.

use super::scene::{Mode, Scene};

/// Change of the heading that makes a turn.
const TURN_RAD: f64 = 45.0 * DEGREE;
/// Change that does where the track comes into sight or goes out of it in the middle of a turn.
const CUT_TURN_RAD: f64 = 15.0 * DEGREE;
/// Rate that a cut turn has at the cut, and in the mean.
const CUT_RATE_RADPS: f64 = 5.0 * DEGREE;
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// The side that somebody turns to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A run of frames, and how the heading changes in it.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: usize,
    last: usize,
    change_rad: f64,
}

/// The sightings at which the track turns to a side, or to either.
///
/// A turn is a run of frames whose yaw rate has one sign, over which the heading changes by 45° or more; 15° do for a run that
/// touches the first or last frame of the track at more than 5°/s, and is faster than that in the mean.
///
/// RefAV counts the frame in which the sign changes to the run before it too, takes every step to be as long as the first, and
/// compares without the 15°: see [`refav_runs`].
pub(super) fn turning(scene: &Scene<'_>, track: usize, side: Option<Side>) -> Vec<usize> {
    let stamps_ns = &scene.tracks[track].stamps_ns;
    let motion = &scene.motions[track];
    let rates = &motion.yaw_rate_radps;
    let turns: Vec<(Run, Side)> = match scene.mode {
        Mode::Documented => runs(rates, stamps_ns)
            .into_iter()
            .filter_map(|run| Some((run, turn_of(&run, rates)?)))
            .collect(),
        Mode::RefAv => refav_runs(rates, stamps_ns)
            .into_iter()
            .filter_map(|run| Some((run, side_of(run.change_rad, TURN_RAD)?)))
            .collect(),
    };
    let mut frames: Vec<usize> = turns
        .into_iter()
        .filter(|(_, to)| side.is_none_or(|side| side == *to))
        .flat_map(|(run, _)| run.first..=run.last)
        .collect();
    frames.sort_unstable();
    frames.dedup();
    frames
}

fn side_of(change_rad: f64, least_rad: f64) -> Option<Side> {
    if change_rad > least_rad {
        Some(Side::Left)
    } else if change_rad < -least_rad {
        Some(Side::Right)
    } else {
        None
    }
}

fn turn_of(run: &Run, rates: &[f64]) -> Option<Side> {
    let side = side_of(run.change_rad, TURN_RAD);
    let is_cut = |at: usize, edge: usize| at == edge && rates[at].abs() > CUT_RATE_RADPS;
    if side.is_some() || !(is_cut(run.first, 0) || is_cut(run.last, rates.len() - 1)) {
        return side;
    }
    let frames = &rates[run.first..=run.last];
    let mean_radps = frames.iter().sum::<f64>() / frames.len() as f64;
    side_of(run.change_rad, CUT_TURN_RAD).filter(|_| mean_radps.abs() > CUT_RATE_RADPS)
}

/// Runs of frames whose rate is known and has one sign; the change is the integral of the rate over the real steps (trapezoids).
fn runs(rates: &[f64], stamps_ns: &[i64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, rate) in rates.iter().copied().enumerate() {
        if rate == 0.0 || rate.is_nan() {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.last + 1 == at && rates[run.last] * rate > 0.0 => {
                let step_ns = stamps_ns[at].wrapping_sub(stamps_ns[run.last]) as f64;
                run.change_rad += (rates[run.last] + rate) / 2.0 * step_ns * 1e-9;
                run.last = at;
            }
            _ => runs.push(Run {
                first: at,
                last: at,
                change_rad: 0.0,
            }),
        }
    }
    runs
}

/// The runs that RefAV makes: a run ends with the first frame of another sign, or of none, which begins the next.
fn refav_runs(rates: &[f64], stamps_ns: &[i64]) -> Vec<Run> {
    let Some(last) = rates.len().checked_sub(1).filter(|last| *last > 0) else {
        return Vec::new();
    };
    let step_s = stamps_ns[1].wrapping_sub(stamps_ns[0]) as f64 / 1e9;
    let mut runs = Vec::new();
    let (mut first, mut end) = (0, 0);
    while first < last {
        if rates[first] * rates[end] > 0.0 && end < last {
            end += 1;
            continue;
        }
        let change_rad = rates[first..=end].iter().map(|rate| rate * step_s).sum();
        runs.push(Run {
            first,
            last: end,
            change_rad,
        });
        first = end;
        end += 1;
    }
    runs
}

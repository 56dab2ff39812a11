//! What really happened: the tracks of a stretch of a drive, and the future of an actor in them.

use std::collections::BTreeMap;

use driveloop_schemas::forecast::{HORIZON_STEPS, STEP_NS, STEP_TOLERANCE_NS};
use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::{ObjectTrack, TrackId};

use crate::kind::ActorKind;
use crate::road::Road;

/// An actor at a stamp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Stamp.
    pub stamp_ns: i64,
    /// What the actor is.
    pub kind: ActorKind,
    /// The box seen from above, in the map frame.
    pub footprint: OrientedBox,
    /// Velocity over ground in the map frame, where known.
    pub velocity_mps: Option<[f64; 2]>,
}

/// The tracks of one stretch of one drive, each in the order of time, and the road.
#[derive(Debug, Default)]
pub struct Scene {
    tracks: BTreeMap<TrackId, Vec<State>>,
    road: Road,
}

impl Scene {
    /// Makes the scene of the rows of one drive, in any order.
    #[must_use]
    pub fn from_rows(rows: Vec<ObjectTrack>) -> Self {
        let mut tracks: BTreeMap<TrackId, Vec<State>> = BTreeMap::new();
        for row in rows {
            let state = state_from_row(&row);
            tracks.entry(row.track_id).or_default().push(state);
        }
        for track in tracks.values_mut() {
            track.sort_by_key(|state| state.stamp_ns);
        }
        let road = Road::default();
        Self { tracks, road }
    }

    /// The same with a road.
    #[must_use]
    pub fn with_road(self, road: Road) -> Self {
        Self { road, ..self }
    }

    /// All actors at a stamp and at the steps after it.
    #[must_use]
    pub fn moment(&self, present_ns: i64) -> Moment<'_> {
        let at_step = |track: &'_ [State], step: usize| -> Option<State> {
            nearest(track, present_ns.saturating_add(STEP_NS * step as i64))
        };
        let actors = self
            .tracks
            .iter()
            .map(|(track_id, track)| {
                let steps: Vec<_> = (0..=HORIZON_STEPS)
                    .map(|step| at_step(track, step))
                    .collect();
                (track_id.as_str(), steps)
            })
            .filter(|(_, steps)| steps.iter().any(Option::is_some))
            .collect();
        Moment {
            actors,
            road: &self.road,
        }
    }
}

/// All actors of a scene at a present stamp (step 0) and at each step of the horizon.
#[derive(Debug)]
pub struct Moment<'a> {
    actors: BTreeMap<&'a str, Vec<Option<State>>>,
    road: &'a Road,
}

impl Moment<'_> {
    /// The actor at the present.
    #[must_use]
    pub fn present(&self, track_id: &str) -> Option<&State> {
        self.actors.get(track_id)?.first()?.as_ref()
    }

    /// What happened to the actor; `None` where its present or a step of its future is unknown.
    #[must_use]
    pub fn truth(&self, track_id: &str) -> Option<Truth<'_>> {
        let steps = self.actors.get(track_id)?;
        let known: Vec<&State> = steps.iter().map(Option::as_ref).collect::<Option<_>>()?;
        let (&present, future) = known.split_first()?;
        let others = self.actors.iter().filter(|(id, _)| **id != track_id);
        Some(Truth {
            present,
            future: future.to_vec(),
            others: others.map(|(_, steps)| steps.as_slice()).collect(),
            road: self.road,
        })
    }
}

/// The complete future of an actor, and what else was there.
#[derive(Debug)]
pub struct Truth<'a> {
    /// The actor at the present.
    pub present: &'a State,
    /// The actor at each step of the horizon.
    pub future: Vec<&'a State>,
    /// Every other actor: at the present, then at each step.
    pub others: Vec<&'a [Option<State>]>,
    /// Where one may drive.
    pub road: &'a Road,
}

fn state_from_row(row: &ObjectTrack) -> State {
    State {
        stamp_ns: row.stamp_ns,
        kind: ActorKind::from_category(&row.category),
        footprint: OrientedBox {
            x_m: row.x_m,
            y_m: row.y_m,
            yaw_rad: row.yaw_rad,
            length_m: row.length_m,
            width_m: row.width_m,
        },
        velocity_mps: row.vx_mps.zip(row.vy_mps).map(|(vx, vy)| [vx, vy]),
    }
}

/// The state nearest to the stamp, the earlier one of two, where it is within [`STEP_TOLERANCE_NS`].
fn nearest(track: &[State], stamp_ns: i64) -> Option<State> {
    let after = track.partition_point(|state| state.stamp_ns < stamp_ns);
    let candidates = track.get(after.saturating_sub(1)..(after + 1).min(track.len()))?;
    let off_ns = |state: &State| state.stamp_ns.abs_diff(stamp_ns);
    candidates
        .iter()
        .filter(|s| off_ns(s) <= STEP_TOLERANCE_NS.unsigned_abs())
        .min_by_key(|s| off_ns(s))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(stamps_ns: &[i64]) -> Vec<State> {
        let footprint = OrientedBox {
            x_m: 0.0,
            y_m: 0.0,
            yaw_rad: 0.0,
            length_m: 4.0,
            width_m: 2.0,
        };
        stamps_ns
            .iter()
            .map(|&stamp_ns| State {
                stamp_ns,
                kind: ActorKind::Other,
                footprint,
                velocity_mps: None,
            })
            .collect()
    }

    #[test]
    fn a_stamp_counts_up_to_the_tolerance() {
        let track = track(&[0, 100_000_000, 200_000_000]);
        let found = |stamp_ns| nearest(&track, stamp_ns).map(|state| state.stamp_ns);
        assert_eq!(found(0), Some(0));
        assert_eq!(found(100_000_000 + STEP_TOLERANCE_NS), Some(100_000_000));
        assert_eq!(found(100_000_000 + STEP_TOLERANCE_NS + 1), None);
        assert_eq!(found(100_000_000 - STEP_TOLERANCE_NS), Some(100_000_000));
        assert_eq!(found(-STEP_TOLERANCE_NS - 1), None);
        assert_eq!(found(200_000_000 + STEP_TOLERANCE_NS), Some(200_000_000));
        assert_eq!(nearest(&[], 0), None);
    }
}

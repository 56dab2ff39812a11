//! The lead brakes harder.

use driveloop_schemas::Episode;
use serde::{Deserialize, Serialize};

use super::find::find;
use super::{Parameters, Plan, Refusal, recorded, steps};
use crate::compose::draw::{Axis, Space};
use crate::compose::grid::GridTrack;
use crate::compose::host::HostScene;
use crate::compose::react::{Changed, Mover, from_driven, retime, stopping_mps2};

/// How long the lead stays slow.
const HOLD_S: f64 = 1.5;

/// A lead that brakes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadBrakes {
    /// The lead.
    pub track_id: String,
    /// When it begins to brake.
    pub start_ns: i64,
    /// How hard, positive.
    pub decel_mps2: f64,
    /// Share of its speed that it keeps.
    pub floor_speed_share: f64,
    /// How long it stays that slow.
    pub hold_s: f64,
}

impl LeadBrakes {
    pub(super) fn plan(&self, host: &HostScene) -> Result<Plan, Refusal> {
        let begin = host.step_of(self.start_ns);
        let track = recorded(host, &self.track_id, begin)?;
        let mover = Mover {
            track: self.brake(track, begin),
            since: begin,
            hides: true,
        };
        Ok(Plan {
            subject: self.track_id.as_str().into(),
            start: begin,
            begin,
            changed: Changed::from([(self.track_id.as_str().into(), mover)]),
            inserted: Vec::new(),
            checks: Vec::new(),
        })
    }

    fn brake(&self, track: &GridTrack, begin: usize) -> GridTrack {
        let floor = track.speed_mps(begin) * self.floor_speed_share;
        let hold_steps = steps(self.hold_s);
        let mut reached: Option<usize> = None;
        let driven = retime(track, begin, |step, _, speed| {
            if speed <= floor + 1e-3 {
                reached.get_or_insert(step);
            }
            match reached {
                Some(at) if step > at + hold_steps => None,
                Some(_) | None => Some(-self.decel_mps2.min(stopping_mps2(speed - floor))),
            }
        });
        from_driven(track, begin, &driven)
    }
}

/// What can be done to the vehicle ahead of the ego.
pub(super) fn space<'a>(host: &'a HostScene, episode: &Episode) -> Option<Space<'a, Parameters>> {
    let (track_id, step) = find(host, episode, |place, speed| {
        place.left_m.abs() < 1.6
            && (5.0..65.0).contains(&place.ahead_m)
            && place.heading_rad < 0.35
            && speed > 4.0
    })?;
    Some(Space {
        axes: vec![
            Axis::figure(&[4.0, 5.0, 6.0, 7.0, 7.5]),
            Axis::figure(&[0.0, 0.5, 1.0]),
            Axis::figure(&[0.0, 0.3]),
        ],
        build: Box::new(move |point| {
            Some(Parameters::LeadBrakes(LeadBrakes {
                track_id: track_id.to_string(),
                start_ns: host.stamp_ns(step + steps(point[1])),
                decel_mps2: point[0],
                floor_speed_share: point[2],
                hold_s: HOLD_S,
            }))
        }),
    })
}

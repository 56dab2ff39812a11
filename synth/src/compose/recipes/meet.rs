//! Where the ego would meet somebody who crosses its path, and how that one gets there in time.

use std::f64::consts::FRAC_PI_2;

use driveloop_schemas::Episode;
use driveloop_schemas::maths::sin_cos;

use super::{Refusal, seconds, steps};
use crate::compose::checks::Check;
use crate::compose::conflict::Role;
use crate::compose::grid::{GridTrack, State};
use crate::compose::host::HostScene;
use crate::compose::insert::Inserted;
use crate::compose::react::{Changed, Mover};
use crate::compose::sight::Sight;
use crate::compose::walk::{Flank, Person, Way};

/// Track of the pedestrian.
pub(super) const PEDESTRIAN_ID: &str = "inserted-pedestrian";
/// How long before and after an episode something may be met.
const BEFORE_S: f64 = 3.0;
const AFTER_S: f64 = 8.0;
/// Time between the places at which something may be met.
const SPACING_S: f64 = 1.0;
/// Time of the drive before something is met, for the ego to see it, and after, for the ego to react.
const EARLIEST_S: f64 = 5.0;
const LATEST_S: f64 = 2.0;
/// Speed of the ego from which it meets something rather than waits for it.
const EGO_SPEED_MIN_MPS: f64 = 4.0;
/// How far from the edge of the road somebody waits.
const KERB_M: f64 = 0.6;
/// How far from the ego's path the edge may be: nobody crosses a wider place in one go.
pub(super) const KERB_MAX_M: f64 = 15.0;
/// Where a map says nothing of the road, somebody waits so far beside the ego's flank.
const ASIDE_M: f64 = 3.0;
/// Steps between two looks for the first sight.
const LOOK_STEPS: usize = 5;

/// Steps of the grid at which the ego, as recorded, could meet something around an episode.
pub(super) fn meets(host: &HostScene, episode: &Episode) -> Vec<usize> {
    let ego = host.ego();
    let first = host
        .step_of(episode.start_ns)
        .saturating_sub(steps(BEFORE_S))
        .max(ego.first + steps(EARLIEST_S));
    let last = (host.step_of(episode.end_ns).saturating_add(steps(AFTER_S)))
        .min(ego.end().saturating_sub(steps(LATEST_S)));
    let spacing = steps(SPACING_S);
    let all = (first.next_multiple_of(spacing)..last).step_by(spacing);
    all.filter(|step| is_driving(ego, *step)).collect()
}

/// Whether the ego drives, and has done so for a while.
pub(super) fn is_driving(ego: &GridTrack, step: usize) -> bool {
    let before = step.saturating_sub(steps(2.0)).max(ego.first);
    ego.speed_mps(step).min(ego.speed_mps(before)) >= EGO_SPEED_MIN_MPS
}

/// Distance from the ego's path to where somebody waits beside the road, on a side.
pub(super) fn kerb_m(host: &HostScene, line: State, side: Flank) -> f64 {
    if !host.ground.is_known() {
        return host.ego().size[1] / 2.0 + ASIDE_M;
    }
    let (sin, cos) = sin_cos(line.yaw_rad);
    let outwards = [-sin * side.sign(), cos * side.sign()];
    let edge_m = host
        .ground
        .edge_m([line.x_m, line.y_m], outwards, KERB_MAX_M);
    edge_m.map_or(f64::MAX, |edge_m| edge_m + KERB_M)
}

/// Somebody who crosses the ego's path at a right angle.
pub(super) struct Crossing {
    /// The ego's path where it is crossed.
    pub(super) line: State,
    pub(super) side: Flank,
    pub(super) person: Person,
    pub(super) walk_speed_mps: f64,
    /// See [`super::Crosses::impact_share`].
    pub(super) impact_share: f64,
    /// When the ego, as recorded, would be there.
    pub(super) meet: usize,
    pub(super) role: Role,
    pub(super) reaction_s: f64,
    /// Where the walk begins and ends, from the ego's path on each side.
    pub(super) from_m: f64,
    pub(super) to_m: f64,
}

impl Crossing {
    pub(super) fn way(&self, host: &HostScene) -> Way {
        let sign = self.side.sign();
        let (sin, cos) = sin_cos(self.line.yaw_rad);
        let from = State {
            x_m: self.line.x_m - sin * sign * self.from_m,
            y_m: self.line.y_m + cos * sign * self.from_m,
            z_m: host.ground_z_m(self.meet) + self.person.size()[2] / 2.0,
            yaw_rad: self.line.yaw_rad - sign * FRAC_PI_2,
        };
        let width_m = host.ego().size[1];
        let left_to_go_m = width_m / 2.0 - self.impact_share * width_m;
        Way {
            from,
            length_m: self.from_m + self.to_m,
            passes: (self.meet, self.from_m - left_to_go_m),
            speed_mps: self.walk_speed_mps,
        }
    }

    /// Puts the pedestrian among those who have changed; drivers react once they see the walk.
    pub(super) fn insert(
        &self,
        host: &HostScene,
        changed: &mut Changed,
    ) -> Result<Crossed, Refusal> {
        let way = self.way(host);
        let size = self.person.size();
        let track = way.track(size, host.ego().end());
        let begin = (way.start_s() / crate::compose::grid::GRID_S).max(0.0) as usize;
        let first_seen = first_sight(host, changed, &track, 0, self.meet);
        let before_s = first_seen.map_or(0.0, |seen| seconds(self.meet - seen));
        let checks = vec![
            Check::at_most("kerb_m", self.from_m.max(self.to_m), KERB_MAX_M + KERB_M),
            Check::at_least("walk_start_s", way.start_s(), 0.0),
            Check::at_least("seen_before_s", before_s, 0.5),
        ];
        Refusal::unless_met(PEDESTRIAN_ID, begin, &checks)?;
        let first_seen = first_seen.unwrap_or(self.meet);
        let inserted = Inserted {
            track_id: PEDESTRIAN_ID.into(),
            category: "PEDESTRIAN",
            source_category: self.person.as_str(),
            track: track.clone(),
            role: self.role,
        };
        let mover = Mover {
            track,
            since: first_seen.max(begin) + steps(self.reaction_s),
            hides: false,
        };
        changed.insert(PEDESTRIAN_ID.into(), mover);
        Ok(Crossed {
            inserted,
            begin,
            first_seen,
            checks,
        })
    }
}

/// A pedestrian who was put into the host.
pub(super) struct Crossed {
    pub(super) inserted: Inserted,
    /// First step of the walk.
    pub(super) begin: usize,
    /// First step at which the ego sees somebody there.
    pub(super) first_seen: usize,
    pub(super) checks: Vec<Check>,
}

/// The first step at which the ego, as recorded, sees a track.
pub(super) fn first_sight(
    host: &HostScene,
    changed: &Changed,
    track: &GridTrack,
    from: usize,
    to: usize,
) -> Option<usize> {
    let from = from.max(host.ego().first);
    (from..to).step_by(LOOK_STEPS).find(|step| {
        let body = host.body("", track, *step);
        let sight = Sight::at_step(host, changed, *step);
        body.zip(sight)
            .is_some_and(|(body, sight)| sight.sees(&body))
    })
}

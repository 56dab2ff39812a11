//! A pedestrian crosses.

use driveloop_schemas::Episode;
use serde::{Deserialize, Serialize};

use super::meet::{Crossing, PEDESTRIAN_ID, kerb_m, meets};
use super::{Parameters, Plan, Refusal, recorded};
use crate::compose::conflict::Role;
use crate::compose::draw::{Axis, Space};
use crate::compose::grid::path_at;
use crate::compose::host::HostScene;
use crate::compose::react::{Changed, REACTION_S};
use crate::compose::walk::{Flank, Person};

/// Speeds: the 15th percentile and the mean of younger people at crossings (1.25 and 1.5 m/s; Knoblauch, Pietrucha, Nitzburg,
/// "Field studies of pedestrian walking speed and start-up time", Transportation Research Record 1538, 1996), and 8 km/h,
/// chosen for somebody who runs.
const WALK_SPEEDS_MPS: [f64; 3] = [1.25, 1.5, 2.2];
/// Where across the front the pedestrian would be hit; chosen: a quarter, half and three quarters.
pub(super) const IMPACT_SHARES: [f64; 3] = [0.25, 0.5, 0.75];

/// A pedestrian who waits beside the road and crosses it in front of the ego.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crosses {
    /// When the ego, if it went on as recorded, would be where the pedestrian crosses.
    pub meet_ns: i64,
    /// Who.
    pub person: Person,
    /// The side of the ego from which the pedestrian comes.
    pub from: Flank,
    /// Speed once up to it.
    pub walk_speed_mps: f64,
    /// How far across the ego's front the pedestrian would be at that moment: 0 at the flank first reached, 1 at the other.
    pub impact_share: f64,
    /// Time until drivers brake for whom they see walking.
    pub reaction_s: f64,
}

impl Crosses {
    pub(super) fn plan(&self, host: &HostScene) -> Result<Plan, Refusal> {
        let meet = host.step_of(self.meet_ns);
        let ego = recorded(host, &host.ego_id, meet)?;
        let front_m = ego.driven_m(meet) + ego.size[0] / 2.0;
        let line = path_at(&ego.path(), front_m + self.person.size()[1] / 2.0);
        let other = match self.from {
            Flank::Left => Flank::Right,
            Flank::Right => Flank::Left,
        };
        let crossing = Crossing {
            line,
            side: self.from,
            person: self.person,
            walk_speed_mps: self.walk_speed_mps,
            impact_share: self.impact_share,
            meet,
            role: Role::Crosses,
            reaction_s: self.reaction_s,
            from_m: kerb_m(host, line, self.from),
            to_m: kerb_m(host, line, other),
        };
        let mut changed = Changed::new();
        let crossed = crossing.insert(host, &mut changed)?;
        Ok(Plan {
            subject: PEDESTRIAN_ID.into(),
            start: crossed.begin,
            begin: crossed.begin,
            changed,
            inserted: vec![crossed.inserted],
            checks: crossed.checks,
        })
    }
}

/// Who can cross where.
pub(super) fn space<'a>(host: &'a HostScene, episode: &Episode) -> Space<'a, Parameters> {
    let meets = meets(host, episode);
    Space {
        axes: vec![
            Axis::Choice(meets.len()),
            Axis::Choice(Person::ALL.len()),
            Axis::Choice(Flank::ALL.len()),
            Axis::figure(&WALK_SPEEDS_MPS),
            Axis::figure(&IMPACT_SHARES),
        ],
        build: Box::new(move |point| {
            Some(Parameters::Crosses(Crosses {
                meet_ns: host.stamp_ns(meets[point[0] as usize]),
                person: Person::ALL[point[1] as usize],
                from: Flank::ALL[point[2] as usize],
                walk_speed_mps: point[3],
                impact_share: point[4],
                reaction_s: REACTION_S,
            }))
        }),
    }
}

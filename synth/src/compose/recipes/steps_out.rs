//! Ghost probe: a pedestrian steps out from behind a standing vehicle.

use driveloop_schemas::maths::{hypot, sin_cos};
use driveloop_schemas::{Episode, TrackId};
use serde::{Deserialize, Serialize};

use super::crosses::IMPACT_SHARES;
use super::find::{passers, place};
use super::meet::{Crossing, KERB_MAX_M, PEDESTRIAN_ID, is_driving, kerb_m, meets};
use super::{Parameters, Plan, Refusal, recorded, seconds, steps};
use crate::compose::checks::Check;
use crate::compose::conflict::Role;
use crate::compose::draw::{Axis, Space};
use crate::compose::grid::{GridTrack, State, path_at, project};
use crate::compose::host::HostScene;
use crate::compose::insert::Inserted;
use crate::compose::react::{Changed, Mover, REACTION_S};
use crate::compose::walk::{Flank, Person};

/// Track of the van that is put into a host.
const VAN_ID: &str = "inserted-van";
/// A delivery van: a Ford Transit of medium length and height.
const VAN_SIZE_M: [f64; 3] = [5.5, 2.06, 2.5];
/// Reaction times: of an emergency braking system, of a quick and of a careful driver ([`REACTION_S`]).
const REACTIONS_S: [f64; 3] = [0.5, 0.8, REACTION_S];
/// Latest first sight before the ego would be there: chosen.
const SIGHT_MAX_S: f64 = 4.0;
/// Speed at which the pedestrian walks when it is first seen.
const SIGHT_SPEED_MIN_MPS: f64 = 0.5;
/// How long before the ego passes it a vehicle must stand, and how far it may move meanwhile.
const STANDS_S: f64 = 6.0;
const STANDS_M: f64 = 0.3;
/// Room between the flanks of the ego and of a van.
const FLANK_GAPS_M: [f64; 3] = [0.6, 1.0, 1.4];
/// How far beside the ego's path the middle of a vehicle may stand.
const ASIDE_MAX_M: f64 = 5.5;
/// Room between the flanks of the ego and of a vehicle that it passes.
const FLANK_GAP_MIN_M: f64 = 0.3;
/// Standing vehicles among which is chosen.
const COVERS_MAX: usize = 32;

/// A pedestrian who steps out from behind a vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepsOut {
    /// Behind what.
    pub cover: Cover,
    /// Who.
    pub person: Person,
    /// Speed once up to it.
    pub walk_speed_mps: f64,
    /// See [`super::Crosses::impact_share`].
    pub impact_share: f64,
    /// Room between the far end of the vehicle and the pedestrian.
    pub ahead_m: f64,
    /// Time until drivers brake for whom they see walking.
    pub reaction_s: f64,
}

/// What hides the pedestrian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cover {
    /// A vehicle of the host that stands beside the ego's path.
    Standing {
        /// It.
        track_id: String,
        /// When the ego, as recorded, passes its middle.
        pass_ns: i64,
    },
    /// A van that stands there all the time.
    Van {
        /// When the ego, if it went on as recorded, would be where the pedestrian crosses.
        meet_ns: i64,
        /// The side of the ego's path on which it stands.
        side: Flank,
        /// Room between the flanks of the ego and of the van.
        flank_gap_m: f64,
    },
}

/// The vehicle that hides somebody, on the ego's path.
struct Hiding {
    side: Flank,
    /// From the ego's path to its middle.
    aside_m: f64,
    /// Along the ego's path to its far end.
    far_end_m: f64,
}

impl StepsOut {
    pub(super) fn plan(&self, host: &HostScene) -> Result<Plan, Refusal> {
        let ego = host.ego();
        let path = ego.path();
        let mut changed = Changed::new();
        let mut inserted = Vec::new();
        let hiding = match &self.cover {
            Cover::Standing { track_id, pass_ns } => standing(host, &path, track_id, *pass_ns)?,
            Cover::Van {
                meet_ns,
                side,
                flank_gap_m,
            } => {
                let (hiding, van) = self.van(host, &path, *meet_ns, *side, *flank_gap_m)?;
                let mover = Mover {
                    track: van.track.clone(),
                    since: 0,
                    hides: true,
                };
                changed.insert(VAN_ID.into(), mover);
                inserted.push(van);
                hiding
            }
        };
        let start = if inserted.is_empty() { None } else { Some(0) };
        let crossed = self
            .step_out(host, &path, &hiding)?
            .insert(host, &mut changed)?;
        let mut checks = crossed.checks;
        checks.extend(sight_checks(
            host,
            &path,
            crossed.first_seen,
            &crossed.inserted,
        ));
        Refusal::unless_met(PEDESTRIAN_ID, crossed.begin, &checks)?;
        inserted.insert(0, crossed.inserted);
        Ok(Plan {
            subject: PEDESTRIAN_ID.into(),
            start: start.unwrap_or(crossed.begin),
            begin: crossed.begin,
            changed,
            inserted,
            checks,
        })
    }

    /// The way of the pedestrian: from behind the middle of the vehicle, past its far end, to the other side.
    fn step_out(
        &self,
        host: &HostScene,
        path: &[(f64, State)],
        hiding: &Hiding,
    ) -> Result<Crossing, Refusal> {
        let ego = host.ego();
        let near_flank_m = hiding.far_end_m + self.ahead_m;
        let front_m = near_flank_m - ego.size[0] / 2.0;
        let meet = ego.step_at_driven(ego.first, front_m).unwrap_or(ego.end());
        recorded(host, &host.ego_id, meet)?;
        let line = path_at(path, near_flank_m + self.person.size()[1] / 2.0);
        let other = match hiding.side {
            Flank::Left => Flank::Right,
            Flank::Right => Flank::Left,
        };
        Ok(Crossing {
            line,
            side: hiding.side,
            person: self.person,
            walk_speed_mps: self.walk_speed_mps,
            impact_share: self.impact_share,
            meet,
            role: Role::Appears,
            reaction_s: self.reaction_s,
            from_m: hiding.aside_m,
            to_m: kerb_m(host, line, other).min(KERB_MAX_M),
        })
    }

    /// A van whose far end is right before the pedestrian whom the ego would meet at a time.
    fn van(
        &self,
        host: &HostScene,
        path: &[(f64, State)],
        meet_ns: i64,
        side: Flank,
        flank_gap_m: f64,
    ) -> Result<(Hiding, Inserted), Refusal> {
        let meet = host.step_of(meet_ns);
        let ego = recorded(host, &host.ego_id, meet)?;
        let far_end_m = ego.driven_m(meet) + ego.size[0] / 2.0 - self.ahead_m;
        let aside_m = aside_m(host, flank_gap_m);
        let state = beside(host, path, far_end_m, side.sign() * aside_m, meet);
        let track = GridTrack::of(0, vec![state; ego.end().max(2)], VAN_SIZE_M);
        let van = Inserted {
            track_id: VAN_ID.into(),
            category: "LARGE_VEHICLE",
            source_category: "van",
            track,
            role: Role::Stands,
        };
        let hiding = Hiding {
            side,
            aside_m,
            far_end_m,
        };
        Ok((hiding, van))
    }
}

/// From the ego's path to the middle of a van.
fn aside_m(host: &HostScene, flank_gap_m: f64) -> f64 {
    host.ego().size[1] / 2.0 + flank_gap_m + VAN_SIZE_M[1] / 2.0
}

/// A van beside the ego's path, with its far end at a distance along it.
fn beside(
    host: &HostScene,
    path: &[(f64, State)],
    far_end_m: f64,
    left_m: f64,
    meet: usize,
) -> State {
    let middle = path_at(path, far_end_m - VAN_SIZE_M[0] / 2.0);
    let (sin, cos) = sin_cos(middle.yaw_rad);
    State {
        x_m: middle.x_m - sin * left_m,
        y_m: middle.y_m + cos * left_m,
        z_m: host.ground_z_m(meet) + VAN_SIZE_M[2] / 2.0,
        ..middle
    }
}

/// Where a van disturbs few: those meetings and sides where the fewest vehicles drive over its place, one more at most.
fn van_places(host: &HostScene, meets: &[usize]) -> Vec<(usize, Flank)> {
    let path = host.ego().path();
    let left_m = aside_m(host, FLANK_GAPS_M[1]);
    let all = meets
        .iter()
        .flat_map(|meet| Flank::ALL.map(|side| (*meet, side)));
    let counted: Vec<(usize, (usize, Flank))> = all
        .map(|(meet, side)| {
            let far_end_m = host.ego().driven_m(meet) + host.ego().size[0] / 2.0;
            let state = beside(host, &path, far_end_m, side.sign() * left_m, meet);
            let on_road =
                !host.ground.is_known() || host.ground.covers(&state.footprint(VAN_SIZE_M));
            let count = passers(host, state, VAN_SIZE_M, usize::MAX);
            (if on_road { count } else { usize::MAX - 1 }, (meet, side))
        })
        .collect();
    let fewest = counted.iter().map(|(count, _)| *count).min().unwrap_or(0);
    let quiet = counted
        .into_iter()
        .filter(|(count, _)| *count <= fewest + 1);
    quiet.map(|(_, place)| place).collect()
}

/// Whether the pedestrian comes into sight late, and walking.
fn sight_checks(
    host: &HostScene,
    path: &[(f64, State)],
    first: usize,
    pedestrian: &Inserted,
) -> [Check; 2] {
    let ego = host.ego();
    let at = pedestrian.track.at_time(seconds(first));
    let along_m = project(path, at.x_m, at.y_m).map_or(f64::MAX, |(along_m, _)| along_m);
    let gap_m = along_m - ego.driven_m(first) - ego.size[0] / 2.0;
    let walk_mps = pedestrian.track.speed_mps(first);
    [
        Check::at_most(
            "first_sight_s",
            gap_m / ego.speed_mps(first).max(0.1),
            SIGHT_MAX_S,
        ),
        Check::at_least("walk_speed_at_sight_mps", walk_mps, SIGHT_SPEED_MIN_MPS),
    ]
}

/// A vehicle of the host that stands while the ego comes up to it.
fn standing(
    host: &HostScene,
    path: &[(f64, State)],
    track_id: &str,
    pass_ns: i64,
) -> Result<Hiding, Refusal> {
    let pass = host.step_of(pass_ns);
    let track = host.vehicles.get(track_id);
    let found = track.and_then(|track| hiding(path, track, pass));
    let moved_m = track.map_or(f64::MAX, |track| moved_m(track, pass));
    let checks = [
        Check::at_least("track_present", f64::from(u8::from(found.is_some())), 1.0),
        Check::at_most("cover_moved_m", moved_m, STANDS_M),
    ];
    Refusal::unless_met(track_id, pass, &checks)?;
    found.ok_or_else(|| Refusal {
        subject: track_id.into(),
        begin: pass,
        checks: checks.to_vec(),
    })
}

/// How far a vehicle moves in the seconds before a step: as far as it is seen.
fn moved_m(track: &GridTrack, pass: usize) -> f64 {
    let (first, last) = (pass.saturating_sub(steps(STANDS_S)), pass);
    let ends = [first, last].map(|step| step.clamp(track.first, track.end() - 1));
    let [a, b] = ends.map(|step| track.at_time(seconds(step)));
    hypot(a.x_m - b.x_m, a.y_m - b.y_m)
}

fn hiding(path: &[(f64, State)], track: &GridTrack, pass: usize) -> Option<Hiding> {
    let at = track.at_time(seconds(pass));
    let (along_m, left_m) = project(path, at.x_m, at.y_m)?;
    let (sin, cos) = sin_cos(at.yaw_rad - path_at(path, along_m).yaw_rad);
    let half_m = (track.size[0] * cos.abs() + track.size[1] * sin.abs()) / 2.0;
    Some(Hiding {
        side: if left_m > 0.0 {
            Flank::Left
        } else {
            Flank::Right
        },
        aside_m: left_m.abs(),
        far_end_m: along_m + half_m,
    })
}

/// The standing vehicles that the ego passes closely around an episode, and when.
fn covers(host: &HostScene, meets: &[usize]) -> Vec<(TrackId, usize)> {
    let (Some(first), Some(last)) = (meets.first(), meets.last()) else {
        return Vec::new();
    };
    let ego = host.ego();
    let path = ego.path();
    let others = host.vehicles.iter().filter(|(id, _)| **id != host.ego_id);
    let passed = others.filter_map(|(id, track)| {
        let look = track.end() - 1;
        let at = place(ego, &path, track, look.min(ego.end() - 1))?;
        let along_m = at.ahead_m + ego.driven_m(look.min(ego.end() - 1));
        let pass = ego.step_at_driven(ego.first, along_m)?;
        let flank_m = at.left_m.abs() - (track.size[1] + ego.size[1]) / 2.0;
        let is_seen =
            track.first + steps(STANDS_S / 2.0) < pass && track.end() + steps(STANDS_S) > pass;
        let fits = (FLANK_GAP_MIN_M..).contains(&flank_m)
            && at.left_m.abs() < ASIDE_MAX_M
            && (*first..=*last).contains(&pass)
            && is_seen
            && is_driving(ego, pass)
            && moved_m(track, pass) < STANDS_M;
        fits.then(|| (id.clone(), pass))
    });
    passed.take(COVERS_MAX).collect()
}

/// Who can step out from behind what.
pub(super) fn space<'a>(host: &'a HostScene, episode: &Episode) -> Space<'a, Parameters> {
    let meets = meets(host, episode);
    let covers = covers(host, &meets);
    let vans = van_places(host, &meets);
    Space {
        axes: vec![
            Axis::Choice(covers.len() + vans.len()),
            Axis::Choice(Person::ALL.len()),
            Axis::figure(&[1.4, 2.2]),
            Axis::figure(&IMPACT_SHARES),
            Axis::figure(&[0.5, 1.0]),
            Axis::figure(&FLANK_GAPS_M),
            Axis::figure(&REACTIONS_S),
        ],
        build: Box::new(move |point| {
            let choice = point[0] as usize;
            let cover = if let Some((track_id, pass)) = covers.get(choice) {
                Cover::Standing {
                    track_id: track_id.to_string(),
                    pass_ns: host.stamp_ns(*pass),
                }
            } else {
                let (meet, side) = vans[choice - covers.len()];
                Cover::Van {
                    meet_ns: host.stamp_ns(meet),
                    side,
                    flank_gap_m: point[5],
                }
            };
            Some(Parameters::StepsOut(StepsOut {
                cover,
                person: Person::ALL[point[1] as usize],
                walk_speed_mps: point[2],
                impact_share: point[3],
                ahead_m: point[4],
                reaction_s: point[6],
            }))
        }),
    }
}

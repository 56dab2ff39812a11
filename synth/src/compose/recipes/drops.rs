//! Cargo in the lane: it falls off the vehicle ahead, or lies there.

use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::wrap_rad;
use driveloop_schemas::{Episode, TrackId};
use serde::{Deserialize, Serialize};

use super::find::{find, passers};
use super::meet::{first_sight, meets};
use super::{Parameters, Plan, Refusal, recorded, seconds, steps};
use crate::compose::checks::Check;
use crate::compose::conflict::Role;
use crate::compose::draw::{Axis, Space};
use crate::compose::grid::{GRID_S, GridTrack, State, path_at, project};
use crate::compose::host::HostScene;
use crate::compose::insert::Inserted;
use crate::compose::react::{Changed, Mover, REACTION_S};

/// Track of the cargo.
const CARGO_ID: &str = "inserted-cargo";
/// Gravity.
const GRAVITY_MPS2: f64 = 9.81;
/// Room behind the carrier when the cargo comes off.
const BEHIND_M: f64 = 0.2;
/// How far beside the ego's path cargo may come to rest.
const OFFSET_MAX_M: f64 = 0.9;

/// What was lost; all of it less than 20 cm high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cargo {
    /// A flat pallet of EN 13698-1.
    Pallet,
    /// A car's tyre 185/65 R15, on its side.
    Tyre,
    /// A piece of a lorry's tread.
    Tread,
    /// A carton.
    Carton,
}

impl Cargo {
    const ALL: [Self; 4] = [Self::Pallet, Self::Tyre, Self::Tread, Self::Carton];

    /// Length, width, height.
    #[must_use]
    pub fn size_m(self) -> [f64; 3] {
        match self {
            Self::Pallet => [1.2, 0.8, 0.144],
            Self::Tyre => [0.62, 0.62, 0.185],
            Self::Tread => [0.9, 0.22, 0.12],
            Self::Carton => [0.4, 0.3, 0.19],
        }
    }

    /// The name in `source_category`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pallet => "pallet",
            Self::Tyre => "tyre",
            Self::Tread => "tread",
            Self::Carton => "carton",
        }
    }
}

/// Cargo in the ego's lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drops {
    /// What.
    pub cargo: Cargo,
    /// How it came there.
    pub origin: CargoOrigin,
    /// Where it comes off or lies, to the left of the middle of the carrier or of the ego's path.
    pub offset_m: f64,
    /// How it is turned, from the carrier's heading or the ego's path.
    pub turn_rad: f64,
    /// Time until drivers brake for what they see.
    pub reaction_s: f64,
}

/// How cargo came into the lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CargoOrigin {
    /// It falls off the back of a vehicle, flies on, slides, and lies.
    Falls {
        /// The carrier.
        track_id: String,
        /// When.
        start_ns: i64,
        /// From which height.
        height_m: f64,
        /// Friction on the road; of what is drawn, 0.55 and 0.7, nothing is measured: they are chosen for wood and rubber on asphalt.
        friction: f64,
    },
    /// It lies there all the time; nobody drives over the place before.
    Lies {
        /// When the ego, if it went on as recorded, would be there.
        meet_ns: i64,
    },
}

impl Drops {
    pub(super) fn plan(&self, host: &HostScene) -> Result<Plan, Refusal> {
        let (begin, track, mut checks) = match &self.origin {
            CargoOrigin::Falls {
                track_id,
                start_ns,
                height_m,
                friction,
            } => {
                let begin = host.step_of(*start_ns);
                let carrier = recorded(host, track_id, begin)?;
                let ground_m = host.ground_z_m(begin);
                let fall = Fall {
                    from: self.behind(carrier, begin, ground_m),
                    speed_mps: carrier.speed_mps(begin),
                    course_rad: carrier.state(begin).map_or(0.0, |state| state.yaw_rad),
                    height_m: height_m.max(0.0),
                    decel_mps2: friction.max(0.01) * GRAVITY_MPS2,
                };
                let end = host.ego().end();
                (
                    begin,
                    fall.track(self.cargo.size_m(), begin, end),
                    Vec::new(),
                )
            }
            CargoOrigin::Lies { meet_ns } => self.lie(host, *meet_ns)?,
        };
        checks.extend(in_way(host, &track, begin));
        Refusal::unless_met(CARGO_ID, begin, &checks)?;
        let mut changed = Changed::new();
        let first = first_sight(host, &changed, &track, track.first, host.ego().end());
        let count = f64::from(u8::from(first.is_some()));
        checks.push(Check::at_least("comes_into_sight", count, 1.0));
        Refusal::unless_met(CARGO_ID, begin, &checks)?;
        let seen = first.unwrap_or(begin);
        let mover = Mover {
            track: track.clone(),
            since: seen + steps(self.reaction_s),
            hides: false,
        };
        changed.insert(CARGO_ID.into(), mover);
        let inserted = Inserted {
            track_id: CARGO_ID.into(),
            category: "DEBRIS",
            source_category: self.cargo.as_str(),
            track,
            role: Role::Lies,
        };
        Ok(Plan {
            subject: CARGO_ID.into(),
            start: begin,
            begin: begin.max(seen),
            changed,
            inserted: vec![inserted],
            checks,
        })
    }

    /// Where the cargo comes off: right behind the carrier, on the ground as far as height goes.
    fn behind(&self, carrier: &GridTrack, step: usize, ground_m: f64) -> State {
        let state = carrier.at_time(seconds(step));
        let [length_m, width_m, height_m] = self.cargo.size_m();
        let (turn_sin, turn_cos) = sin_cos(self.turn_rad);
        let half_m = (length_m * turn_cos.abs() + width_m * turn_sin.abs()) / 2.0;
        let back_m = carrier.size[0] / 2.0 + BEHIND_M + half_m;
        let (sin, cos) = sin_cos(state.yaw_rad);
        State {
            x_m: state.x_m - back_m * cos - self.offset_m * sin,
            y_m: state.y_m - back_m * sin + self.offset_m * cos,
            z_m: ground_m + height_m / 2.0,
            yaw_rad: wrap_rad(state.yaw_rad + self.turn_rad),
        }
    }

    /// Puts it where the ego would be at a time, if nobody has driven there before.
    fn lie(
        &self,
        host: &HostScene,
        meet_ns: i64,
    ) -> Result<(usize, GridTrack, Vec<Check>), Refusal> {
        let meet = host.step_of(meet_ns);
        let ego = recorded(host, &host.ego_id, meet)?;
        let size = self.cargo.size_m();
        let state = self.place(host, &ego.path(), meet);
        let passed = passers(host, state, size, meet) as f64;
        let checks = vec![Check::at_most("vehicles_over_it", passed, 0.0)];
        Refusal::unless_met(CARGO_ID, meet, &checks)?;
        let track = GridTrack::of(0, vec![state; ego.end().max(2)], size);
        Ok((0, track, checks))
    }

    fn place(&self, host: &HostScene, path: &[(f64, State)], meet: usize) -> State {
        let (ego, size) = (host.ego(), self.cargo.size_m());
        let front_m = ego.driven_m(meet) + (ego.size[0] + size[0].max(size[1])) / 2.0;
        let at = path_at(path, front_m);
        let (sin, cos) = sin_cos(at.yaw_rad);
        State {
            x_m: at.x_m - self.offset_m * sin,
            y_m: at.y_m + self.offset_m * cos,
            z_m: host.ground_z_m(meet) + size[2] / 2.0,
            yaw_rad: wrap_rad(at.yaw_rad + self.turn_rad),
        }
    }
}

/// Whether the cargo comes to rest in the ego's way, and the ego would reach it.
fn in_way(host: &HostScene, track: &GridTrack, begin: usize) -> Vec<Check> {
    let ego = host.ego();
    let rest = track.states[track.states.len() - 1];
    let Some((along_m, left_m)) = project(&ego.path(), rest.x_m, rest.y_m) else {
        return vec![Check::at_most("offset_m", f64::MAX, OFFSET_MAX_M)];
    };
    let reached = ego.step_at_driven(begin.max(ego.first), along_m - ego.size[0] / 2.0);
    let count = f64::from(u8::from(reached.is_some()));
    vec![
        Check::at_most("offset_m", left_m.abs(), OFFSET_MAX_M),
        Check::at_least("ego_reaches_it", count, 1.0),
    ]
}

/// Cargo that falls, flies on at the carrier's speed, slides straight on and comes to rest.
struct Fall {
    from: State,
    course_rad: f64,
    speed_mps: f64,
    height_m: f64,
    decel_mps2: f64,
}

impl Fall {
    fn track(&self, size: [f64; 3], begin: usize, end: usize) -> GridTrack {
        let fall_s = (2.0 * self.height_m / GRAVITY_MPS2).sqrt();
        let slide_s = self.speed_mps / self.decel_mps2;
        let (sin, cos) = sin_cos(self.course_rad);
        let states = (0..end.saturating_sub(begin).max(2)).map(|step| {
            let time_s = step as f64 * GRID_S;
            let flown_s = time_s.min(fall_s);
            let slid_s = (time_s - fall_s).clamp(0.0, slide_s);
            let slid_m = self.speed_mps * slid_s - self.decel_mps2 * slid_s * slid_s / 2.0;
            let gone_m = self.speed_mps * flown_s + slid_m;
            let above_m = self.height_m - GRAVITY_MPS2 * flown_s * flown_s / 2.0;
            State {
                x_m: self.from.x_m + gone_m * cos,
                y_m: self.from.y_m + gone_m * sin,
                z_m: self.from.z_m + above_m.max(0.0),
                ..self.from
            }
        });
        GridTrack::of(begin, states.collect(), size)
    }
}

/// What can lie where.
pub(super) fn space<'a>(host: &'a HostScene, episode: &Episode) -> Space<'a, Parameters> {
    let carrier = find(host, episode, |place, speed| {
        place.left_m.abs() < 1.2
            && (12.0..70.0).contains(&place.ahead_m)
            && place.heading_rad < 0.2
            && speed > 4.0
    });
    let falls: Vec<(TrackId, usize)> = carrier
        .into_iter()
        .flat_map(|(id, step)| [0.0, 1.0, 2.0].map(|s| (id.clone(), step + steps(s))))
        .collect();
    let path = host.ego().path();
    let mut meets = meets(host, episode);
    meets.retain(|meet| {
        let front_m = host.ego().driven_m(*meet) + host.ego().size[0] / 2.0;
        passers(host, path_at(&path, front_m), Cargo::Pallet.size_m(), *meet) == 0
    });
    Space {
        axes: vec![
            Axis::Choice(falls.len() + meets.len()),
            Axis::Choice(Cargo::ALL.len()),
            Axis::figure(&[-0.6, 0.0, 0.6]),
            Axis::figure(&[0.0, 0.5, 1.2]),
            Axis::figure(&[0.55, 0.7]),
            Axis::figure(&[0.6, 1.0]),
        ],
        build: Box::new(move |point| {
            let choice = point[0] as usize;
            let origin = if let Some((track_id, step)) = falls.get(choice) {
                CargoOrigin::Falls {
                    track_id: track_id.to_string(),
                    start_ns: host.stamp_ns(*step),
                    height_m: point[5],
                    friction: point[4],
                }
            } else {
                CargoOrigin::Lies {
                    meet_ns: host.stamp_ns(meets[choice - falls.len()]),
                }
            };
            Some(Parameters::Drops(Drops {
                cargo: Cargo::ALL[point[1] as usize],
                origin,
                offset_m: point[2],
                turn_rad: point[3],
                reaction_s: REACTION_S,
            }))
        }),
    }
}

//! Recipes: what can be edited in an episode, and the grids that their parameters are drawn from.

use driveloop_schemas::pose::wrap_rad;
use driveloop_schemas::{Episode, TrackId};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::grid::{GridTrack, project};
use super::host::HostScene;
use crate::error::{Error, Result};

/// Version of both recipes.
pub(crate) const RECIPE_VERSION: i32 = 1;
/// Steps between two looks for an actor to edit: half a second.
const LOOK_STEPS: usize = 25;
/// How long before and after an episode an actor to edit is looked for.
const MARGIN_S: f64 = 3.0;

/// An edit that `compose` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipe {
    /// The vehicle ahead of the ego brakes, along its own path.
    LeadBrakesHarder,
    /// A vehicle of the next lane moves into the ego's lane ahead of it.
    NeighbourCutsIn,
}

impl Recipe {
    /// All recipes.
    pub const ALL: [Self; 2] = [Self::LeadBrakesHarder, Self::NeighbourCutsIn];

    /// The name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeadBrakesHarder => "lead_brakes_harder",
            Self::NeighbourCutsIn => "neighbour_cuts_in",
        }
    }

    /// The scenario of the catalogue that its drives are examples of.
    #[must_use]
    pub fn scenario(self) -> &'static str {
        match self {
            Self::LeadBrakesHarder => "lead_hard_brake",
            Self::NeighbourCutsIn => "cut_in",
        }
    }

    /// The recipe of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recipe| recipe.as_str() == name)
    }
}

/// What an edit does, whole: with the host it gives the composed drive.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameters {
    /// Of [`Recipe::LeadBrakesHarder`].
    LeadBrakes(LeadBrakes),
    /// Of [`Recipe::NeighbourCutsIn`].
    CutsIn(CutsIn),
}

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

/// A neighbour that cuts in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CutsIn {
    /// The neighbour.
    pub track_id: String,
    /// Earliest begin: it begins at the moment, within four seconds, at which its gap ahead of the ego is nearest to `gap_m`.
    pub start_ns: i64,
    /// Gap between the bumpers at the begin.
    pub gap_m: f64,
    /// Time of the lateral move.
    pub duration_s: f64,
}

impl Parameters {
    /// Their recipe.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        match self {
            Self::LeadBrakes(_) => Recipe::LeadBrakesHarder,
            Self::CutsIn(_) => Recipe::NeighbourCutsIn,
        }
    }

    /// The JSON object of the table.
    ///
    /// # Errors
    /// When a number is not finite.
    pub fn to_json(&self) -> Result<String> {
        Ok(match self {
            Self::LeadBrakes(parameters) => serde_json::to_string(parameters)?,
            Self::CutsIn(parameters) => serde_json::to_string(parameters)?,
        })
    }

    /// Reads what [`Parameters::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::Json`] for another text, [`Error::Option`] for an unknown recipe.
    pub fn from_json(recipe: &str, json: &str) -> Result<Self> {
        match Recipe::from_name(recipe) {
            Some(Recipe::LeadBrakesHarder) => Ok(Self::LeadBrakes(serde_json::from_str(json)?)),
            Some(Recipe::NeighbourCutsIn) => Ok(Self::CutsIn(serde_json::from_str(json)?)),
            None => Err(Error::Option {
                option: "recipe",
                expected: Recipe::ALL.map(Recipe::as_str).join(" or "),
                actual: recipe.to_owned(),
            }),
        }
    }
}

/// The candidates of a recipe for an episode: grid points in an order that the seed draws; none where nobody can be edited.
#[must_use]
pub fn candidates(
    host: &HostScene,
    episode: &Episode,
    recipe: Recipe,
    count: usize,
    seed: u64,
) -> Vec<Parameters> {
    let key = Sha256::digest(format!("{seed}/{}/{}", episode.episode_id, recipe.as_str()));
    let mut rng = ChaCha8Rng::from_seed(key.into());
    let mut all = match recipe {
        Recipe::LeadBrakesHarder => lead_grid(host, episode),
        Recipe::NeighbourCutsIn => cut_in_grid(host, episode),
    };
    all.shuffle(&mut rng);
    all.truncate(count);
    all
}

fn lead_grid(host: &HostScene, episode: &Episode) -> Vec<Parameters> {
    let Some((track_id, step)) = find(host, episode, |along, left, heading, speed| {
        left.abs() < 1.6 && (5.0..65.0).contains(&along) && heading < 0.35 && speed > 4.0
    }) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for decel_mps2 in [4.0, 5.0, 6.0, 7.0, 7.5] {
        for delay_steps in [0, 25, 50] {
            for floor_speed_share in [0.0, 0.3] {
                all.push(Parameters::LeadBrakes(LeadBrakes {
                    track_id: track_id.to_string(),
                    start_ns: host.stamp_ns(step + delay_steps),
                    decel_mps2,
                    floor_speed_share,
                    hold_s: 1.5,
                }));
            }
        }
    }
    all
}

fn cut_in_grid(host: &HostScene, episode: &Episode) -> Vec<Parameters> {
    let Some((track_id, step)) = find(host, episode, |along, left, heading, speed| {
        (2.2..5.5).contains(&left.abs())
            && (6.0..40.0).contains(&along)
            && heading < 0.35
            && speed > 4.0
    }) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let (ego, track) = (host.ego(), &host.vehicles[&track_id]);
    let along_m = place(ego, &ego.path(), track, step).map_or(0.0, |place| place[0]);
    let found_m = along_m - (ego.size[0] + track.size[0]) / 2.0;
    let gaps = [-4.0, -2.0, 0.0, 2.0, 4.0].map(|off| ((found_m + off) * 10.0).round() / 10.0);
    for gap_m in gaps.into_iter().filter(|gap_m| *gap_m >= 3.0) {
        for duration_s in [2.0, 2.5, 3.0, 3.5, 4.0] {
            all.push(Parameters::CutsIn(CutsIn {
                track_id: track_id.to_string(),
                start_ns: host.stamp_ns(step),
                gap_m,
                duration_s,
            }));
        }
    }
    all
}

/// The first vehicle, and the step, whose place beside the ego's path fits: along, to the left, heading, speed.
/// The actors of the episode come before others.
fn find(
    host: &HostScene,
    episode: &Episode,
    fits: impl Fn(f64, f64, f64, f64) -> bool,
) -> Option<(TrackId, usize)> {
    let ego = host.ego();
    let path = ego.path();
    let margin_ns = (MARGIN_S * 1e9) as i64;
    let first = host
        .step_of(episode.start_ns - margin_ns)
        .max(ego.first + LOOK_STEPS);
    let last = host.step_of(episode.end_ns + margin_ns);
    let mut found: Option<((bool, usize, i64), TrackId, usize)> = None;
    for (track_id, track) in host.vehicles.iter().filter(|(id, _)| **id != host.ego_id) {
        for step in (first..last).step_by(LOOK_STEPS) {
            let Some(place) = place(ego, &path, track, step) else {
                continue;
            };
            if fits(place[0], place[1], place[2], track.speed_mps(step))
                && ego.speed_mps(step) > 3.0
            {
                let is_other = !episode.actors.iter().any(|actor| track_id == actor);
                let key = (is_other, step, (place[0] * 1e3) as i64);
                if found.as_ref().is_none_or(|best| key < best.0) {
                    found = Some((key, track_id.clone(), step));
                }
                break;
            }
        }
    }
    found.map(|(_, track_id, step)| (track_id, step))
}

/// Place of a track relative to the ego on the ego's path: metres ahead, metres to the left, and the angle between the headings.
pub(crate) fn place(
    ego: &GridTrack,
    path: &[(f64, super::grid::State)],
    track: &GridTrack,
    step: usize,
) -> Option<[f64; 3]> {
    if !ego.contains(step) {
        return None;
    }
    let state = track.state(step)?;
    let (along, left) = project(path, state.x_m, state.y_m)?;
    let road_yaw = ego_heading(path, along);
    let heading = wrap_rad(state.yaw_rad - road_yaw).abs();
    Some([along - ego.driven_m(step), left, heading])
}

fn ego_heading(path: &[(f64, super::grid::State)], along_m: f64) -> f64 {
    let index = path
        .partition_point(|(m, _)| *m < along_m)
        .min(path.len() - 1);
    path[index].1.yaw_rad
}

//! Recipes: what can be edited in an episode, what their parameters are, and what they make of a host. A file each.

mod crosses;
mod cuts_in;
mod drops;
mod find;
mod lead_brakes;
mod meet;
mod steps_out;

use driveloop_schemas::{Episode, TrackId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::checks::Check;
use super::draw::{Draw, Space};
use super::grid::GridTrack;
use super::host::HostScene;
use super::insert::Inserted;
use super::react::Changed;
use crate::error::{Error, Result};

pub use crosses::Crosses;
pub use cuts_in::CutsIn;
pub use drops::{Cargo, CargoOrigin, Drops};
pub use lead_brakes::LeadBrakes;
pub use steps_out::{Cover, StepsOut};

/// Time that must be left of the drive after the begin of an edit.
const REST_S: f64 = 2.0;

/// An edit that `compose` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipe {
    /// The vehicle ahead of the ego brakes, along its own path.
    LeadBrakesHarder,
    /// A vehicle of the next lane moves into the ego's lane ahead of it.
    NeighbourCutsIn,
    /// A pedestrian who is not in the host crosses the ego's path.
    PedestrianCrosses,
    /// A pedestrian steps out from behind a standing vehicle.
    GhostProbe,
    /// Cargo less than 20 cm high falls off the vehicle ahead or lies in the lane.
    CargoInLane,
}

impl Recipe {
    /// All recipes.
    pub const ALL: [Self; 5] = [
        Self::LeadBrakesHarder,
        Self::NeighbourCutsIn,
        Self::PedestrianCrosses,
        Self::GhostProbe,
        Self::CargoInLane,
    ];

    /// The name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeadBrakesHarder => "lead_brakes_harder",
            Self::NeighbourCutsIn => "neighbour_cuts_in",
            Self::PedestrianCrosses => "pedestrian_crosses",
            Self::GhostProbe => "ghost_probe",
            Self::CargoInLane => "cargo_in_lane",
        }
    }

    /// The scenario of the catalogue that its drives are examples of.
    #[must_use]
    pub fn scenario(self) -> &'static str {
        match self {
            Self::LeadBrakesHarder => "lead_hard_brake",
            Self::NeighbourCutsIn => "cut_in",
            Self::PedestrianCrosses => "pedestrian_crossing_ahead",
            Self::GhostProbe => "pedestrian_from_behind_vehicle",
            Self::CargoInLane => "stationary_object_ahead",
        }
    }

    /// The recipe of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recipe| recipe.as_str() == name)
    }

    /// Its version: another one makes something else of the same parameters.
    #[must_use]
    pub fn version(self) -> i32 {
        match self {
            Self::LeadBrakesHarder | Self::NeighbourCutsIn => 3,
            Self::PedestrianCrosses | Self::GhostProbe | Self::CargoInLane => 2,
        }
    }
}

/// What an edit does, whole: with the host it gives the composed drive.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameters {
    /// Of [`Recipe::LeadBrakesHarder`].
    LeadBrakes(LeadBrakes),
    /// Of [`Recipe::NeighbourCutsIn`].
    CutsIn(CutsIn),
    /// Of [`Recipe::PedestrianCrosses`].
    Crosses(Crosses),
    /// Of [`Recipe::GhostProbe`].
    StepsOut(StepsOut),
    /// Of [`Recipe::CargoInLane`].
    Drops(Drops),
}

impl Parameters {
    /// Their recipe.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        match self {
            Self::LeadBrakes(_) => Recipe::LeadBrakesHarder,
            Self::CutsIn(_) => Recipe::NeighbourCutsIn,
            Self::Crosses(_) => Recipe::PedestrianCrosses,
            Self::StepsOut(_) => Recipe::GhostProbe,
            Self::Drops(_) => Recipe::CargoInLane,
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
            Self::Crosses(parameters) => serde_json::to_string(parameters)?,
            Self::StepsOut(parameters) => serde_json::to_string(parameters)?,
            Self::Drops(parameters) => serde_json::to_string(parameters)?,
        })
    }

    /// Reads what [`Parameters::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::Json`] for another text, [`Error::Option`] for an unknown recipe.
    pub fn from_json(recipe: &str, json: &str) -> Result<Self> {
        let recipe = Recipe::from_name(recipe).ok_or_else(|| Error::Option {
            option: "recipe",
            expected: Recipe::ALL.map(Recipe::as_str).join(" or "),
            actual: recipe.to_owned(),
        })?;
        Ok(match recipe {
            Recipe::LeadBrakesHarder => Self::LeadBrakes(read(json)?),
            Recipe::NeighbourCutsIn => Self::CutsIn(read(json)?),
            Recipe::PedestrianCrosses => Self::Crosses(read(json)?),
            Recipe::GhostProbe => Self::StepsOut(read(json)?),
            Recipe::CargoInLane => Self::Drops(read(json)?),
        })
    }

    /// What they make of a host, before others react.
    pub(crate) fn plan(&self, host: &HostScene) -> Result<Plan, Refusal> {
        match self {
            Self::LeadBrakes(parameters) => parameters.plan(host),
            Self::CutsIn(parameters) => parameters.plan(host),
            Self::Crosses(parameters) => parameters.plan(host),
            Self::StepsOut(parameters) => parameters.plan(host),
            Self::Drops(parameters) => parameters.plan(host),
        }
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    Ok(serde_json::from_str(json)?)
}

/// An edit before others react.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The track that the edit is about.
    pub(crate) subject: TrackId,
    /// From which step on anything may differ.
    pub(crate) start: usize,
    /// When the story begins: what was inserted may stand there before.
    pub(crate) begin: usize,
    /// Who moves differently, and who was not there.
    pub(crate) changed: Changed,
    /// What was not there.
    pub(crate) inserted: Vec<Inserted>,
    /// What was looked at.
    pub(crate) checks: Vec<Check>,
}

/// An edit that cannot be made: the last of the checks says why.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) subject: TrackId,
    pub(crate) begin: usize,
    pub(crate) checks: Vec<Check>,
}

impl Refusal {
    /// Refuses what breaks one of the checks.
    pub(crate) fn unless_met(subject: &str, begin: usize, checks: &[Check]) -> Result<(), Self> {
        let Some(failed) = checks.iter().position(|check| !check.is_met()) else {
            return Ok(());
        };
        Err(Self {
            subject: subject.into(),
            begin,
            checks: checks[..=failed].to_vec(),
        })
    }
}

/// The recorded track that an edit is about, where it lasts long enough after the begin.
fn recorded<'a>(
    host: &'a HostScene,
    track_id: &str,
    begin: usize,
) -> Result<&'a GridTrack, Refusal> {
    let track = host.vehicles.get(track_id);
    let present = track.filter(|track| track.contains(begin));
    let count = f64::from(u8::from(present.is_some()));
    let rest_s = present.map_or(0.0, |track| seconds(track.end() - begin));
    let checks = [
        Check::at_least("track_present", count, 1.0),
        Check::at_least("time_left_s", rest_s, REST_S),
    ];
    Refusal::unless_met(track_id, begin, &checks)?;
    Ok(present.unwrap_or_else(|| host.ego()))
}

/// Steps of the grid in a time.
fn steps(time_s: f64) -> usize {
    (time_s.max(0.0) / super::grid::GRID_S).round() as usize
}

/// The time of steps of the grid.
fn seconds(steps: usize) -> f64 {
    steps as f64 * super::grid::GRID_S
}

/// The candidates of a recipe for an episode, as the seed draws them; none where nothing can be edited.
#[must_use]
pub fn candidates(
    host: &HostScene,
    episode: &Episode,
    recipe: Recipe,
    draw: Draw,
    count: usize,
    seed: u64,
) -> Vec<Parameters> {
    let key = Sha256::digest(format!(
        "{seed}/{}/{}/{}",
        host.drive.log_id,
        episode.episode_id,
        recipe.as_str()
    ));
    let mut rng = ChaCha8Rng::from_seed(key.into());
    let space: Option<Space<'_, Parameters>> = match recipe {
        Recipe::LeadBrakesHarder => lead_brakes::space(host, episode),
        Recipe::NeighbourCutsIn => cuts_in::space(host, episode),
        Recipe::PedestrianCrosses => Some(crosses::space(host, episode)),
        Recipe::GhostProbe => Some(steps_out::space(host, episode)),
        Recipe::CargoInLane => Some(drops::space(host, episode)),
    };
    space.map_or_else(Vec::new, |space| space.draw(draw, count, &mut rng))
}

//! Selectors: at which stamps a track does something, alone or with regard to others.
//!
//! Their names and thresholds are those of the scenario-mining benchmark RefAV (Davidson, Ramanan and Peri 2025), whose programs are
//! sentences over such selectors. Each means what its documentation says; in the mode `refav` each finds the very rows that
//! RefAV's own code finds, whose quirks `docs/selectors.md` lists one by one.

mod actors;
mod alone;
mod arguments;
mod call;
mod crossing;
mod following;
mod headings;
mod lane_operator;
mod operator;
mod related;
mod scene;
#[cfg(test)]
mod tests;
mod turning;

use crate::kinematics::{LaneShape, TrackSet};

pub(crate) use actors::Actors;
pub(crate) use call::TABLE_FUNCTIONS;
pub(crate) use crossing::{Crossing, Sense};
pub(crate) use headings::{Heading, Toward};
pub(crate) use related::{Direction, InDirection, Itself, Near};
pub(crate) use scene::{Bounds, Mode};
pub(crate) use turning::Side;

use scene::Scene;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Selector {
    /// Speed over ground, m/s.
    HasVelocity(Bounds),
    /// Acceleration along the heading, m/s².
    Accelerating(Bounds),
    /// Acceleration to the left of the heading, m/s².
    HasLateralAcceleration(Bounds),
    /// Moves less than this while it is seen.
    Stationary {
        /// Diagonal of the rectangle that its centre stays in.
        displacement_max_m: f64,
    },
    /// Turns to a side, or to either.
    Turning(Option<Side>),
    /// Others are near.
    NearObjects(Near),
    /// Others are in a direction.
    HasObjectsInRelativeDirection(InDirection),
    /// Its box points at others.
    FacingToward(Toward),
    /// It goes towards others.
    HeadingToward(Toward),
    /// It travels in a direction, compared with others.
    HeadingInRelativeDirectionTo(Heading),
    /// Others pass across its axis.
    BeingCrossedBy(Crossing),
    /// It is behind others in its lane: needs the lanes.
    Following,
}

impl Selector {
    /// Whether its rows are about another track too.
    pub(crate) fn is_relational(&self) -> bool {
        match self {
            Self::HasVelocity(_)
            | Self::Accelerating(_)
            | Self::HasLateralAcceleration(_)
            | Self::Stationary { .. }
            | Self::Turning(_) => false,
            Self::NearObjects(_)
            | Self::HasObjectsInRelativeDirection(_)
            | Self::FacingToward(_)
            | Self::HeadingToward(_)
            | Self::HeadingInRelativeDirectionTo(_)
            | Self::BeingCrossedBy(_)
            | Self::Following => true,
        }
    }
}

/// One row that a selector finds; tracks are places in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selected {
    pub(crate) track: usize,
    /// The one that it is about, where there is one.
    pub(crate) related: Option<usize>,
    pub(crate) stamp_ns: i64,
}

/// What is asked, of whom, and in which sense.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) mode: Mode,
    pub(crate) selector: Selector,
    pub(crate) tracks: Actors,
    /// Those that a relational selector relates to.
    pub(crate) related: Actors,
}

/// The rows that a selector finds in a drive, by track, related track and stamp. Lanes are for those that need them.
pub(crate) fn select(set: &TrackSet, lanes: &[LaneShape], asked: &Selection) -> Vec<Selected> {
    let Selection {
        mode,
        selector,
        tracks,
        related,
    } = asked;
    let mut scene = Scene::new(set, *mode);
    if *selector == Selector::Following {
        scene = scene.with_lanes(lanes);
    }
    let candidates = related.of(&scene);
    let mut rows: Vec<Selected> = Vec::new();
    for track in tracks.of(&scene) {
        let stamps_ns = &set.tracks[track].stamps_ns;
        let found = found(&scene, track, &candidates, selector);
        rows.extend(found.into_iter().map(|(at, related)| Selected {
            track,
            related,
            stamp_ns: stamps_ns[at],
        }));
    }
    rows.sort_unstable();
    rows
}

/// Sightings of a track, and the related track of each.
fn found(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    selector: &Selector,
) -> Vec<(usize, Option<usize>)> {
    let alone = |sightings: Vec<usize>| sightings.into_iter().map(|at| (at, None)).collect();
    let both = |relations: Vec<related::Relation>| {
        relations
            .into_iter()
            .map(|of| (of.at, Some(of.related)))
            .collect()
    };
    match selector {
        Selector::HasVelocity(bounds) => alone(alone::has_velocity(scene, track, *bounds)),
        Selector::Accelerating(bounds) => alone(alone::has_acceleration(scene, track, 0, *bounds)),
        Selector::HasLateralAcceleration(bounds) => {
            alone(alone::has_acceleration(scene, track, 1, *bounds))
        }
        Selector::Stationary { displacement_max_m } => {
            alone(alone::stationary(scene, track, *displacement_max_m))
        }
        Selector::Turning(side) => alone(turning::turning(scene, track, *side)),
        Selector::NearObjects(asked) => both(related::near(scene, track, candidates, asked)),
        Selector::HasObjectsInRelativeDirection(asked) => {
            both(related::in_direction(scene, track, candidates, asked))
        }
        Selector::FacingToward(asked) => {
            both(headings::facing_toward(scene, track, candidates, asked))
        }
        Selector::HeadingToward(asked) => {
            both(headings::heading_toward(scene, track, candidates, asked))
        }
        Selector::HeadingInRelativeDirectionTo(heading) => both(
            headings::heading_in_relative_direction(scene, track, candidates, *heading),
        ),
        Selector::BeingCrossedBy(asked) => {
            both(crossing::being_crossed_by(scene, track, candidates, asked))
        }
        Selector::Following => both(following::following(scene, track, candidates)),
    }
}

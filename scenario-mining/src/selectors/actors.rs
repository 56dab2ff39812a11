//! Which actors a selector looks at: `'VEHICLE'`, `'PEDESTRIAN|BICYCLE'`, `'moving VEHICLE'`.

use crate::kinematics::Track;

use super::alone::is_stationary;
use super::scene::Scene;

/// The categories that `VEHICLE` stands for, the ego's among them.
const VEHICLES: [&str; 11] = [
    "ARTICULATED_BUS",
    "BOX_TRUCK",
    "BUS",
    "EGO_VEHICLE",
    "LARGE_VEHICLE",
    "MOTORCYCLE",
    "RAILED_VEHICLE",
    "REGULAR_VEHICLE",
    "SCHOOL_BUS",
    "TRUCK",
    "TRUCK_CAB",
];
/// How far a track moves at least for `moving`, where RefAV's own threshold does not hold.
pub(super) const DISPLACEMENT_MAX_M: f64 = 2.0;

/// A set of actors of a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actors {
    /// None is any.
    categories: Vec<String>,
    motion: ActorMotion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ActorMotion {
    Any,
    /// Not stationary, as the selector of that name says.
    Moving,
}

impl Actors {
    /// Reads a set: categories with `|` between, `VEHICLE` for all kinds of vehicles and the ego, `ANY` for all, with `moving` before
    /// it for those that are not stationary. `None` where there is none, or one is empty.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (motion, names) = match text.strip_prefix("moving ") {
            Some(names) => (ActorMotion::Moving, names),
            None => (ActorMotion::Any, text),
        };
        let names: Vec<&str> = names.split('|').map(str::trim).collect();
        if names
            .iter()
            .any(|name| name.is_empty() || name.contains(' '))
        {
            return None;
        }
        let categories = names.iter().flat_map(|name| match *name {
            "VEHICLE" => VEHICLES.map(str::to_owned).to_vec(),
            name => vec![name.to_owned()],
        });
        let is_any = names.contains(&"ANY");
        Some(Self {
            categories: if is_any {
                Vec::new()
            } else {
                categories.collect()
            },
            motion,
        })
    }

    /// The tracks of the set, by their place in the scene.
    pub(crate) fn of(&self, scene: &Scene<'_>) -> Vec<usize> {
        let is_of =
            |track: &Track| self.categories.is_empty() || self.categories.contains(&track.category);
        let moves = |at: usize| match self.motion {
            ActorMotion::Any => true,
            ActorMotion::Moving => !is_stationary(scene, at, DISPLACEMENT_MAX_M),
        };
        let tracks = scene.tracks.iter().enumerate();
        tracks
            .filter(|(at, track)| is_of(track) && moves(*at))
            .map(|(at, _)| at)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_from_text() {
        let set = |text: &str| Actors::parse(text).map(|set| (set.categories.len(), set.motion));
        assert_eq!(set("ANY"), Some((0, ActorMotion::Any)));
        assert_eq!(set("moving VEHICLE"), Some((11, ActorMotion::Moving)));
        assert_eq!(set(" PEDESTRIAN | BICYCLE "), Some((2, ActorMotion::Any)));
        assert_eq!(set("VEHICLE|BICYCLE"), Some((12, ActorMotion::Any)));
        assert_eq!(set(""), None);
        assert_eq!(set("PEDESTRIAN|"), None);
        assert_eq!(set("running PEDESTRIAN"), None);
    }
}

//! Which frame is the map, and which is the ego.

use serde::Deserialize;

/// Names of the ego's frame, the preferred ones first: REP 105, Autoware, CARLA.
const EGO_NAMES: [&str; 7] = [
    "base_link",
    "base_footprint",
    "ego_vehicle",
    "ego",
    "rear_axle",
    "vehicle",
    "body",
];
/// Names of a frame that is fixed to the ground and does not drift, the preferred ones first.
const MAP_NAMES: [&str; 3] = ["map", "world", "global"];

/// What the mapping says of frames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Naming {
    /// The frame that poses are stored in.
    pub(crate) map: Option<String>,
    /// The frame of the ego.
    pub(crate) ego: Option<String>,
}

/// The frames of map and ego in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameNames {
    /// Names that mean the map, the best first; more than one where the log does not use the first.
    pub(crate) maps: Vec<String>,
    pub(crate) ego: String,
}

impl FrameNames {
    /// Finds the names. `frames` are those of transforms, `children` those whose poses the log gives, most poses first,
    /// `sensor_parents` those that sensors hang below, most sensors first.
    pub(crate) fn find<'a>(
        naming: &Naming,
        frames: &[&'a str],
        children: &[&'a str],
        sensor_parents: &[&'a str],
    ) -> Self {
        let said = naming.map.as_deref().map(plain);
        let maps = match said {
            Some(said) => vec![said.to_owned()],
            None => MAP_NAMES.map(str::to_owned).to_vec(),
        };
        let known = || frames.iter().chain(children).copied().map(plain);
        let by_name = EGO_NAMES.iter().find_map(|name| {
            let exact = known().find(|frame| frame == name);
            exact.or_else(|| known().find(|frame| last(frame) == *name))
        });
        let ego = naming.ego.as_deref().map(plain).or(by_name);
        let ego = ego.or_else(|| children.first().copied().map(plain));
        let ego = ego.or_else(|| sensor_parents.first().copied().map(plain));
        Self {
            maps,
            ego: ego.unwrap_or(EGO_NAMES[0]).to_owned(),
        }
    }

    /// Whether a name means the map.
    pub(crate) fn is_map(&self, frame: &str) -> bool {
        let frame = plain(frame);
        self.maps
            .iter()
            .any(|map| map == frame || map == last(frame))
    }

    /// Whether a name means the ego; a message without a frame is about the ego too.
    pub(crate) fn is_ego(&self, frame: &str) -> bool {
        plain(frame) == self.ego
    }
}

/// A frame's name without leading slashes, which ROS 1 wrote and ROS 2 does not.
pub(crate) fn plain(name: &str) -> &str {
    name.trim_start_matches('/')
}

/// Whether a frame by its name is that of dead reckoning: it drifts over the ground (REP 105).
pub(crate) fn is_odometry_frame(frame: &str) -> bool {
    last(plain(frame)).contains("odom")
}

/// A name without the namespace of its vehicle.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ego(naming: &Naming, frames: &[&str], children: &[&str], parents: &[&str]) -> String {
        FrameNames::find(naming, frames, children, parents).ego
    }

    #[test]
    fn the_ego_is_found_by_name_by_its_poses_or_by_its_sensors() {
        let none = Naming::default();
        for (frames, children, parents, expected) in [
            (
                &["base_footprint", "base_link"][..],
                &[][..],
                &[][..],
                "base_link",
            ),
            (&["map", "/base_footprint"], &[], &[], "base_footprint"),
            (&["hero/base_link"], &[], &[], "hero/base_link"),
            (&[], &["ego_vehicle"], &[], "ego_vehicle"),
            (&["map", "car"], &["car"], &["rig"], "car"),
            (&["map", "rig", "cam"], &[], &["rig"], "rig"),
            (&[], &[], &[], "base_link"),
        ] {
            assert_eq!(ego(&none, frames, children, parents), expected);
        }
        let said = Naming {
            ego: Some("/rig".to_owned()),
            map: None,
        };
        assert_eq!(ego(&said, &["base_link"], &[], &[]), "rig");
    }

    #[test]
    fn what_drifts_is_told_by_its_name() {
        for frame in ["odom", "/odom", "car1/odom", "odom_combined"] {
            assert!(is_odometry_frame(frame), "{frame}");
        }
        for frame in ["map", "world", "odom/map"] {
            assert!(!is_odometry_frame(frame), "{frame}");
        }
    }
}

//! Which topic becomes which table: a TOML file.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::frames::Naming;
use crate::pattern::fits;
use crate::targets::{Kind, Values};

/// The built-in mapping of topics to tables.
pub const DEFAULT_MAPPING: &str = include_str!("../../mappings/default.toml");

/// One rule of the mapping.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    schema: String,
    #[serde(default = "any")]
    topic: String,
    pub(crate) into: Kind,
    /// The field with the stamp, where the rule says it.
    pub(crate) stamp: Option<String>,
    /// What a stamp of one number counts, where the rule says it.
    pub(crate) stamp_unit: Option<StampUnit>,
    #[serde(default)]
    pub(crate) values: Values,
}

/// What a stamp of one number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum StampUnit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "us")]
    Microseconds,
    #[serde(rename = "ns")]
    Nanoseconds,
}

fn any() -> String {
    "*".to_owned()
}

/// The rules, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    #[serde(default)]
    pub(crate) frames: Naming,
    rule: Vec<Rule>,
}

impl Mapping {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mapping: Self = toml::from_str(text).map_err(|error| Error::Mapping {
            reason: error.to_string(),
        })?;
        for rule in &mapping.rule {
            if (rule.into == Kind::Signal) == (rule.values == Values::None) {
                let reason = format!(
                    "rule for `{}`: `values` belongs to `into = \"signal\"`, and only there",
                    rule.schema
                );
                return Err(Error::Mapping { reason });
            }
        }
        Ok(mapping)
    }

    /// The same with a last rule: every number of a topic that fits no other is a signal.
    pub(crate) fn with_all_signals(mut self) -> Self {
        self.rule.push(Rule {
            schema: any(),
            topic: any(),
            into: Kind::Signal,
            stamp: None,
            stamp_unit: None,
            values: Values::All,
        });
        self
    }

    /// The first rule that fits.
    pub(crate) fn rule(&self, schema: &str, topic: &str) -> Option<&Rule> {
        self.rule
            .iter()
            .find(|rule| fits(&rule.schema, schema) && fits(&rule.topic, topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_mapping_is_sound() {
        let mapping = Mapping::parse(DEFAULT_MAPPING).unwrap();
        let into = |schema, topic| mapping.rule(schema, topic).map(|rule| rule.into);
        assert_eq!(into("nav_msgs/msg/Odometry", "/any"), Some(Kind::EgoState));
        assert_eq!(into("std_msgs/msg/String", "/map"), Some(Kind::Map));
        assert_eq!(into("std_msgs/msg/String", "/map2"), None);
        assert_eq!(into("can_msgs/msg/Frame", "/can0"), Some(Kind::BusFrame));
        let still = into("foxglove.FrameTransforms", "/tf_static");
        assert_eq!(still, Some(Kind::StaticTransform));
        assert_eq!(
            into("foxglove.PoseInFrame", "/goal_pose"),
            Some(Kind::Nothing)
        );
        assert_eq!(
            into("foxglove.PoseInFrame", "/ego/pose"),
            Some(Kind::EgoPose)
        );
        let fd = into("ros2_socketcan_msgs/msg/FdFrame", "/from_can_bus_fd");
        assert_eq!(fd, Some(Kind::BusFrame));
        for (schema, target) in [
            (
                "autoware_perception_msgs/msg/TrackedObjects",
                Kind::TrackedObjects,
            ),
            (
                "autoware_auto_perception_msgs/msg/TrackedObjects",
                Kind::TrackedObjects,
            ),
            (
                "autoware_perception_msgs/msg/DetectedObjects",
                Kind::DetectedObjects,
            ),
            (
                "autoware_auto_vehicle_msgs/msg/SteeringReport",
                Kind::Signal,
            ),
            ("foxglove.FrameTransform", Kind::Transform),
            ("foxglove.FrameTransforms", Kind::Transform),
            ("foxglove.SceneUpdate", Kind::SceneObjects),
            ("foxglove.RawImage", Kind::CameraFrame),
        ] {
            assert_eq!(into(schema, "/any"), Some(target));
        }
    }

    #[test]
    fn all_numbers_are_asked_for_by_rule_or_for_what_is_left() {
        let text = "[[rule]]\nschema = \"my_msgs/msg/*\"\ninto = \"signal\"\nvalues = \"all\"\n\
             [[rule]]\nschema = \"can_msgs/msg/Frame\"\ninto = \"can_frame\"\n";
        let mapping = Mapping::parse(text).unwrap();
        let all = mapping.rule("my_msgs/msg/Any", "/any").unwrap();
        assert_eq!((all.into, &all.values), (Kind::Signal, &Values::All));
        let can = mapping.rule("can_msgs/msg/Frame", "/can").unwrap();
        assert_eq!((can.into, &can.values), (Kind::BusFrame, &Values::None));
        assert!(mapping.rule("other_msgs/msg/Any", "/any").is_none());
        let mapping = mapping.with_all_signals();
        let left = mapping.rule("other_msgs/msg/Any", "/any").unwrap();
        assert_eq!((left.into, &left.values), (Kind::Signal, &Values::All));
        let can = mapping.rule("can_msgs/msg/Frame", "/can").unwrap();
        assert_eq!(can.into, Kind::BusFrame);
    }

    #[test]
    fn a_wrong_mapping_is_refused() {
        for text in [
            "rule = 3",
            "[[rule]]\nschema = \"a\"\ninto = \"nowhere\"",
            "[[rule]]\nschema = \"a\"\ninto = \"signal\"",
            "[[rule]]\nschema = \"a\"\ninto = \"signal\"\nvalues = []",
            "[[rule]]\nschema = \"a\"\ninto = \"signal\"\nvalues = \"some\"",
            "[[rule]]\nschema = \"a\"\ninto = \"map\"\nvalues = \"all\"",
            "[[rule]]\nschema = \"a\"\ninto = \"map\"\ncolour = 1",
        ] {
            assert!(
                matches!(Mapping::parse(text), Err(Error::Mapping { .. })),
                "{text}"
            );
        }
    }
}

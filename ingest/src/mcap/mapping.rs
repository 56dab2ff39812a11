//! Which topic becomes which table: a TOML file.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::pattern::fits;

/// The built-in mapping of topics to tables.
pub const DEFAULT_MAPPING: &str = include_str!("../../mappings/default.toml");

/// What a topic becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    EgoState,
    EgoTransform,
    StaticTransform,
    CameraInfo,
    GeoPosition,
    TrackedObjects,
    DetectedObjects,
    Detections,
    Signal,
    /// Mappings of the first version say `can_frame`.
    #[serde(alias = "can_frame")]
    BusFrame,
    CameraFrame,
    LidarSweep,
    Map,
}

/// A field that becomes a signal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub(super) path: String,
    pub(super) unit: Option<String>,
}

/// The fields of a message that become signals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Values {
    /// None: the rule is for another table.
    #[default]
    None,
    /// Every number, or truth value, that lies in no list.
    All,
    /// These.
    Listed(Vec<Field>),
}

impl Values {
    /// The fields that are named.
    pub(super) fn listed(&self) -> &[Field] {
        match self {
            Self::Listed(fields) => fields,
            Self::None | Self::All => &[],
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected \"all\" or a list of fields")]
        enum Written {
            Word(Word),
            Listed(Vec<Field>),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Word {
            All,
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Word(Word::All) => Self::All,
            Written::Listed(fields) if fields.is_empty() => Self::None,
            Written::Listed(fields) => Self::Listed(fields),
        })
    }
}

/// One rule of the mapping.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    schema: String,
    #[serde(default = "any")]
    topic: String,
    pub(super) into: Target,
    #[serde(default = "header_stamp")]
    pub(super) stamp: String,
    #[serde(default)]
    pub(super) values: Values,
}

fn any() -> String {
    "*".to_owned()
}

fn header_stamp() -> String {
    "header.stamp".to_owned()
}

/// The rules, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    rule: Vec<Rule>,
}

impl Mapping {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mapping: Self = toml::from_str(text).map_err(|error| Error::Mapping {
            reason: error.to_string(),
        })?;
        for rule in &mapping.rule {
            if (rule.into == Target::Signal) == (rule.values == Values::None) {
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
    pub(super) fn with_all_signals(mut self) -> Self {
        self.rule.push(Rule {
            schema: any(),
            topic: any(),
            into: Target::Signal,
            stamp: header_stamp(),
            values: Values::All,
        });
        self
    }

    /// The first rule that fits.
    pub(super) fn rule(&self, schema: &str, topic: &str) -> Option<&Rule> {
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
        assert_eq!(
            into("nav_msgs/msg/Odometry", "/any"),
            Some(Target::EgoState)
        );
        assert_eq!(into("std_msgs/msg/String", "/map"), Some(Target::Map));
        assert_eq!(into("std_msgs/msg/String", "/map2"), None);
        assert_eq!(into("can_msgs/msg/Frame", "/can0"), Some(Target::BusFrame));
        let fd = into("ros2_socketcan_msgs/msg/FdFrame", "/from_can_bus_fd");
        assert_eq!(fd, Some(Target::BusFrame));
        for (schema, target) in [
            (
                "autoware_perception_msgs/msg/TrackedObjects",
                Target::TrackedObjects,
            ),
            (
                "autoware_auto_perception_msgs/msg/TrackedObjects",
                Target::TrackedObjects,
            ),
            (
                "autoware_perception_msgs/msg/DetectedObjects",
                Target::DetectedObjects,
            ),
            (
                "autoware_auto_vehicle_msgs/msg/SteeringReport",
                Target::Signal,
            ),
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
        assert_eq!((all.into, &all.values), (Target::Signal, &Values::All));
        let can = mapping.rule("can_msgs/msg/Frame", "/can").unwrap();
        assert_eq!((can.into, &can.values), (Target::BusFrame, &Values::None));
        assert!(mapping.rule("other_msgs/msg/Any", "/any").is_none());
        let mapping = mapping.with_all_signals();
        let left = mapping.rule("other_msgs/msg/Any", "/any").unwrap();
        assert_eq!((left.into, &left.values), (Target::Signal, &Values::All));
        let can = mapping.rule("can_msgs/msg/Frame", "/can").unwrap();
        assert_eq!(can.into, Target::BusFrame);
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

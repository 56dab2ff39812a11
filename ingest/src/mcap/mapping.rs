//! Which topic becomes which table: a TOML file.

use serde::Deserialize;

use crate::error::{Error, Result};

/// The built-in mapping of topics to tables.
pub const DEFAULT_MAPPING: &str = include_str!("../../mappings/default.toml");

/// What a topic becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    EgoState,
    EgoTransform,
    GeoPosition,
    TrackedObjects,
    Detections,
    Signal,
    CanFrame,
    CameraFrame,
    LidarSweep,
    Map,
}

/// A field that becomes a signal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub(super) path: String,
    pub(super) unit: Option<String>,
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
    pub(super) values: Vec<Field>,
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
            if (rule.into == Target::Signal) == rule.values.is_empty() {
                let reason = format!(
                    "rule for `{}`: `values` belongs to `into = \"signal\"`, and only there",
                    rule.schema
                );
                return Err(Error::Mapping { reason });
            }
        }
        Ok(mapping)
    }

    /// The first rule that fits.
    pub(super) fn rule(&self, schema: &str, topic: &str) -> Option<&Rule> {
        self.rule
            .iter()
            .find(|rule| rule.schema == schema && fits(&rule.topic, topic))
    }
}

/// Whether the text fits the pattern, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    // Each part between stars is taken where it comes first; the last one must be the end.
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
        rest = after;
    }
    text.ends_with(rest)
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
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/cam/*/image", "/cam/front/image", true),
            ("/cam/*/image", "/cam/image", false),
            ("*b*b", "ab", false),
            ("*b*b", "abcb", true),
            ("a*", "ba", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_wrong_mapping_is_refused() {
        for text in [
            "rule = 3",
            "[[rule]]\nschema = \"a\"\ninto = \"nowhere\"",
            "[[rule]]\nschema = \"a\"\ninto = \"signal\"",
            "[[rule]]\nschema = \"a\"\ninto = \"map\"\ncolour = 1",
        ] {
            assert!(
                matches!(Mapping::parse(text), Err(Error::Mapping { .. })),
                "{text}"
            );
        }
    }
}

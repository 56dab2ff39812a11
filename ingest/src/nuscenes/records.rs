//! The records of the tables, by the fields that are read. Others may be there; those that some datasets leave out may be missing.
//!
//! <https://github.com/nutonomy/nuscenes-devkit/blob/master/docs/schema_nuscenes.md>

use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A token: the name of a record. Held as the first half of its BLAKE3, since there are millions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Token(u128);

impl Token {
    pub(super) fn of(text: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        Self(u128::from_le_bytes(half))
    }
}

struct TokenVisitor;

impl Visitor<'_> for TokenVisitor {
    type Value = Token;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }

    fn visit_str<E>(self, text: &str) -> Result<Token, E> {
        Ok(Token::of(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Token, E> {
        Ok(Token::of(&number.to_string()))
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TokenVisitor)
    }
}

/// A stamp, given in microseconds as an integer (nuScenes, T4) or a float (Lyft), as nanoseconds; none where 64 bits do not hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) Option<i64>);

struct StampVisitor;

const NS_PER_US: i64 = 1000;

impl Visitor<'_> for StampVisitor {
    type Value = Stamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of microseconds")
    }

    fn visit_i64<E>(self, micros: i64) -> Result<Stamp, E> {
        let ns = micros.checked_mul(NS_PER_US);
        Ok(Stamp(ns.filter(|ns| *ns >= 0)))
    }

    fn visit_u64<E>(self, micros: u64) -> Result<Stamp, E> {
        let ns = i64::try_from(micros).ok();
        Ok(Stamp(ns.and_then(|micros| micros.checked_mul(NS_PER_US))))
    }

    fn visit_f64<E>(self, micros: f64) -> Result<Stamp, E> {
        // The whole part apart, so that it stays exact.
        let (whole, part) = (micros.trunc(), micros.fract());
        let is_held = (0.0..(i64::MAX / NS_PER_US) as f64).contains(&whole);
        let part_ns = (part * NS_PER_US as f64).round() as i64;
        Ok(Stamp(is_held.then(|| whole as i64 * NS_PER_US + part_ns)))
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StampVisitor)
    }
}

/// Whether a list or text has anything in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Filled(pub(super) bool);

struct FilledVisitor;

impl<'de> Visitor<'de> for FilledVisitor {
    type Value = Filled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a text")
    }

    fn visit_unit<E>(self) -> Result<Filled, E> {
        Ok(Filled(false))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Filled, E> {
        Ok(Filled(true))
    }

    fn visit_str<E>(self, text: &str) -> Result<Filled, E> {
        Ok(Filled(!text.is_empty()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Filled, A::Error> {
        let mut filled = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            filled = true;
        }
        Ok(Filled(filled))
    }
}

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FilledVisitor)
    }
}

/// A field that is none where it has another type than is expected.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[derive(Deserialize)]
pub(super) struct Log {
    pub(super) token: Token,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) vehicle: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) location: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Category {
    pub(super) token: Token,
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Sensor {
    pub(super) token: Token,
    pub(super) channel: String,
    pub(super) modality: String,
}

#[derive(Deserialize)]
pub(super) struct CalibratedSensor {
    pub(super) token: Token,
    pub(super) sensor_token: Token,
    pub(super) translation: [f64; 3],
    /// w, x, y, z.
    pub(super) rotation: [f64; 4],
    #[serde(default, deserialize_with = "lenient")]
    pub(super) camera_intrinsic: Option<Vec<Vec<f64>>>,
    /// k1, k2, p1, p2, k3; T4 alone has it.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) camera_distortion: Option<Vec<f64>>,
}

#[derive(Deserialize)]
pub(super) struct Scene {
    /// As the table spells it.
    pub(super) token: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: Option<String>,
    pub(super) log_token: Option<Token>,
}

#[derive(Deserialize)]
pub(super) struct Sample {
    pub(super) token: Token,
    pub(super) scene_token: Token,
    pub(super) timestamp: Stamp,
}

#[derive(Deserialize)]
pub(super) struct Instance {
    /// As the table spells it.
    pub(super) token: String,
    pub(super) category_token: Token,
}

#[derive(Deserialize)]
pub(super) struct SampleData {
    pub(super) sample_token: Token,
    pub(super) ego_pose_token: Token,
    pub(super) calibrated_sensor_token: Token,
    pub(super) timestamp: Stamp,
    pub(super) filename: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) width: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) height: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct EgoPose {
    pub(super) token: Token,
    pub(super) timestamp: Stamp,
    pub(super) translation: [f64; 3],
    /// w, x, y, z.
    pub(super) rotation: [f64; 4],
}

#[derive(Deserialize)]
pub(super) struct SampleAnnotation {
    pub(super) sample_token: Token,
    pub(super) instance_token: Token,
    pub(super) translation: [f64; 3],
    /// Width, length, height.
    pub(super) size: [f64; 3],
    /// w, x, y, z.
    pub(super) rotation: [f64; 4],
    #[serde(default, deserialize_with = "lenient")]
    pub(super) num_lidar_pts: Option<i64>,
    #[serde(default)]
    pub(super) attribute_tokens: Filled,
    #[serde(default)]
    pub(super) visibility_token: Filled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_exact_in_nanoseconds() {
        for (text, ns) in [
            ("1532402927647951", Some(1_532_402_927_647_951_000)),
            ("1557858039302414.8", Some(1_557_858_039_302_414_750)),
            ("0", Some(0)),
            ("-1", None),
            ("9223372036854775807", None),
            ("18446744073709551615", None),
            ("1e300", None),
        ] {
            assert_eq!(serde_json::from_str::<Stamp>(text).unwrap().0, ns, "{text}");
        }
        assert!(serde_json::from_str::<Stamp>("\"soon\"").is_err());
    }

    #[test]
    fn fields_that_differ_between_datasets_may_be_anything() {
        let annotation = |more: &str| {
            let fields = r#"{"sample_token": "a", "instance_token": 7, "translation": [1, 2, 3], "size": [1, 1, 1],
                "rotation": [1, 0, 0, 0]"#;
            serde_json::from_str::<SampleAnnotation>(&format!("{fields}{more}}}")).unwrap()
        };
        let bare = annotation("");
        assert_eq!(bare.instance_token, Token::of("7"));
        assert_eq!((bare.num_lidar_pts, bare.attribute_tokens.0), (None, false));
        let filled = annotation(
            r#", "num_lidar_pts": null, "attribute_tokens": ["a"], "visibility_token": 4, "extra": {}"#,
        );
        assert_eq!(filled.num_lidar_pts, None);
        assert!(filled.attribute_tokens.0 && filled.visibility_token.0);
        let empty =
            annotation(r#", "num_lidar_pts": "3", "attribute_tokens": [], "visibility_token": """#);
        assert!(!empty.attribute_tokens.0 && !empty.visibility_token.0);
    }
}

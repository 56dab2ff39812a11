//! What a mapping asks of a topic.

use serde::Deserialize;

/// The targets, as a mapping names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    EgoState,
    EgoPose,
    /// Mappings of earlier versions say what kind of transforms a topic has.
    #[serde(alias = "ego_transform")]
    Transform,
    StaticTransform,
    CameraInfo,
    GeoPosition,
    TrackedObjects,
    PredictedObjects,
    DetectedObjects,
    Detections,
    SceneObjects,
    Signal,
    /// Mappings of the first version say `can_frame`.
    #[serde(alias = "can_frame")]
    BusFrame,
    CameraFrame,
    LidarSweep,
    Map,
    /// The topic is passed over.
    Nothing,
}

/// What a mapping says of a topic, besides its stamp.
pub(crate) struct Asked<'a> {
    pub(crate) kind: Kind,
    pub(crate) topic: &'a str,
    /// The field with the stamp, for targets that take every field but that.
    pub(crate) stamp: &'a str,
    pub(crate) values: &'a Values,
}

/// A field that becomes a signal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) path: String,
    pub(crate) unit: Option<String>,
}

/// The fields of a message that become signals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Values {
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
    pub(crate) fn listed(&self) -> &[Field] {
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

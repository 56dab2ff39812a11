//! Who trains, and who predicts.

use std::fmt;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The built-in trainer in the text form.
const BUILTIN: &str = "builtin";

/// Who trains: `"builtin"`, or `{ command = ["python", "train.py"], predict = ["python", "predict.py"] }`. Commands keep the
/// contract of `CONTRACT.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trainer {
    /// `driveloop-worker`, which trains and predicts.
    #[default]
    Builtin,
    /// A program and its arguments that trains. Nobody predicts with what it leaves: its models get the figures of the training,
    /// and no verdict.
    Command(Vec<String>),
    /// A program that trains, and one that predicts with what it left.
    Commands {
        /// The one that trains, and its arguments.
        command: Vec<String>,
        /// The one that predicts, and its arguments.
        predict: Vec<String>,
    },
}

/// The text form of commands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    command: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    predict: Option<Vec<String>>,
}

impl Trainer {
    /// Whether there is a step that predicts.
    #[must_use]
    pub fn predicts(&self) -> bool {
        !matches!(self, Self::Command(_))
    }

    /// Whether no command lacks a program.
    pub(crate) fn has_programs(&self) -> bool {
        match self {
            Self::Builtin => true,
            Self::Command(command) => !command.is_empty(),
            Self::Commands { command, predict } => !command.is_empty() && !predict.is_empty(),
        }
    }

    /// The program that trains and its arguments.
    pub(crate) fn training(&self, worker: &Path) -> Vec<String> {
        match self {
            Self::Builtin => vec![worker.to_string_lossy().into_owned(), "train".to_owned()],
            Self::Command(command) | Self::Commands { command, .. } => command.clone(),
        }
    }

    /// What makes one trainer another, for the digest of a specification.
    pub(crate) fn parts(&self) -> Vec<String> {
        match self {
            Self::Builtin => vec![env!("CARGO_PKG_VERSION").to_owned()],
            Self::Command(command) => command.clone(),
            Self::Commands { command, predict } => {
                let predict = format!("predict {predict:?}");
                command.iter().cloned().chain([predict]).collect()
            }
        }
    }
}

impl Serialize for Trainer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (command, predict) = match self {
            Self::Builtin => return serializer.serialize_str(BUILTIN),
            Self::Command(command) => (command.clone(), None),
            Self::Commands { command, predict } => (command.clone(), Some(predict.clone())),
        };
        Text { command, predict }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trainer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms)
    }
}

/// A word or a table.
struct Forms;

impl<'de> Visitor<'de> for Forms {
    type Value = Trainer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"builtin\" or { command = [\"program\", …], predict = [\"program\", …] }")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Trainer, E> {
        match word {
            BUILTIN => Ok(Trainer::Builtin),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Trainer, A::Error> {
        let Text { command, predict } = Text::deserialize(MapAccessDeserializer::new(map))?;
        Ok(match predict {
            None => Trainer::Command(command),
            Some(predict) if predict.is_empty() => {
                return Err(A::Error::custom(
                    "`trainer.predict`: expected a program; leave it out where nobody predicts",
                ));
            }
            Some(predict) => Trainer::Commands { command, predict },
        })
    }
}

/// Who predicts with a model, as the lake remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Predictor {
    /// `driveloop-worker`.
    Builtin,
    /// Nobody: its trainer has no predict step.
    Nobody,
    /// A program and its arguments.
    #[serde(untagged)]
    Command {
        command: Vec<String>,
        /// The parameters of the training, as JSON.
        params: String,
    },
}

impl Predictor {
    pub(crate) fn of(trainer: &Trainer, params: String) -> Self {
        match trainer {
            Trainer::Builtin => Self::Builtin,
            Trainer::Command(_) => Self::Nobody,
            Trainer::Commands { predict, .. } => Self::Command {
                command: predict.clone(),
                params,
            },
        }
    }

    /// What a row of the lake says. Those of older versions say nothing: their predictions were made by the built-in worker.
    pub(crate) fn from_text(text: Option<&str>) -> serde_json::Result<Self> {
        text.map_or(Ok(Self::Builtin), serde_json::from_str)
    }

    pub(crate) fn to_text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn each_form_is_read_as_it_is_written() {
        let command = texts(&["python", "train.py"]);
        let predict = texts(&["python", "predict.py"]);
        for (trainer, json) in [
            (Trainer::Builtin, r#""builtin""#),
            (
                Trainer::Command(command.clone()),
                r#"{"command":["python","train.py"]}"#,
            ),
            (
                Trainer::Commands { command, predict },
                r#"{"command":["python","train.py"],"predict":["python","predict.py"]}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&trainer).unwrap(), json);
            assert_eq!(serde_json::from_str::<Trainer>(json).unwrap(), trainer);
        }
        for (wrong, said) in [
            (r#""torch""#, "builtin"),
            (r#"{"command":["a"],"predikt":["b"]}"#, "predikt"),
            (r#"{"command":["a"],"predict":[]}"#, "trainer.predict"),
        ] {
            let error = serde_json::from_str::<Trainer>(wrong).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn a_row_says_who_predicts() {
        let command = texts(&["sh", "predict.sh"]);
        let params = "{}".to_owned();
        for predictor in [
            Predictor::Builtin,
            Predictor::Nobody,
            Predictor::Command { command, params },
        ] {
            let text = predictor.to_text();
            assert_eq!(Predictor::from_text(text.as_deref()).unwrap(), predictor);
        }
        assert_eq!(Predictor::from_text(None).unwrap(), Predictor::Builtin);
        assert!(Predictor::from_text(Some("\"somebody\"")).is_err());
    }
}

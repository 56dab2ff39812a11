//! What is done with the messages of a channel: worked out once, from its definition and the mapping's rule.

use super::mapping::{Mapping, Rule};
use super::stamp::Stamp;
use crate::assembly::Assembly;
use crate::container::Channel;
use crate::encoding::wants::Wants;
use crate::encoding::{Decoder, Described};
use crate::refused::Refused;
use crate::targets::{Asked, Kind, Target, Values, target};

/// What to do with the messages of a channel.
pub(super) enum Plan {
    Decode {
        decoder: Decoder,
        /// Where messages have their stamp.
        stamp: Option<Stamp>,
        target: Box<dyn Target>,
    },
    /// The first message has to say what messages hold.
    Awaited,
    /// No table takes them.
    Unmapped(String),
    /// A table would take them, but they cannot be read.
    Unreadable(String),
}

/// A decoder, where the stamp is, and the target.
type Decode<'p> = (&'p Decoder, Option<&'p Stamp>, &'p mut dyn Target);

impl Plan {
    /// Works out what to do with a channel. `steps` counts those of all decoders of a log.
    pub(super) fn of(
        channel: &Channel,
        mapping: &Mapping,
        drive: &mut Assembly<'_>,
        steps: &mut usize,
    ) -> Self {
        let rule = match rule(channel, mapping) {
            Ok(rule) => rule,
            Err(unmapped) => return Self::Unmapped(unmapped),
        };
        match Described::of(channel, drive.limits) {
            Ok(Some(described)) => Self::by(rule, &described, channel, drive, steps),
            Ok(None) => Self::Awaited,
            Err(reason) => Self::without(rule, channel, &reason),
        }
    }

    /// The same for a channel whose first message says what messages hold. The error says why the message does not.
    pub(super) fn of_first(
        message: &[u8],
        channel: &Channel,
        mapping: &Mapping,
        drive: &mut Assembly<'_>,
        steps: &mut usize,
    ) -> Result<Self, String> {
        let described = Described::of_message(message, drive.limits)?;
        Ok(match rule(channel, mapping) {
            Ok(rule) => Self::by(rule, &described, channel, drive, steps),
            Err(unmapped) => Self::Unmapped(unmapped),
        })
    }

    fn by(
        rule: &Rule,
        described: &Described,
        channel: &Channel,
        drive: &mut Assembly<'_>,
        steps: &mut usize,
    ) -> Self {
        Self::worked_out(rule, described, channel, drive, steps)
            .unwrap_or_else(|reason| Self::without(rule, channel, &reason))
    }

    /// What is left of messages that cannot be read.
    fn without(rule: &Rule, channel: &Channel, reason: &str) -> Self {
        // Whatever has numbers was asked for: what has none is not missed.
        if rule.values == Values::All {
            return Self::Unmapped(reason.to_owned());
        }
        Self::Unreadable(format!("`{}`: {reason}", channel.schema.name))
    }

    /// The parts that decode a message; the error says why none is.
    pub(super) fn decode(&mut self) -> Result<Decode<'_>, Refused> {
        match self {
            Self::Decode {
                decoder,
                stamp,
                target,
            } => Ok((decoder, stamp.as_ref(), target.as_mut())),
            Self::Awaited => {
                let reason = "expected a first message that says what messages hold, got none";
                Err(Refused::error("unreadable_definition", reason.to_owned()))
            }
            Self::Unmapped(reason) => Err(Refused::info("unmapped_topic", reason.clone())),
            Self::Unreadable(reason) => {
                Err(Refused::error("unreadable_definition", reason.clone()))
            }
        }
    }

    fn worked_out(
        rule: &Rule,
        described: &Described,
        channel: &Channel,
        drive: &mut Assembly<'_>,
        steps: &mut usize,
    ) -> Result<Self, String> {
        let mut wants = Wants::new(&described.definition);
        let (stamp_path, stamp) = match &rule.stamp {
            Some(path) => {
                let stamp = Stamp::of(&mut wants, path, rule.stamp_unit)?;
                (path.as_str(), Some(stamp))
            }
            None => Stamp::usual(&mut wants),
        };
        let asked = Asked {
            kind: rule.into,
            topic: &channel.topic,
            stamp: stamp_path,
            values: &rule.values,
        };
        let target = target(&asked, &mut wants, drive)?;
        let decoder = described.decoder(&wants, drive.limits)?;
        *steps += decoder.size();
        let (max, actual) = (drive.limits.log_steps_max, *steps);
        if actual > max {
            return Err(format!(
                "expected definitions of at most {max} steps in a log (log_steps_max), got {actual}"
            ));
        }
        let signals = &drive.out.facts.signals;
        let (max, actual) = (drive.limits.signals_max, signals.series_count());
        if actual > max {
            return Err(format!(
                "expected at most {max} signals in a log (signals_max), got {actual}"
            ));
        }
        Ok(Self::Decode {
            decoder,
            stamp,
            target,
        })
    }
}

/// The rule for the messages of a channel; the error says why they become nothing.
fn rule<'m>(channel: &Channel, mapping: &'m Mapping) -> Result<&'m Rule, String> {
    let (topic, schema) = (channel.topic.as_str(), channel.schema.name.as_str());
    match mapping.rule(&full_name(schema), topic) {
        None => Err(format!(
            "no rule of the mapping fits the message type `{schema}`"
        )),
        Some(rule) if rule.into == Kind::Nothing => {
            Err("a rule of the mapping passes over it".to_owned())
        }
        Some(rule) => Ok(rule),
    }
}

/// The name of a message type as ROS 2 writes it: ROS 1 leaves the `msg` out.
fn full_name(schema: &str) -> String {
    match schema.split_once('/') {
        Some((package, name)) if !name.contains('/') => format!("{package}/msg/{name}"),
        _ => schema.to_owned(),
    }
}

//! What is done with the messages of a channel: worked out once, from its definition and the mapping's rule.

use super::mapping::{Mapping, Rule};
use super::stamp::{HEADER, Stamp};
use crate::assembly::Assembly;
use crate::container::Channel;
use crate::encoding::definition;
use crate::encoding::program::Programs;
use crate::encoding::wants::Wants;
use crate::refused::Refused;
use crate::targets::{Asked, Kind, Target, Values, target};

/// What to do with the messages of a channel.
pub(super) enum Plan {
    Decode {
        program: Programs,
        /// Where messages have their stamp.
        stamp: Option<Stamp>,
        target: Box<dyn Target>,
    },
    /// No table takes them.
    Unmapped(String),
    /// A table would take them, but they cannot be read.
    Unreadable(String),
}

/// A program, where the stamp is, and the target.
type Decode<'p> = (&'p Programs, Option<&'p Stamp>, &'p mut dyn Target);

impl Plan {
    /// Works out what to do with a channel. `steps` counts those of all programs of a log.
    pub(super) fn of(
        channel: &Channel,
        mapping: &Mapping,
        drive: &mut Assembly<'_>,
        steps: &mut usize,
    ) -> Self {
        let (topic, schema) = (channel.topic.as_str(), channel.schema.name.as_str());
        let Some(rule) = mapping.rule(&full_name(schema), topic) else {
            return Self::Unmapped(format!(
                "no rule of the mapping fits the message type `{schema}`"
            ));
        };
        if rule.into == Kind::Nothing {
            return Self::Unmapped("a rule of the mapping passes over it".to_owned());
        }
        match Self::worked_out(rule, channel, drive, steps) {
            Ok(plan) => plan,
            // Whatever has numbers was asked for: what has none is not missed.
            Err(reason) if rule.values == Values::All => Self::Unmapped(reason),
            Err(reason) => Self::Unreadable(format!("`{schema}`: {reason}")),
        }
    }

    /// The parts that decode a message; the error says why none is.
    pub(super) fn decode(&mut self) -> Result<Decode<'_>, Refused> {
        match self {
            Self::Decode {
                program,
                stamp,
                target,
            } => Ok((program, stamp.as_ref(), target.as_mut())),
            Self::Unmapped(reason) => Err(Refused::info("unmapped_topic", reason.clone())),
            Self::Unreadable(reason) => {
                Err(Refused::error("unreadable_definition", reason.clone()))
            }
        }
    }

    fn worked_out(
        rule: &Rule,
        channel: &Channel,
        drive: &mut Assembly<'_>,
        steps: &mut usize,
    ) -> Result<Self, String> {
        let (definition, wire) = definition(channel)?;
        let mut wants = Wants::new(&definition);
        let asked = Asked {
            kind: rule.into,
            topic: &channel.topic,
            stamp: rule.stamp.as_deref().unwrap_or(HEADER),
            values: &rule.values,
        };
        let target = target(&asked, &mut wants, drive)?;
        let stamp = match &rule.stamp {
            Some(path) => Some(Stamp::of(&mut wants, path, rule.stamp_unit)?),
            None => Stamp::of(&mut wants, HEADER, None).ok(),
        };
        let program = Programs::compile(&wants, wire, drive.limits)?;
        *steps += program.size();
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
            program,
            stamp,
            target,
        })
    }
}

/// The name of a message type as ROS 2 writes it: ROS 1 leaves the `msg` out.
fn full_name(schema: &str) -> String {
    match schema.split_once('/') {
        Some((package, name)) if !name.contains('/') => format!("{package}/msg/{name}"),
        _ => schema.to_owned(),
    }
}

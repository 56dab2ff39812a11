//! Attributes of a database: which messages are parameter groups of J1939, and the long names.
//!
//! Names in statements end after 32 letters; Vector's tools keep longer ones in `SystemMessageLongSymbol` and `SystemSignalLongSymbol`.
//! (`SystemNodeLongSymbol` names control units, of which nothing is read.)

use std::collections::BTreeMap;

use super::fault::FaultReason;
use super::parts::{Parts, syntax};
use super::statement::Token;

const FRAME_FORMAT: &str = "VFrameFormat";
const PROTOCOL: &str = "ProtocolType";
const LONG_MESSAGE: &str = "SystemMessageLongSymbol";
const LONG_SIGNAL: &str = "SystemSignalLongSymbol";
/// The frame format of messages that are parameter groups.
const J1939_FORMAT: &str = "J1939PG";
/// The frame format of messages that are known by all of their 29 bits.
const EXTENDED_FORMAT: &str = "ExtendedCAN";

/// The attributes that say something about frames.
#[derive(Debug, Default)]
pub(super) struct Attributes<'t> {
    /// The words that the numbers of `VFrameFormat` stand for.
    formats: Vec<&'t str>,
    default_format: Option<&'t str>,
    format_of: BTreeMap<u64, &'t str>,
    protocol: Option<&'t str>,
    default_protocol: Option<&'t str>,
    pub(super) long_messages: BTreeMap<u64, &'t str>,
    pub(super) long_signals: BTreeMap<(u64, &'t str), &'t str>,
}

impl<'t> Attributes<'t> {
    /// `BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN"`.
    pub(super) fn define(&mut self, parts: &mut Parts<'_, 't>) -> Result<(), FaultReason> {
        // Without the kind of object where it is one of the whole network.
        let _ = parts.word("an object");
        let name = parts.text("the name of an attribute")?;
        if name == FRAME_FORMAT {
            let texts = parts.rest().iter().filter_map(|token| match token {
                Token::Text(text) => Some(*text),
                Token::Word(_) | Token::Mark(_) => None,
            });
            self.formats = texts.collect();
        }
        Ok(())
    }

    /// `BA_DEF_DEF_ "VFrameFormat" "J1939PG"`.
    pub(super) fn default(&mut self, parts: &mut Parts<'_, 't>) -> Result<(), FaultReason> {
        match parts.text("the name of an attribute")? {
            FRAME_FORMAT => self.default_format = Some(value(parts)?),
            PROTOCOL => self.default_protocol = Some(value(parts)?),
            _ => {}
        }
        Ok(())
    }

    /// `BA_ "VFrameFormat" BO_ 256 3`.
    pub(super) fn value(&mut self, parts: &mut Parts<'_, 't>) -> Result<(), FaultReason> {
        match parts.text("the name of an attribute")? {
            PROTOCOL => self.protocol = Some(value(parts)?),
            FRAME_FORMAT => {
                let raw_id = message(parts)?;
                self.format_of.insert(raw_id, value(parts)?);
            }
            LONG_MESSAGE => {
                let raw_id = message(parts)?;
                self.long_messages.insert(raw_id, value(parts)?);
            }
            LONG_SIGNAL => {
                let raw_id = message(parts)?;
                let signal = parts.word("the name of a signal")?;
                self.long_signals.insert((raw_id, signal), value(parts)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a message with an identifier of 29 bits is a parameter group: by its own frame format, else by the usual one
    /// where that is one of 29 bits, else by the protocol of the network.
    pub(super) fn is_group(&self, raw_id: u64) -> bool {
        let own = self.format_of.get(&raw_id).copied();
        let usual = self.default_format.map(|format| self.format(format));
        let usual = usual.filter(|format| [J1939_FORMAT, EXTENDED_FORMAT].contains(format));
        if let Some(format) = own.map(|format| self.format(format)).or(usual) {
            return format == J1939_FORMAT;
        }
        let protocol = self.protocol.filter(|protocol| !protocol.is_empty());
        let protocol = protocol.or(self.default_protocol);
        protocol.is_some_and(|protocol| protocol.to_uppercase().contains("J1939"))
    }

    /// The word of a value, which may be its number.
    fn format(&self, value: &'t str) -> &'t str {
        let number = value.parse::<usize>().ok();
        let word = number.and_then(|number| self.formats.get(number));
        word.copied().unwrap_or(value)
    }
}

/// The identifier behind `BO_` or `SG_`.
fn message(parts: &mut Parts<'_, '_>) -> Result<u64, FaultReason> {
    match parts.word("`BO_` or `SG_`")? {
        "BO_" | "SG_" => parts.number("an identifier"),
        other => Err(syntax("`BO_` or `SG_`", other)),
    }
}

fn value<'t>(parts: &mut Parts<'_, 't>) -> Result<&'t str, FaultReason> {
    let text = parts.text("a value");
    text.or_else(|_| parts.word("a value"))
}

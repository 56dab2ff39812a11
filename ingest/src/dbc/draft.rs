//! What the statements of a database say, before anything is made of it.

use std::collections::BTreeMap;

use super::attributes::Attributes;
use super::exact::ExactNumber;
use super::fault::{FaultReason, Faults, Loss};
use super::parts::{Parts, parse_integer, syntax, words_of};
use super::statement::{Ending, Statement, Statements, Token, is_known};

/// The statements of a database.
#[derive(Debug, Default)]
pub(super) struct Draft<'t> {
    /// Statements with a keyword of the format.
    pub(super) statements: usize,
    pub(super) messages: Vec<MessageDraft<'t>>,
    /// Statements about signals, by the identifier as the file has it and the signal's name.
    pub(super) texts: BTreeMap<(u64, &'t str), Texts<'t>>,
    /// Tables of values that have names of their own (`VAL_TABLE_`).
    pub(super) tables: BTreeMap<&'t str, Vec<(i128, &'t str)>>,
    /// The forms of `SIG_VALTYPE_`.
    pub(super) forms: BTreeMap<(u64, &'t str), Form>,
    /// The lines `SG_MUL_VAL_`.
    pub(super) multiplexed: BTreeMap<(u64, &'t str), Selector<'t>>,
    pub(super) attributes: Attributes<'t>,
    pub(super) faults: Faults,
}

/// A message (`BO_`) with its signals.
#[derive(Debug)]
pub(super) struct MessageDraft<'t> {
    pub(super) line: usize,
    /// The identifier as the file has it, with the bit that marks 29 bits.
    pub(super) raw_id: u64,
    pub(super) name: &'t str,
    pub(super) payload_bytes: u64,
    pub(super) signals: Vec<SignalDraft<'t>>,
}

/// A signal (`SG_`).
#[derive(Debug, Clone)]
pub(super) struct SignalDraft<'t> {
    pub(super) line: usize,
    pub(super) name: &'t str,
    pub(super) indicator: Indicator,
    pub(super) start: u64,
    pub(super) bits: u64,
    pub(super) is_big_endian: bool,
    pub(super) is_signed: bool,
    pub(super) factor: Factor,
    pub(super) offset: Factor,
    pub(super) unit: Option<&'t str>,
}

/// A factor or offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factor {
    pub(super) value: f64,
    /// With the digits that the file has, where those can be kept.
    pub(super) exact: Option<ExactNumber>,
}

/// What a signal says of multiplexing: `M`, `m3` or `m3M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Indicator {
    pub(super) is_multiplexer: bool,
    pub(super) value: Option<u64>,
}

/// A line `SG_MUL_VAL_`: the signal that selects another, and the first and last value of each range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector<'t> {
    pub(super) multiplexer: &'t str,
    pub(super) ranges: Vec<(u64, u64)>,
}

/// The form of a signal's number by `SIG_VALTYPE_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Float,
    Double,
}

/// Texts of values: listed, or those of a table.
#[derive(Debug)]
pub(super) enum Texts<'t> {
    Listed(Vec<(i128, &'t str)>),
    Table(&'t str),
}

/// Whose the signals that follow are.
enum Owner {
    Nobody,
    Message,
    /// A message that cannot be read: its signals go with it.
    Lost,
}

impl<'t> Draft<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut draft = Self::default();
        let mut owner = Owner::Nobody;
        for statement in Statements::of(text) {
            draft.statements += usize::from(is_known(statement.keyword));
            draft.take(&statement, &mut owner);
        }
        draft
    }

    fn take(&mut self, statement: &Statement<'t>, owner: &mut Owner) {
        let (line, keyword) = (statement.line, statement.keyword);
        // The list of keywords at the start of a file.
        if statement.tokens.is_empty() {
            if keyword == "BO_" {
                *owner = Owner::Nobody;
            }
            return;
        }
        let ending = match statement.ending {
            Ending::Whole => None,
            Ending::OpenQuote => Some(FaultReason::OpenQuote),
            Ending::TooLong => Some(FaultReason::TooLong),
        };
        if let Some(reason) = ending {
            self.faults.add(Loss::Statement, line, keyword, reason);
            if keyword != "SG_" {
                return;
            }
        }
        let mut parts = Parts::of(&statement.tokens);
        let done = match keyword {
            "BO_" => {
                *owner = self.message(line, parts);
                Ok(())
            }
            "SG_" => {
                self.signal(line, parts, owner);
                Ok(())
            }
            "VAL_" => self.texts(parts),
            "VAL_TABLE_" => self.table(parts),
            "SIG_VALTYPE_" => self.form(parts),
            "SG_MUL_VAL_" => self.selector(parts),
            "BA_DEF_" => self.attributes.define(&mut parts),
            "BA_DEF_DEF_" => self.attributes.default(&mut parts),
            "BA_" => self.attributes.value(&mut parts),
            known if is_known(known) => Ok(()),
            _ => Err(FaultReason::Keyword),
        };
        if let Err(reason) = done {
            self.faults.add(Loss::Statement, line, keyword, reason);
        }
    }

    /// `BO_ 256 Name: 8 Transmitter`; colon and transmitter may be missing.
    fn message(&mut self, line: usize, mut parts: Parts<'_, 't>) -> Owner {
        let mut read = || {
            let raw_id = parts.number("an identifier")?;
            let name = parts.word("the name of a message")?;
            parts.mark(':');
            let payload_bytes = parts.number("the bytes of a message")?;
            Ok(MessageDraft {
                line,
                raw_id,
                name,
                payload_bytes,
                signals: Vec::new(),
            })
        };
        match read() {
            Ok(message) => {
                self.messages.push(message);
                Owner::Message
            }
            Err(reason) => {
                let words = parts.words();
                self.faults.add(Loss::Message, line, &words, reason);
                Owner::Lost
            }
        }
    }

    fn signal(&mut self, line: usize, parts: Parts<'_, 't>, owner: &Owner) {
        let words = parts.words();
        let subject = |message: &str| {
            let name = words.split(' ').next().unwrap_or_default();
            format!("{message}.{name}")
        };
        match (owner, self.messages.last_mut()) {
            (Owner::Message, Some(message)) => match SignalDraft::read(line, parts) {
                Ok(signal) => message.signals.push(signal),
                Err(reason) => {
                    let subject = subject(message.name);
                    self.faults.add(Loss::Signal, line, &subject, reason);
                }
            },
            (Owner::Lost, _) => {}
            _ => {
                let reason = FaultReason::Syntax {
                    expected: "a message before its signals",
                    actual: "none".to_owned(),
                };
                self.faults.add(Loss::Signal, line, &subject(""), reason);
            }
        }
    }

    /// `VAL_ 256 Signal 0 "Off" 1 "On"`, or with the name of a table in place of the values.
    fn texts(&mut self, mut parts: Parts<'_, 't>) -> Result<(), FaultReason> {
        // Values of environment variables have no identifier.
        let Ok(raw_id) = parts.number("an identifier") else {
            return Ok(());
        };
        let signal = parts.word("the name of a signal")?;
        let texts = match parts.rest() {
            [Token::Word(table)] if parse_integer(table).is_none() => Texts::Table(table),
            _ => Texts::Listed(parts.values()?),
        };
        self.texts.insert((raw_id, signal), texts);
        Ok(())
    }

    fn table(&mut self, mut parts: Parts<'_, 't>) -> Result<(), FaultReason> {
        let name = parts.word("the name of a table")?;
        self.tables.insert(name, parts.values()?);
        Ok(())
    }

    /// `SIG_VALTYPE_ 256 Signal : 1`; the colon may be missing.
    fn form(&mut self, mut parts: Parts<'_, 't>) -> Result<(), FaultReason> {
        let key = (
            parts.number("an identifier")?,
            parts.word("the name of a signal")?,
        );
        parts.mark(':');
        let form = match parts.number::<u8>("0, 1 or 2")? {
            0 => Form::Integer,
            1 => Form::Float,
            2 => Form::Double,
            other => return Err(syntax("0, 1 or 2", &other.to_string())),
        };
        self.forms.insert(key, form);
        Ok(())
    }

    /// `SG_MUL_VAL_ 256 Signal Multiplexer 0-0, 3-5`.
    fn selector(&mut self, mut parts: Parts<'_, 't>) -> Result<(), FaultReason> {
        let key = (
            parts.number("an identifier")?,
            parts.word("the name of a signal")?,
        );
        let multiplexer = parts.word("the name of a multiplexer")?;
        let ranges = parts.rest().split(|token| *token == Token::Mark(','));
        let ranges = ranges.map(|range| {
            let range = words_of(range, "");
            let ends = range.split_once('-').unwrap_or((&range, &range));
            match (ends.0.parse(), ends.1.parse()) {
                (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
                _ => Err(syntax("ranges such as 0-3", &range)),
            }
        });
        let ranges = ranges.collect::<Result<_, _>>()?;
        let selector = Selector {
            multiplexer,
            ranges,
        };
        self.multiplexed.insert(key, selector);
        Ok(())
    }
}

impl<'t> SignalDraft<'t> {
    /// `Name M : 0|8@1+ (1,0) [0|255] "unit" Receiver`; what follows the offset may be missing.
    fn read(line: usize, mut parts: Parts<'_, 't>) -> Result<Self, FaultReason> {
        let name = parts.word("the name of a signal")?;
        let mut indicator = Indicator::NONE;
        if !parts.mark(':') {
            indicator = Indicator::parse(parts.word("`M`, `m` with a number, or `:`")?)?;
            parts.expect(':')?;
        }
        let start = parts.number("the first bit")?;
        parts.expect('|')?;
        let bits = parts.number("a number of bits")?;
        parts.expect('@')?;
        let (order, sign) = parts.order()?;
        parts.expect('(')?;
        let factor = parts.factor("a factor")?;
        parts.expect(',')?;
        let offset = parts.factor("an offset")?;
        parts.expect(')')?;
        if parts.mark('[') {
            parts.skip_behind(']');
        }
        let unit = parts.text("a unit").ok().filter(|unit| !unit.is_empty());
        // Receivers are names with commas between them; anything else is a line that has lost its keyword.
        if parts.rest().contains(&Token::Mark('@')) {
            return Err(syntax("receivers", &parts.words()));
        }
        Ok(Self {
            line,
            name,
            indicator,
            start,
            bits,
            is_big_endian: order == '0',
            is_signed: sign == '-',
            factor,
            offset,
            unit,
        })
    }
}

impl Indicator {
    pub(super) const NONE: Self = Self {
        is_multiplexer: false,
        value: None,
    };

    fn parse(word: &str) -> Result<Self, FaultReason> {
        let (values, is_multiplexer) = match word.strip_suffix('M') {
            Some(values) => (values, true),
            None => (word, false),
        };
        let value = values.strip_prefix('m').map(str::parse);
        match (value, values, is_multiplexer) {
            (Some(Ok(value)), ..) => Ok(Self {
                is_multiplexer,
                value: Some(value),
            }),
            (None, "", true) => Ok(Self {
                is_multiplexer,
                value: None,
            }),
            _ => Err(syntax("`M`, `m` with a number, or `:`", word)),
        }
    }
}

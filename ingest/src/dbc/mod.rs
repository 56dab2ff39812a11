//! CAN databases (DBC files): from the payload of a frame to named values.
//!
//! The text is parsed by `can-dbc`; what it says is compiled once into bit layouts and multiplexer conditions, so that a frame costs
//! a look-up and some shifts. Little- and big-endian integers, signed or not, IEEE floats and doubles (`SIG_VALTYPE_`), scale and
//! offset, value tables (`VAL_`), simple (`M`, `m3`) and extended multiplexing (`m3M`, `SG_MUL_VAL_`) are known.
//! Identifiers are matched exactly: a J1939 source address is part of the identifier.

mod layout;
mod multiplex;

use std::collections::BTreeMap;

use can_dbc::{Dbc, MessageId};

use crate::error::{Error, Result};
use layout::Layout;
use multiplex::Condition;

/// Bytes of a database: stops files that are something else. The largest of a vehicle have a few MiB.
const DATABASE_BYTES_MAX: usize = 64 << 20;
/// Signals of a message: stops messages that would make a million values of each frame. The largest multiplexed ones of a vehicle
/// have some hundred.
const MESSAGE_SIGNALS_MAX: usize = 4096;
/// The bit by which a database marks an identifier of 29 bits.
const EXTENDED_FLAG: u64 = 1 << 31;
/// The message under which tools keep signals that belong to none.
const NO_MESSAGE: &str = "VECTOR__INDEPENDENT_SIG_MSG";

/// A CAN database.
#[derive(Debug, Clone, Default)]
pub struct CanDatabase {
    /// By identifier, and whether it is one of 29 bits.
    messages: BTreeMap<(u32, bool), CanMessage>,
    /// Signals of all messages.
    signals: usize,
}

/// A message of a database: what the frames of an identifier carry.
#[derive(Debug, Clone)]
pub struct CanMessage {
    payload_bytes: u64,
    /// Number of its first signal in the database.
    first_signal: usize,
    signals: Vec<Signal>,
}

#[derive(Debug, Clone)]
struct Signal {
    name: String,
    layout: Layout,
    factor: f64,
    offset: f64,
    unit: Option<String>,
    /// Texts of whole numbers.
    texts: BTreeMap<i64, String>,
    /// When the frame carries it; always where there is none.
    condition: Option<Condition>,
}

/// A value that a frame carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanValue<'a> {
    /// Number of the signal, as in [`CanDatabase::signals`].
    pub signal: usize,
    /// Message and signal, such as `GnssPos.Latitude`.
    pub name: &'a str,
    /// The physical value: scale and offset are applied. Not finite where the frame carries such a float.
    pub value: f64,
    /// Unit, where the database gives one.
    pub unit: Option<&'a str>,
    /// The text that the database gives to the value.
    pub text: Option<&'a str>,
}

impl CanDatabase {
    /// Parses a database, in UTF-8 or else in Windows-1252, which most tools write. `name` is for errors.
    ///
    /// # Errors
    /// When the text is no database, or describes a layout that no frame can have; the error names line or signal.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let fail = |expected: &str, actual: String| Error::Format {
            file: name.to_owned(),
            expected: expected.to_owned(),
            actual,
        };
        if bytes.len() > DATABASE_BYTES_MAX {
            let expected = format!("a CAN database of at most {DATABASE_BYTES_MAX} bytes");
            return Err(fail(&expected, format!("{} bytes", bytes.len())));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => can_dbc::decode_cp1252(bytes)
                .ok_or_else(|| fail("text in UTF-8 or Windows-1252", "other bytes".to_owned()))?,
        };
        // A byte order mark is no part of the text.
        let text = text.trim_start_matches('\u{feff}');
        check_identifiers(text).map_err(|what| fail("identifiers of 11 or 29 bits", what))?;
        let parsed =
            Dbc::try_from(text).map_err(|error| fail("a CAN database (DBC)", error.to_string()))?;
        Self::compile(&parsed).map_err(|what| fail("a layout that a frame can have", what))
    }

    fn compile(parsed: &Dbc) -> Result<Self, String> {
        let about = About::of(parsed);
        let (mut messages, mut signals) = (BTreeMap::new(), 0);
        for message in parsed.messages.iter().filter(|m| m.name != NO_MESSAGE) {
            let key = match message.id {
                MessageId::Standard(id) => (u32::from(id), false),
                MessageId::Extended(id) => (id, true),
            };
            let compiled = CanMessage::compile(message, &about, signals)?;
            signals += compiled.signals.len();
            if messages.insert(key, compiled).is_some() {
                return Err(format!("two messages of identifier {:#x}", key.0));
            }
        }
        Ok(Self { messages, signals })
    }

    /// How many signals there are in all messages: each has a number below it.
    #[must_use]
    pub fn signals(&self) -> usize {
        self.signals
    }

    /// The message of an identifier, which comes without flags.
    #[must_use]
    pub fn message(&self, can_id: u32, is_extended: bool) -> Option<&CanMessage> {
        self.messages.get(&(can_id, is_extended))
    }

    /// The values that a frame carries; none where the database does not know its identifier.
    pub fn decode<'a>(
        &'a self,
        can_id: u32,
        is_extended: bool,
        payload: &'a [u8],
    ) -> impl Iterator<Item = CanValue<'a>> + 'a {
        let message = self.message(can_id, is_extended).into_iter();
        message.flat_map(move |message| message.decode(payload))
    }
}

impl CanMessage {
    fn compile(
        message: &can_dbc::Message,
        about: &About<'_>,
        first_signal: usize,
    ) -> Result<Self, String> {
        if message.signals.len() > MESSAGE_SIGNALS_MAX {
            let count = message.signals.len();
            return Err(format!("{count} signals of `{}`", message.name));
        }
        let conditions = multiplex::conditions(message, &about.multiplexed(message.id))?;
        let signals = message.signals.iter().zip(conditions);
        let signals = signals.map(|(signal, condition)| {
            let key = (message.id.raw(), signal.name.as_str());
            let name = format!("{}.{}", message.name, signal.name);
            let layout = Layout::of(signal, about.forms.get(&key).copied())
                .map_err(|what| format!("`{name}`: {what}"))?;
            let texts = about.texts.get(&key);
            Ok(Signal {
                layout,
                factor: signal.factor,
                offset: signal.offset,
                unit: Some(signal.unit.clone()).filter(|unit| !unit.is_empty()),
                texts: texts.cloned().unwrap_or_default(),
                condition,
                name,
            })
        });
        Ok(Self {
            payload_bytes: message.size,
            first_signal,
            signals: signals.collect::<Result<_, String>>()?,
        })
    }

    /// Bytes that a frame of it has.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// The values that a payload carries, in the order of the database. Those that lie behind its end are left out,
    /// as are those whose multiplexer says that they are not there.
    pub fn decode<'a>(&'a self, payload: &'a [u8]) -> impl Iterator<Item = CanValue<'a>> + 'a {
        let signals = (self.first_signal..).zip(&self.signals);
        signals.filter_map(|(number, signal)| {
            let raw = signal.layout.raw(payload)?;
            if !self.is_there(signal, payload) {
                return None;
            }
            let text = signal.layout.integer(raw);
            let text = text.and_then(|integer| signal.texts.get(&integer));
            Some(CanValue {
                signal: number,
                name: &signal.name,
                value: signal.layout.number(raw) * signal.factor + signal.offset,
                unit: signal.unit.as_deref(),
                text: text.map(String::as_str),
            })
        })
    }

    /// Whether each multiplexer above the signal has a value for which the signal, or the next multiplexer, is there.
    fn is_there(&self, signal: &Signal, payload: &[u8]) -> bool {
        let mut next = &signal.condition;
        // The chain ends: `multiplex::conditions` refuses circles.
        while let Some(condition) = next {
            let Some(multiplexer) = self.signals.get(condition.multiplexer) else {
                return false;
            };
            let raw = multiplexer.layout.raw(payload);
            if !raw.is_some_and(|raw| condition.admits(raw)) {
                return false;
            }
            next = &multiplexer.condition;
        }
        true
    }
}

/// What the file says of signals outside of their messages, by raw identifier and name.
struct About<'a> {
    forms: BTreeMap<(u32, &'a str), can_dbc::SignalExtendedValueType>,
    texts: BTreeMap<(u32, &'a str), BTreeMap<i64, String>>,
    multiplexed: BTreeMap<u32, Vec<&'a can_dbc::ExtendedMultiplex>>,
}

impl<'a> About<'a> {
    fn of(parsed: &'a Dbc) -> Self {
        let forms = parsed.signal_extended_value_type_list.iter().map(|form| {
            let key = (form.message_id.raw(), form.signal_name.as_str());
            (key, form.signal_extended_value_type)
        });
        let texts = parsed.value_descriptions.iter().filter_map(|table| {
            let can_dbc::ValueDescription::Signal {
                message_id,
                name,
                value_descriptions,
            } = table
            else {
                return None;
            };
            let texts = value_descriptions
                .iter()
                .map(|each| (each.id, each.description.clone()));
            Some(((message_id.raw(), name.as_str()), texts.collect()))
        });
        let mut multiplexed: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for each in &parsed.extended_multiplex {
            let id = each.message_id.raw();
            multiplexed.entry(id).or_default().push(each);
        }
        Self {
            forms: forms.collect(),
            texts: texts.collect(),
            multiplexed,
        }
    }

    fn multiplexed(&self, id: MessageId) -> Vec<&'a can_dbc::ExtendedMultiplex> {
        self.multiplexed.get(&id.raw()).cloned().unwrap_or_default()
    }
}

/// The parser cuts identifiers that are too wide without a word; this says so.
fn check_identifiers(text: &str) -> Result<(), String> {
    for (line, words) in (1_usize..).zip(text.lines()) {
        let mut words = words.split_whitespace();
        if words.next() != Some("BO_") {
            continue;
        }
        let Some(Ok(id)) = words.next().map(str::parse::<u64>) else {
            continue;
        };
        let (is_extended, bits) = (id & EXTENDED_FLAG != 0, id & !EXTENDED_FLAG);
        let name = words.next().unwrap_or_default().trim_end_matches(':');
        if bits > if is_extended { 0x1fff_ffff } else { 0x7ff } && name != NO_MESSAGE {
            return Err(format!("{id} in line {line}"));
        }
    }
    Ok(())
}

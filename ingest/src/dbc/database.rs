//! A database, from its bytes to the messages of its identifiers.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};

use super::draft::{Draft, MessageDraft};
use super::fault::{DatabaseFault, FaultReason, Faults, Loss};
use super::j1939::{Group, GroupAddress, closest};
use super::message::{CanMessage, CanValue};
use super::text;

/// Bytes of a database: stops files that are something else. The largest of a vehicle have a few MiB.
const DATABASE_BYTES_MAX: usize = 64 << 20;
/// The bit by which a database marks an identifier of 29 bits.
const EXTENDED_FLAG: u64 = 1 << 31;
/// The largest identifiers of 11 and of 29 bits.
const STANDARD_MAX: u64 = 0x7ff;
const EXTENDED_MAX: u64 = 0x1fff_ffff;
/// The message under which tools keep signals that belong to none.
const NO_MESSAGE: &str = "VECTOR__INDEPENDENT_SIG_MSG";

/// A CAN database.
#[derive(Debug, Clone, Default)]
pub struct CanDatabase {
    name: String,
    messages: Vec<CanMessage>,
    /// By identifier, and whether it is one of 29 bits.
    by_identifier: BTreeMap<(u32, bool), usize>,
    /// Parameter groups of J1939, by their number.
    groups: BTreeMap<u32, Vec<(GroupAddress, usize)>>,
    /// Places of the parameter groups that any sender may send.
    of_any_sender: BTreeSet<usize>,
    /// Signals of all messages.
    signals: usize,
    faults: Faults,
}

/// The frames that a message is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Address {
    Identifier(u32, bool),
    Group(GroupAddress),
}

impl CanDatabase {
    /// Parses a database, in UTF-8, UTF-16 with a byte order mark, or else in Windows-1252. `name` is for errors and findings.
    ///
    /// What cannot be read costs the statement, signal or message that it stands in, and is one of [`CanDatabase::faults`].
    ///
    /// # Errors
    /// When the text is no database, or nothing of it can be read; the error then names the first fault.
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
        let text = text::decode(bytes);
        let draft = Draft::of(&text);
        if draft.statements == 0 {
            let expected = "a CAN database (DBC)";
            return Err(fail(expected, "no statement of one".to_owned()));
        }
        let database = Self::compile(name, draft);
        let costs = |fault: &&DatabaseFault| fault.loss != Loss::Nothing;
        let first = database.faults.list.iter().find(costs);
        let Some(fault) = first.filter(|_| database.signals == 0) else {
            return Ok(database);
        };
        let (line, subject, reason) = (fault.line, &fault.subject, &fault.reason);
        let expected = "a CAN database (DBC) with a signal that can be read";
        Err(fail(
            expected,
            format!("`{subject}` in line {line}: {reason}"),
        ))
    }

    fn compile(name: &str, mut draft: Draft<'_>) -> Self {
        let mut database = Self {
            name: name.to_owned(),
            faults: std::mem::take(&mut draft.faults),
            ..Self::default()
        };
        let mut by_address: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
        let messages = draft.messages.iter().enumerate();
        for (at, message) in messages.filter(|(_, message)| message.name != NO_MESSAGE) {
            if let Some(address) = address(message, &draft, &mut database.faults) {
                by_address.entry(address).or_default().push(at);
            }
        }
        let mut kept: Vec<_> = by_address
            .into_iter()
            .filter_map(|(address, places)| {
                let messages: Vec<_> = places.iter().map(|at| &draft.messages[*at]).collect();
                let message = one_of(&messages, &draft, &mut database.faults)?;
                Some((places[0], address, message))
            })
            .collect();
        kept.sort_by_key(|(place, ..)| *place);
        for (_, address, message) in kept {
            database.add(address, message);
        }
        database.faults.list.sort_by_key(|fault| fault.line);
        database
    }

    fn add(&mut self, address: Address, message: CanMessage) {
        let at = self.messages.len();
        match address {
            Address::Identifier(can_id, is_extended) => {
                self.by_identifier.insert((can_id, is_extended), at);
            }
            Address::Group(group) => {
                if group.source.is_none() {
                    self.of_any_sender.insert(at);
                }
                self.groups
                    .entry(group.number)
                    .or_default()
                    .push((group, at));
            }
        }
        let message = message.numbered_from(self.signals);
        self.signals += message.signals();
        self.messages.push(message);
    }

    /// The name that it was parsed with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many signals there are in all messages: each has a number below it.
    #[must_use]
    pub fn signals(&self) -> usize {
        self.signals
    }

    /// What is wrong with it, by line.
    pub fn faults(&self) -> impl Iterator<Item = &DatabaseFault> {
        self.faults.list.iter()
    }

    /// Faults that are not listed, since there are too many.
    pub(super) fn other_faults(&self) -> usize {
        self.faults.others
    }

    /// Whether it has parameter groups of J1939.
    pub(super) fn has_groups(&self) -> bool {
        !self.groups.is_empty()
    }

    /// The message of an identifier, which comes without flags: by the identifier itself, else by its parameter group.
    #[must_use]
    pub fn message(&self, can_id: u32, is_extended: bool) -> Option<&CanMessage> {
        self.messages.get(self.place(can_id, is_extended)?)
    }

    /// The place of that message among the messages.
    pub(super) fn place(&self, can_id: u32, is_extended: bool) -> Option<usize> {
        let own = self.by_identifier.get(&(can_id, is_extended)).copied();
        own.or_else(|| {
            let group = is_extended.then(|| Group::of(can_id))?;
            closest(self.groups.get(&group.number)?, group)
        })
    }

    pub(super) fn at(&self, place: usize) -> Option<&CanMessage> {
        self.messages.get(place)
    }

    /// Whether the message there is a parameter group that any sender may send.
    pub(super) fn is_of_any_sender(&self, place: usize) -> bool {
        self.of_any_sender.contains(&place)
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

/// The frames of a message; `None` where no frame has its identifier.
fn address(message: &MessageDraft<'_>, draft: &Draft<'_>, faults: &mut Faults) -> Option<Address> {
    let raw_id = message.raw_id;
    let is_marked = raw_id & EXTENDED_FLAG != 0;
    let bits = raw_id & !EXTENDED_FLAG;
    if bits > EXTENDED_MAX {
        let reason = FaultReason::Identifier(raw_id);
        faults.add(Loss::Message, message.line, message.name, reason);
        return None;
    }
    let can_id = u32::try_from(bits).ok()?;
    let is_extended = is_marked || bits > STANDARD_MAX;
    if is_extended && !is_marked {
        let reason = FaultReason::NoExtendedFlag(raw_id);
        faults.add(Loss::Nothing, message.line, message.name, reason);
    }
    Some(if is_extended && draft.attributes.is_group(raw_id) {
        Address::Group(GroupAddress::of(can_id))
    } else {
        Address::Identifier(can_id, is_extended)
    })
}

/// The message of an identifier; `None` where there are several that differ.
fn one_of(
    messages: &[&MessageDraft<'_>],
    draft: &Draft<'_>,
    faults: &mut Faults,
) -> Option<CanMessage> {
    let (first, others) = messages.split_first()?;
    let compiled = CanMessage::compile(first, draft, faults)?;
    let is_same = |other: &&MessageDraft<'_>| {
        let other = CanMessage::compile(other, draft, &mut Faults::default());
        other.is_some_and(|other| other.is_same(&compiled))
    };
    if others.iter().all(is_same) {
        return Some(compiled);
    }
    for (at, message) in messages.iter().enumerate() {
        let other = messages[usize::from(at == 0)].name.to_owned();
        let reason = FaultReason::SameIdentifier(other);
        faults.add(Loss::Message, message.line, message.name, reason);
    }
    None
}

//! The frames of a drive's buses, decoded into signals.

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_schemas::Severity;

use crate::facts::{BusRecord, NameId, SignalColumns};
use crate::findings::{Findings, Found};
use crate::quality::BusGap;

use super::CanDatabase;
use super::bus::{Bus, Frame, Kind};
use super::buses::{Binding, Buses, Meaning, MessageKey};
use super::fault::Loss;
use super::transport::Step;

/// Decodes the bus frames of one drive by the databases of the run.
#[derive(Debug)]
pub(crate) struct BusDecoder<'b> {
    databases: &'b Buses,
    /// Most signals of a drive: [`crate::Limits::signals_max`].
    signals_max: usize,
    buses: BTreeMap<NameId, Bus>,
    /// The one bus of each message of a database without a topic.
    claims: BTreeMap<MessageKey, Claim>,
}

/// Whose a message of a database without a topic is.
#[derive(Debug)]
enum Claim {
    Bus(NameId),
    /// More than one bus has its identifier: what the finding says.
    Several(Arc<str>),
}

impl<'b> BusDecoder<'b> {
    /// A decoder for a drive, which makes no more signals than are allowed.
    pub(crate) fn new(databases: &'b Buses, signals_max: usize) -> Self {
        Self {
            databases,
            signals_max,
            buses: BTreeMap::new(),
            claims: BTreeMap::new(),
        }
    }

    /// Decodes a frame: its values become signals `topic.Message.Signal`. What is missing of them is kept for the report.
    pub(crate) fn take(
        &mut self,
        bus: NameId,
        topic: &str,
        record: &BusRecord<'_>,
        signals: &mut SignalColumns,
    ) {
        if self.databases.is_empty() || record.is_remote || record.is_error {
            return;
        }
        let databases = self.databases;
        let new = || Bus::new(databases, topic);
        let state = self.buses.entry(bus).or_insert_with(new);
        let mut frame = Frame {
            can_id: record.can_id,
            is_extended: record.is_extended,
            stamp_ns: record.stamp_ns,
            data: record.data,
            kind: Kind::Data,
        };
        if state.databases.is_empty() {
            state.without_database(frame.stamp_ns);
            return;
        }
        let step = state.transport_step(&frame);
        if step != Step::Other {
            frame.kind = Kind::Part;
        }
        self.decode(bus, &frame, signals);
        if let Step::Whole { group, payload } = step {
            let whole = Frame {
                can_id: group.identifier(),
                data: &payload,
                kind: Kind::Data,
                ..frame
            };
            self.decode(bus, &whole, signals);
        }
    }

    fn decode(&mut self, bus: NameId, frame: &Frame<'_>, signals: &mut SignalColumns) {
        let Some(state) = self.buses.get_mut(&bus) else {
            return;
        };
        match state.meaning(self.databases, frame) {
            Meaning::Unknown if frame.kind == Kind::Part => {}
            Meaning::Unknown => state.miss(BusGap::Unknown, frame),
            Meaning::Ambiguous(names) => {
                let why = format!("several databases that differ have it: {names}").into();
                state.miss(BusGap::Ambiguous { why }, frame);
            }
            Meaning::Message(key, binding) => {
                let why = match binding {
                    Binding::None => self.claim(key, bus, signals),
                    Binding::Topic | Binding::Pattern => None,
                };
                let Some(state) = self.buses.get_mut(&bus) else {
                    return;
                };
                match why {
                    Some(why) => state.miss(BusGap::Ambiguous { why }, frame),
                    None => state.push(self.databases, self.signals_max, key, frame, signals),
                }
            }
        }
    }

    /// Takes a message of a database without a topic for a bus. Where another bus has it too, what was decoded there is taken back;
    /// why is returned.
    fn claim(
        &mut self,
        key: MessageKey,
        bus: NameId,
        signals: &mut SignalColumns,
    ) -> Option<Arc<str>> {
        let other = match self.claims.get(&key) {
            None => {
                self.claims.insert(key, Claim::Bus(bus));
                return None;
            }
            Some(Claim::Bus(own)) if *own == bus => return None,
            Some(Claim::Several(why)) => return Some(Arc::clone(why)),
            Some(Claim::Bus(other)) => *other,
        };
        let topic = |bus| self.buses.get(&bus).map_or("", |bus| bus.topic.as_str());
        let database = self.databases.database(key.database);
        let name = database.map_or("", CanDatabase::name);
        let why: Arc<str> = format!(
            "`{name}` is bound to no bus, and the identifier comes on {} and {}",
            topic(other),
            topic(bus)
        )
        .into();
        self.claims.insert(key, Claim::Several(Arc::clone(&why)));
        if let Some(other) = self.buses.get_mut(&other) {
            other.take_back(key, &why, signals);
        }
        Some(why)
    }

    /// Says what is missing, and what is wrong with the databases that were used.
    pub(crate) fn report(&mut self, findings: &mut Findings) {
        let topics = self.buses.values().map(|bus| &bus.databases);
        let mut used: Vec<usize> = topics.flatten().map(|(_, at)| *at).collect();
        used.sort_unstable();
        used.dedup();
        for (at, (topic, database)) in self.databases.all().enumerate() {
            if used.binary_search(&at).is_ok() {
                report_faults(findings, database);
            } else if let Some(topic) = topic {
                let found = Found::one("dbc_unused", Severity::Warning, database.name(), None);
                findings.add(found, || {
                    format!("expected a bus `{topic}`, got none: the CAN database decodes nothing")
                });
            }
        }
        for bus in std::mem::take(&mut self.buses).into_values() {
            bus.report(findings);
        }
    }
}

/// Says what cannot be read of a database.
fn report_faults(findings: &mut Findings, database: &CanDatabase) {
    for fault in database.faults() {
        let (check, severity) = match fault.loss {
            Loss::Message => ("dbc_message_lost", Severity::Warning),
            Loss::Signal => ("dbc_signal_lost", Severity::Warning),
            Loss::Statement => ("dbc_statement_lost", Severity::Info),
            Loss::Nothing => ("dbc_doubtful", Severity::Info),
        };
        let subject = format!("{} {}", database.name(), fault.subject);
        let found = Found::one(check, severity, &subject, None);
        findings.add(found, || format!("line {}: {}", fault.line, fault.reason));
    }
    let others = database.other_faults();
    if others > 0 {
        let found = Found {
            count: others as u64,
            ..Found::one(
                "dbc_statement_lost",
                Severity::Warning,
                database.name(),
                None,
            )
        };
        findings.add(found, || "faults beyond those that are listed".to_owned());
    }
}

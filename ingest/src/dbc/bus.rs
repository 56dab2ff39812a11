//! A bus of a drive: what its frames are, and what became of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_schemas::Severity;

use crate::facts::{Forgotten, SeriesId, SignalColumns};
use crate::findings::{Findings, Found};
use crate::quality::{BusGap, BusGaps};

use super::CanDatabase;
use super::buses::{Binding, Buses, Meaning, MessageKey};
use super::message::{CanValue, Precision};
use super::transport::{Incomplete, Step, Transport};

/// Identifiers of a bus whose message is remembered: stops logs that make up a new one for every frame. A bus has some hundred.
const MEANINGS_MAX: usize = 8192;
/// What is said of whole numbers that a double rounds.
const AS_TEXT: &str =
    "whole numbers beyond 2^53: `text` has all digits, `value` the nearest double";
const ROUNDED: &str =
    "whole numbers beyond 2^53 with a factor of too many digits: `value` is the nearest double";

/// A frame, or a message that was put together from several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) can_id: u32,
    pub(super) is_extended: bool,
    pub(super) stamp_ns: i64,
    pub(super) data: &'a [u8],
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    /// It carries a part of a message: nobody has to know it.
    Part,
}

/// A bus of a drive.
#[derive(Debug)]
pub(super) struct Bus {
    pub(super) topic: String,
    /// Its databases, the closest first.
    pub(super) databases: Vec<(Binding, usize)>,
    has_groups: bool,
    /// By identifier and whether it has 29 bits, as far as remembered.
    meanings: BTreeMap<(u32, bool), Meaning>,
    /// By message and sender; the sender is `None` where it is the first, or says nothing.
    streams: BTreeMap<(MessageKey, Option<u8>), Stream>,
    /// The first sender of each parameter group that any sender may send.
    first_senders: BTreeMap<MessageKey, u8>,
    /// The message that has each name.
    names: BTreeMap<String, MessageKey>,
    transport: Transport,
    gaps: BusGaps,
    /// Whole numbers beyond 2⁵³, by signal.
    large: BTreeMap<(String, &'static str), Gathered>,
}

/// The frames of a message.
#[derive(Debug)]
struct Stream {
    /// What stands behind the message's name.
    label: String,
    /// Why there is a label.
    labelled: Option<BusGap>,
    /// The series of each signal that came so far.
    series: Vec<Option<SeriesId>>,
    first_id: (u32, bool),
    frames: Gathered,
}

#[derive(Debug, Clone, Copy)]
struct Gathered {
    span_ns: (i64, i64),
    count: usize,
}

impl Gathered {
    fn at(stamp_ns: i64) -> Self {
        Self {
            span_ns: (stamp_ns, stamp_ns),
            count: 0,
        }
    }

    fn push(&mut self, stamp_ns: i64) {
        let (first, last) = self.span_ns;
        self.span_ns = (first.min(stamp_ns), last.max(stamp_ns));
        self.count += 1;
    }
}

impl Bus {
    pub(super) fn new(databases: &Buses, topic: &str) -> Self {
        let own = databases.of_topic(topic);
        let mut groups = own.iter().filter_map(|(_, at)| databases.database(*at));
        Self {
            topic: topic.to_owned(),
            has_groups: groups.any(CanDatabase::has_groups),
            databases: own,
            meanings: BTreeMap::new(),
            streams: BTreeMap::new(),
            first_senders: BTreeMap::new(),
            names: BTreeMap::new(),
            transport: Transport::default(),
            gaps: BusGaps::default(),
            large: BTreeMap::new(),
        }
    }

    /// What a frame is to the messages of several packets.
    pub(super) fn transport_step(&mut self, frame: &Frame<'_>) -> Step {
        if !(self.has_groups && frame.is_extended) {
            return Step::Other;
        }
        let mut incomplete = Vec::new();
        let transport = &mut self.transport;
        let step = transport.take(frame.can_id, frame.stamp_ns, frame.data, &mut incomplete);
        incomplete
            .into_iter()
            .for_each(|each| self.incomplete(each));
        step
    }

    /// Notes a frame for which no database is.
    pub(super) fn without_database(&mut self, stamp_ns: i64) {
        let span_ns = (stamp_ns, stamp_ns);
        self.gaps.push_several(BusGap::NoDatabase, None, span_ns, 1);
    }

    /// Notes a frame whose values are missing.
    pub(super) fn miss(&mut self, gap: BusGap, frame: &Frame<'_>) {
        self.gaps
            .push(gap, frame.can_id, frame.is_extended, frame.stamp_ns);
    }

    fn incomplete(&mut self, incomplete: Incomplete) {
        let Incomplete { can_id, stamp_ns } = incomplete;
        self.gaps.push(BusGap::Incomplete, can_id, true, stamp_ns);
    }

    /// What the databases of the bus make of a frame's identifier.
    pub(super) fn meaning(&mut self, databases: &Buses, frame: &Frame<'_>) -> Meaning {
        let key = (frame.can_id, frame.is_extended);
        if let Some(meaning) = self.meanings.get(&key) {
            return meaning.clone();
        }
        let meaning = databases.meaning(&self.databases, frame.can_id, frame.is_extended);
        if self.meanings.len() == MEANINGS_MAX {
            self.meanings.clear();
        }
        self.meanings.insert(key, meaning.clone());
        meaning
    }

    /// The values of a frame whose message is known.
    pub(super) fn push(
        &mut self,
        databases: &Buses,
        signals_max: usize,
        key: MessageKey,
        frame: &Frame<'_>,
        signals: &mut SignalColumns,
    ) {
        let Some(message) = databases.message(key) else {
            return;
        };
        let (can_id, is_extended) = (frame.can_id, frame.is_extended);
        let sender = self.sender(databases, key, frame);
        let Self {
            topic,
            streams,
            names,
            gaps,
            large,
            ..
        } = self;
        let new = || Stream::new(names, key, message.name(), sender, frame, message.signals());
        let stream = streams.entry((key, sender)).or_insert_with(new);
        stream.frames.push(frame.stamp_ns);
        if let Some(gap) = &stream.labelled {
            gaps.push(gap.clone(), can_id, is_extended, frame.stamp_ns);
        }
        let expected_bytes = message.payload_bytes();
        if expected_bytes > frame.data.len() as u64 {
            let gap = BusGap::Short { expected_bytes };
            gaps.push(gap, can_id, is_extended, frame.stamp_ns);
        }
        let mut is_full = false;
        for found in message
            .decode(frame.data)
            .filter(|found| found.value.is_finite())
        {
            let Some(series) = stream.series.get_mut(found.signal - message.first_signal()) else {
                continue;
            };
            if series.is_none() {
                let signal = &found.name[message.name().len()..];
                let name = format!("{topic}.{}{}{signal}", message.name(), stream.label);
                *series = signals.series_within(&name, found.unit, topic, signals_max);
            }
            match series {
                Some(series) => push_value(signals, *series, frame.stamp_ns, &found, large),
                None => is_full = true,
            }
        }
        if is_full {
            let max = signals_max;
            let gap = BusGap::Full { max };
            gaps.push(gap, can_id, is_extended, frame.stamp_ns);
        }
    }

    /// The sender that tells a frame from those of the group's first sender.
    fn sender(&mut self, databases: &Buses, key: MessageKey, frame: &Frame<'_>) -> Option<u8> {
        let database = databases.database(key.database)?;
        if !database.is_of_any_sender(key.message) {
            return None;
        }
        let [sender, ..] = frame.can_id.to_le_bytes();
        let first = *self.first_senders.entry(key).or_insert(sender);
        (first != sender).then_some(sender)
    }

    /// Forgets what was decoded by a message.
    pub(super) fn take_back(
        &mut self,
        key: MessageKey,
        why: &Arc<str>,
        signals: &mut SignalColumns,
    ) {
        let all = (key, None)..=(key, Some(u8::MAX));
        let keys: Vec<_> = self.streams.range(all).map(|(key, _)| *key).collect();
        for key in keys {
            let Some(stream) = self.streams.remove(&key) else {
                continue;
            };
            let mut gaps = vec![BusGap::Ambiguous {
                why: Arc::clone(why),
            }];
            for series in stream.series.into_iter().flatten() {
                if signals.forget(series) == Forgotten::NotAll && gaps.len() == 1 {
                    gaps.push(BusGap::AmbiguousLate);
                }
            }
            for gap in gaps {
                let Gathered { span_ns, count } = stream.frames;
                self.gaps
                    .push_several(gap, Some(stream.first_id), span_ns, count);
            }
        }
    }
}

impl Bus {
    /// Says what is missing of its frames.
    pub(super) fn report(mut self, findings: &mut Findings) {
        let transport = std::mem::take(&mut self.transport);
        transport.finish().for_each(|each| self.incomplete(each));
        for ((signal, what), found) in &self.large {
            let subject = format!("{}.{signal}", self.topic);
            let severity = if *what == ROUNDED {
                Severity::Warning
            } else {
                Severity::Info
            };
            let check = "integer_beyond_double";
            let found = Found::several(check, severity, &subject, found.span_ns, found.count);
            findings.add(found, || (*what).to_owned());
        }
        self.gaps.report(findings, &self.topic);
    }
}

impl Stream {
    fn new(
        names: &mut BTreeMap<String, MessageKey>,
        key: MessageKey,
        name: &str,
        sender: Option<u8>,
        frame: &Frame<'_>,
        signals: usize,
    ) -> Self {
        let owner = *names.entry(name.to_owned()).or_insert(key);
        let (label, labelled) = match sender {
            Some(sender) if owner == key => (format!("@{sender:#04x}"), Some(BusGap::OtherSender)),
            _ if owner == key => (String::new(), None),
            _ => (format!("@{:#05x}", frame.can_id), Some(BusGap::SameName)),
        };
        Self {
            label,
            labelled,
            series: vec![None; signals],
            first_id: (frame.can_id, frame.is_extended),
            frames: Gathered::at(frame.stamp_ns),
        }
    }
}

fn push_value(
    signals: &mut SignalColumns,
    series: SeriesId,
    stamp_ns: i64,
    found: &CanValue<'_>,
    large: &mut BTreeMap<(String, &'static str), Gathered>,
) {
    let mut note = |what| {
        let key = (found.name.to_owned(), what);
        let gathered = large.entry(key).or_insert_with(|| Gathered::at(stamp_ns));
        gathered.push(stamp_ns);
    };
    match (found.text, found.precision) {
        (Some(text), _) => signals.push_text(series, stamp_ns, Some(found.value), text),
        (None, Precision::Full) => signals.push(series, stamp_ns, found.value),
        (None, Precision::Rounded(exact)) => {
            note(AS_TEXT);
            let digits = exact.to_string();
            signals.push_text(series, stamp_ns, Some(found.value), &digits);
        }
        (None, Precision::Lost) => {
            note(ROUNDED);
            signals.push(series, stamp_ns, found.value);
        }
    }
}

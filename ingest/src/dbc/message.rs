//! A message of a database: compiled once into bit layouts and conditions, so that a frame costs some shifts.

use std::collections::BTreeMap;

use super::draft::{Draft, MessageDraft, SignalDraft, Texts};
use super::exact::ExactNumber;
use super::fault::{FaultReason, Faults, Loss};
use super::layout::Layout;
use super::multiplex::{Condition, conditions};

/// Signals of a message: stops messages that would make a million values of each frame. The largest multiplexed ones of a vehicle
/// have some hundred.
const MESSAGE_SIGNALS_MAX: usize = 4096;

/// A message of a database: what the frames of an identifier carry.
#[derive(Debug, Clone)]
pub struct CanMessage {
    name: String,
    payload_bytes: u64,
    /// Number of its first signal in the database.
    first_signal: usize,
    signals: Vec<Signal>,
}

#[derive(Debug, Clone, PartialEq)]
struct Signal {
    /// With the message's name before it.
    name: String,
    layout: Layout,
    factor: f64,
    offset: f64,
    /// Factor and offset with all their digits.
    exact: Option<(ExactNumber, ExactNumber)>,
    unit: Option<String>,
    /// Texts of whole numbers.
    texts: BTreeMap<i128, String>,
    /// When the frame carries it; always where there is none.
    condition: Option<Condition>,
}

/// What a double keeps of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// All that the frame has, but for the rounding of factor and offset.
    Full,
    /// Less: the number has more digits, and is this.
    Rounded(ExactNumber),
    /// Less, and the factor has so many digits that the number cannot be said.
    Lost,
}

/// A value that a frame carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CanValue<'a> {
    /// Number of the signal, as in [`crate::CanDatabase::signals`].
    pub signal: usize,
    /// Message and signal, such as `GnssPos.Latitude`.
    pub name: &'a str,
    /// The physical value: scale and offset are applied. Not finite where the frame carries such a float.
    pub value: f64,
    /// What `value` keeps of a whole number beyond 2⁵³.
    pub precision: Precision,
    /// Unit, where the database gives one.
    pub unit: Option<&'a str>,
    /// The text that the database gives to the value.
    pub text: Option<&'a str>,
}

impl CanMessage {
    /// Compiles a message. What cannot be read of it is a fault; `None` where that is the message.
    pub(super) fn compile(
        draft: &MessageDraft<'_>,
        about: &Draft<'_>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let actual = draft.signals.len();
        if actual > MESSAGE_SIGNALS_MAX {
            let max = MESSAGE_SIGNALS_MAX;
            let reason = FaultReason::Signals { max, actual };
            faults.add(Loss::Message, draft.line, draft.name, reason);
            return None;
        }
        let mut lost = |signal: &SignalDraft<'_>, loss, reason| {
            let subject = format!("{}.{}", draft.name, signal.name);
            faults.add(loss, signal.line, &subject, reason);
        };
        let signals = readable(draft, about, &mut lost);
        let signals = without_namesakes(signals, &mut lost);
        let signals = without_orphans(draft, signals, &mut lost);
        let long = long_names(draft, about, &signals, &mut lost);
        for each in &signals {
            if each.layout.bytes() as u64 > draft.payload_bytes {
                let reason = FaultReason::BehindEnd(draft.payload_bytes);
                lost(each.signal, Loss::Nothing, reason);
            }
        }
        let name = about.attributes.long_messages.get(&draft.raw_id);
        let name = name.filter(|name| !name.is_empty());
        let name = (*name.unwrap_or(&draft.name)).to_owned();
        let signals = signals.into_iter().zip(long).map(|(each, long)| {
            let signal = each.signal;
            Signal {
                name: format!("{name}.{long}"),
                layout: each.layout,
                factor: signal.factor.value,
                offset: signal.offset.value,
                exact: signal.factor.exact.zip(signal.offset.exact),
                unit: signal.unit.map(unescaped),
                texts: texts(about, (draft.raw_id, signal.name)),
                condition: each.condition,
            }
        });
        Some(Self {
            signals: signals.collect(),
            name,
            payload_bytes: draft.payload_bytes,
            first_signal: 0,
        })
    }

    /// The same with its signals numbered from there.
    pub(super) fn numbered_from(self, first_signal: usize) -> Self {
        Self {
            first_signal,
            ..self
        }
    }

    /// Whether frames give the same values by both.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.payload_bytes == other.payload_bytes
            && self.signals == other.signals
    }

    /// Its name; the long one where the database has one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that a frame of it has.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// How many signals it has.
    #[must_use]
    pub fn signals(&self) -> usize {
        self.signals.len()
    }

    /// Number of its first signal in the database.
    pub(super) fn first_signal(&self) -> usize {
        self.first_signal
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
                precision: signal.precision(raw),
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

impl Signal {
    fn precision(&self, raw: u64) -> Precision {
        let Some(integer) = self.layout.beyond_double(raw) else {
            return Precision::Full;
        };
        let scaled = self
            .exact
            .and_then(|(factor, offset)| ExactNumber::scaled(integer, factor, offset));
        scaled.map_or(Precision::Lost, Precision::Rounded)
    }
}

/// A signal that can be read.
struct Readable<'m, 't> {
    /// Its place among all signals of the message.
    place: usize,
    signal: &'m SignalDraft<'t>,
    layout: Layout,
    condition: Option<Condition>,
}

/// The signals that have a layout, a factor and a condition that can be looked at.
fn readable<'m, 't>(
    draft: &'m MessageDraft<'t>,
    about: &Draft<'_>,
    lost: &mut impl FnMut(&SignalDraft<'_>, Loss, FaultReason),
) -> Vec<Readable<'m, 't>> {
    let layouts = draft.signals.iter().map(|signal| {
        if signal.factor.value == 0.0 {
            return Err(FaultReason::NoFactor);
        }
        let form = about.forms.get(&(draft.raw_id, signal.name)).copied();
        Layout::of(signal, form)
    });
    let layouts: Vec<_> = layouts.collect();
    let selectors = draft.signals.iter().filter_map(|signal| {
        let key = (draft.raw_id, signal.name);
        Some((signal.name, about.multiplexed.get(&key)?))
    });
    let is_readable: Vec<bool> = layouts.iter().map(Result::is_ok).collect();
    let conditions = conditions(&draft.signals, &selectors.collect(), &is_readable);
    let mut readable = Vec::new();
    let all = draft.signals.iter().zip(layouts).zip(conditions);
    for (place, ((signal, layout), condition)) in all.enumerate() {
        match layout.and_then(|layout| Ok((layout, condition?))) {
            Ok((layout, condition)) => readable.push(Readable {
                place,
                signal,
                layout,
                condition,
            }),
            Err(reason) => lost(signal, Loss::Signal, reason),
        }
    }
    readable
}

/// Without signals that share a name, unless no frame can have both: a page of a multiplexer each.
fn without_namesakes<'m, 't>(
    signals: Vec<Readable<'m, 't>>,
    lost: &mut impl FnMut(&SignalDraft<'_>, Loss, FaultReason),
) -> Vec<Readable<'m, 't>> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, each) in signals.iter().enumerate() {
        by_name.entry(each.signal.name).or_default().push(at);
    }
    let mut dropped = vec![0; signals.len()];
    for places in by_name.values().filter(|places| places.len() > 1) {
        let pairs = places
            .windows(2)
            .map(|pair| (&signals[pair[0]], &signals[pair[1]]));
        let mut pairs = pairs.chain([(&signals[places[0]], &signals[places[places.len() - 1]])]);
        let are_apart = pairs.all(|(a, b)| {
            let conditions = a.condition.as_ref().zip(b.condition.as_ref());
            a.signal.unit == b.signal.unit && conditions.is_some_and(|(a, b)| !a.overlaps(b))
        });
        if !are_apart {
            places.iter().for_each(|at| dropped[*at] = places.len());
        }
    }
    let kept = signals.into_iter().zip(dropped);
    kept.filter_map(|(readable, namesakes)| {
        if namesakes > 0 {
            lost(
                readable.signal,
                Loss::Signal,
                FaultReason::SameName(namesakes),
            );
            return None;
        }
        Some(readable)
    })
    .collect()
}

/// Without signals whose multiplexer was lost. What is left names its multiplexer by its place among what is left.
fn without_orphans<'m, 't>(
    draft: &MessageDraft<'_>,
    mut signals: Vec<Readable<'m, 't>>,
    lost: &mut impl FnMut(&SignalDraft<'_>, Loss, FaultReason),
) -> Vec<Readable<'m, 't>> {
    loop {
        let mut places = vec![None; draft.signals.len()];
        for (at, each) in signals.iter().enumerate() {
            places[each.place] = Some(at);
        }
        let count = signals.len();
        let is_kept = |each: &Readable<'m, 't>| match &each.condition {
            Some(condition) if places[condition.multiplexer].is_none() => {
                let name = draft.signals[condition.multiplexer].name.to_owned();
                lost(each.signal, Loss::Signal, FaultReason::NoMultiplexer(name));
                false
            }
            _ => true,
        };
        signals.retain(is_kept);
        if signals.len() < count {
            continue;
        }
        for condition in signals
            .iter_mut()
            .filter_map(|each| each.condition.as_mut())
        {
            condition.multiplexer = places[condition.multiplexer].unwrap_or_default();
        }
        return signals;
    }
}

/// The name of each signal: the long one where there is one that no other has.
fn long_names<'t>(
    draft: &MessageDraft<'t>,
    about: &Draft<'t>,
    signals: &[Readable<'_, 't>],
    lost: &mut impl FnMut(&SignalDraft<'_>, Loss, FaultReason),
) -> Vec<&'t str> {
    let long = |name: &'t str| {
        let long = about.attributes.long_signals.get(&(draft.raw_id, name));
        long.copied()
            .filter(|long| !long.is_empty())
            .unwrap_or(name)
    };
    let mut short_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Readable { signal, .. } in signals {
        let shorts = short_of.entry(long(signal.name)).or_default();
        if !shorts.contains(&signal.name) {
            shorts.push(signal.name);
        }
    }
    let named = signals.iter().map(|Readable { signal, .. }| {
        let long = long(signal.name);
        let is_shared = short_of.get(long).is_some_and(|shorts| shorts.len() > 1);
        if is_shared && long != signal.name {
            lost(
                signal,
                Loss::Nothing,
                FaultReason::SameLongName(long.to_owned()),
            );
            return signal.name;
        }
        long
    });
    named.collect()
}

/// The texts of a signal's values.
fn texts(about: &Draft<'_>, key: (u64, &str)) -> BTreeMap<i128, String> {
    let texts = match about.texts.get(&key) {
        Some(Texts::Listed(texts)) => Some(texts),
        Some(Texts::Table(table)) => about.tables.get(table),
        None => None,
    };
    let texts = texts.into_iter().flatten();
    texts
        .map(|(value, text)| (*value, unescaped(text)))
        .collect()
}

fn unescaped(text: &str) -> String {
    text.replace("\\\"", "\"")
}

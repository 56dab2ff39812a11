//! Multiplexing: signals that are in a frame only where another signal, the multiplexer, has certain values.

use std::collections::BTreeMap;

use can_dbc::{ExtendedMultiplex, Message, MultiplexIndicator};

/// Multiplexers above one another: stops those that wait for each other.
const DEPTH_MAX: usize = 16;

/// When a signal is in the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// Index of the multiplexer among the signals of the message.
    pub(super) multiplexer: usize,
    /// The first and last value of each range for which the signal is there.
    ranges: Vec<(u64, u64)>,
}

impl Condition {
    /// Whether the signal is there for a value of the multiplexer.
    pub(super) fn admits(&self, raw: u64) -> bool {
        let mut ranges = self.ranges.iter();
        ranges.any(|(first, last)| (first..=last).contains(&&raw))
    }
}

/// The condition of each signal of a message. `extended` are its lines `SG_MUL_VAL_`, which go before the indicator at the signal.
pub(super) fn conditions(
    message: &Message,
    extended: &[&ExtendedMultiplex],
) -> Result<Vec<Option<Condition>>, String> {
    let lines = extended
        .iter()
        .map(|line| (line.signal_name.as_str(), *line));
    let lines: BTreeMap<&str, &ExtendedMultiplex> = lines.collect();
    let signals = message.signals.iter().enumerate();
    let places = signals.map(|(at, signal)| (signal.name.as_str(), at));
    let places: BTreeMap<&str, usize> = places.collect();
    let root = root(message);
    let conditions = message.signals.iter().map(|signal| {
        let condition = match lines.get(signal.name.as_str()) {
            Some(line) => of_line(line, &places).map(Some),
            None => of_indicator(signal.multiplexer_indicator, &root),
        };
        condition.map_err(|what| format!("`{}.{}`: {what}", message.name, signal.name))
    });
    let conditions = conditions.collect::<Result<Vec<_>, String>>()?;
    for (start, signal) in message.signals.iter().enumerate() {
        if depth(&conditions, start) > DEPTH_MAX {
            return Err(format!(
                "`{}.{}`: more than {DEPTH_MAX} multiplexers above one another",
                message.name, signal.name
            ));
        }
    }
    Ok(conditions)
}

fn of_line(line: &ExtendedMultiplex, places: &BTreeMap<&str, usize>) -> Result<Condition, String> {
    let name = line.multiplexor_signal_name.as_str();
    let multiplexer = places.get(name).copied();
    let ranges = line.mappings.iter();
    Ok(Condition {
        multiplexer: multiplexer.ok_or_else(|| format!("its multiplexer `{name}` is missing"))?,
        ranges: ranges
            .map(|range| (range.min_value, range.max_value))
            .collect(),
    })
}

fn of_indicator(
    indicator: MultiplexIndicator,
    root: &Result<usize, String>,
) -> Result<Option<Condition>, String> {
    match indicator {
        MultiplexIndicator::Plain | MultiplexIndicator::Multiplexor => Ok(None),
        MultiplexIndicator::MultiplexedSignal(value)
        | MultiplexIndicator::MultiplexorAndMultiplexedSignal(value) => Ok(Some(Condition {
            multiplexer: root.clone()?,
            ranges: vec![(value, value)],
        })),
    }
}

/// The one multiplexer of a message without `SG_MUL_VAL_`.
fn root(message: &Message) -> Result<usize, String> {
    let signals = message.signals.iter().enumerate();
    let mut roots = signals
        .filter(|(_, signal)| signal.multiplexer_indicator == MultiplexIndicator::Multiplexor);
    match (roots.next(), roots.next()) {
        (Some((at, _)), None) => Ok(at),
        (None, _) => Err("expected a multiplexer in its message, got none".to_owned()),
        (Some(_), Some(_)) => Err("expected one multiplexer, got several".to_owned()),
    }
}

/// Multiplexers above a signal, as far as they are looked at.
fn depth(conditions: &[Option<Condition>], start: usize) -> usize {
    let above = |at: &usize| Some(conditions.get(*at)?.as_ref()?.multiplexer);
    std::iter::successors(Some(start), above)
        .take(DEPTH_MAX + 2)
        .count()
        - 1
}

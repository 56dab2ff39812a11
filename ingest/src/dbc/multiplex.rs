//! Multiplexing: signals that are in a frame only where another signal, the multiplexer, has certain values.

use std::collections::BTreeMap;

use super::draft::{Selector, SignalDraft};
use super::fault::FaultReason;

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

    /// Whether there is a value of one multiplexer for which both signals are there.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let overlap = |(first, last): &(u64, u64)| {
            let mut others = other.ranges.iter();
            others.any(|(start, end)| first <= end && start <= last)
        };
        self.multiplexer != other.multiplexer || self.ranges.iter().any(overlap)
    }
}

/// The condition of each signal of a message, or why there can be none. `selectors` are its lines `SG_MUL_VAL_`, which go
/// before the indicator at the signal; `is_readable` says which signals have a layout.
pub(super) fn conditions(
    signals: &[SignalDraft<'_>],
    selectors: &BTreeMap<&str, &Selector<'_>>,
    is_readable: &[bool],
) -> Vec<Result<Option<Condition>, FaultReason>> {
    let places: BTreeMap<&str, usize> = (0..).zip(signals).map(|(at, s)| (s.name, at)).collect();
    let root = root(signals);
    let conditions: Vec<_> = signals
        .iter()
        .map(|signal| match selectors.get(signal.name) {
            Some(selector) => of_selector(selector, &places).map(Some),
            None => of_indicator(signal, &root),
        })
        .collect();
    (0..signals.len())
        .map(|at| {
            look_above(signals, &conditions, is_readable, at)?;
            conditions[at].clone()
        })
        .collect()
}

fn of_selector(
    selector: &Selector<'_>,
    places: &BTreeMap<&str, usize>,
) -> Result<Condition, FaultReason> {
    let name = selector.multiplexer;
    let multiplexer = places.get(name).copied();
    Ok(Condition {
        multiplexer: multiplexer.ok_or_else(|| FaultReason::NoMultiplexer(name.to_owned()))?,
        ranges: selector.ranges.clone(),
    })
}

fn of_indicator(
    signal: &SignalDraft<'_>,
    root: &Result<usize, FaultReason>,
) -> Result<Option<Condition>, FaultReason> {
    let Some(value) = signal.indicator.value else {
        return Ok(None);
    };
    Ok(Some(Condition {
        multiplexer: root.clone()?,
        ranges: vec![(value, value)],
    }))
}

/// The one multiplexer of a message without `SG_MUL_VAL_`.
fn root(signals: &[SignalDraft<'_>]) -> Result<usize, FaultReason> {
    let roots = signals
        .iter()
        .enumerate()
        .filter(|(_, signal)| signal.indicator.is_multiplexer && signal.indicator.value.is_none());
    match roots.map(|(at, _)| at).collect::<Vec<_>>().as_slice() {
        [root] => Ok(*root),
        roots => Err(FaultReason::Multiplexers(roots.len())),
    }
}

/// Whether the chain of multiplexers above a signal ends, and each of them can be read.
fn look_above(
    signals: &[SignalDraft<'_>],
    conditions: &[Result<Option<Condition>, FaultReason>],
    is_readable: &[bool],
    start: usize,
) -> Result<(), FaultReason> {
    let mut at = start;
    for _ in 0..=DEPTH_MAX {
        let Some(condition) = conditions[at].as_ref().map_err(Clone::clone)? else {
            return Ok(());
        };
        at = condition.multiplexer;
        if !is_readable[at] {
            return Err(FaultReason::NoMultiplexer(signals[at].name.to_owned()));
        }
    }
    Err(FaultReason::Depth(DEPTH_MAX))
}

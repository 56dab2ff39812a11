//! Numbers and texts of messages, a row each.

use driveloop_schemas::Severity;

use super::asked::{Asked, Values};
use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::rows::Row;
use crate::encoding::wants::{Integer, MESSAGE, Number, Text, Wants};
use crate::error::Result;
use crate::facts::SeriesId;
use crate::findings::Found;
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// Up to here a double holds every whole number.
const EXACT_MAX: u64 = 1 << 53;

/// Fields that become signals, each with its series.
pub(super) struct Signals {
    numbers: Vec<NumberField>,
    texts: Vec<(Text, SeriesId)>,
    strictness: Strictness,
    first: FirstOfStamp,
}

/// A number, its digits where it has 64 bits, its name where it has one, and its series.
struct NumberField {
    number: Number,
    whole: Option<Integer>,
    name: Option<Text>,
    series: SeriesId,
}

impl NumberField {
    fn of(wants: &mut Wants<'_>, path: &str, series: SeriesId) -> Result<Self, String> {
        Ok(Self {
            number: wants.number(MESSAGE, path)?,
            whole: wants.wide_integer(MESSAGE, path),
            name: wants.number_name(MESSAGE, path),
            series,
        })
    }

    /// The whole number, where a double has fewer digits than it. The largest stands for all that 63 bits do not hold.
    fn unrounded(&self, row: &Row<'_>) -> Option<i64> {
        let whole = row.integer(self.whole?);
        (whole.unsigned_abs() > EXACT_MAX && whole != i64::MAX).then_some(whole)
    }
}

/// Whether a value that is not finite costs the whole message, or only itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Message,
    Value,
}

impl Signals {
    pub(super) fn of(
        asked: &Asked<'_>,
        wants: &mut Wants<'_>,
        drive: &mut Assembly<'_>,
    ) -> Result<Self, String> {
        match asked.values {
            Values::All => Self::every_number(asked, wants, drive),
            Values::Listed(_) | Values::None => Self::listed(asked, wants, drive),
        }
    }

    /// The fields that a rule names.
    fn listed(
        asked: &Asked<'_>,
        wants: &mut Wants<'_>,
        drive: &mut Assembly<'_>,
    ) -> Result<Self, String> {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for field in asked.values.listed() {
            let name = format!("{}.{}", asked.topic, field.path);
            let signals = &mut drive.out.facts.signals;
            let mut series = || signals.series(&name, field.unit.as_deref(), asked.topic);
            if wants.number_name(MESSAGE, &field.path).is_none()
                && let Ok(text) = wants.text(MESSAGE, &field.path)
            {
                texts.push((text, series()));
            } else {
                numbers.push(NumberField::of(wants, &field.path, series())?);
            }
        }
        Ok(Self {
            numbers,
            texts,
            strictness: Strictness::Message,
            first: FirstOfStamp::default(),
        })
    }

    /// All numbers of a message, but for those in lists and its stamp.
    fn every_number(
        asked: &Asked<'_>,
        wants: &mut Wants<'_>,
        drive: &mut Assembly<'_>,
    ) -> Result<Self, String> {
        let mut numbers = Vec::new();
        let stamp = format!("{}.", asked.stamp);
        let limits = drive.limits;
        for path in wants.numbers(limits) {
            if path.starts_with(&stamp) {
                continue;
            }
            let series = &mut drive.out.facts.signals;
            let series = series.series(&format!("{}.{path}", asked.topic), None, asked.topic);
            numbers.push(NumberField::of(wants, &path, series)?);
        }
        if numbers.is_empty() {
            return Err("expected a number outside of lists, got none".to_owned());
        }
        Ok(Self {
            numbers,
            texts: Vec::new(),
            strictness: Strictness::Value,
            first: FirstOfStamp::default(),
        })
    }
}

impl Target for Signals {
    fn bytes(&self) -> usize {
        self.first.bytes()
    }

    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let row = &message.row;
        let finite = |field: &NumberField| row.number(field.number).is_finite();
        let all_finite = self.numbers.iter().all(finite);
        if !all_finite && self.strictness == Strictness::Message {
            let reason = "expected finite numbers, got another".to_owned();
            return Ok(Err(Refused::error("value_not_usable", reason)));
        }
        let earlier = || message.earlier_ns.iter();
        if !self.first.is_first(message.stamp_ns, earlier) {
            return Ok(Err(Refused::duplicate(message.stamp_ns)));
        }
        let signals = &mut drive.out.facts.signals;
        for field in &self.numbers {
            let value = row.number(field.number);
            let name = field.name.map_or("", |slot| row.text(slot));
            if !name.is_empty() {
                signals.push_text(field.series, message.stamp_ns, Some(value), name);
            } else if let Some(whole) = field.unrounded(row) {
                let digits = whole.to_string();
                signals.push_text(field.series, message.stamp_ns, Some(value), &digits);
            } else if value.is_finite() {
                signals.push(field.series, message.stamp_ns, value);
            }
        }
        for (slot, series) in &self.texts {
            signals.push_text(*series, message.stamp_ns, None, row.text(*slot));
        }
        if !all_finite {
            let stamp = Some(message.stamp_ns);
            let found = Found::one("value_not_usable", Severity::Info, message.topic, stamp);
            drive.out.findings.add(found, || {
                "expected finite numbers, got others: those are left out".to_owned()
            });
        }
        Ok(Ok(()))
    }
}

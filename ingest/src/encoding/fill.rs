//! Fills slots from encodings whose fields come in any order, and some not at all.

use super::definition::Enumeration;
use super::rows::{Slots, packed, unpacked};
use super::wants::{Form, MESSAGE, Scope, Wants};
use crate::limits::Limits;

/// What the rows of a message are before its fields fill them.
#[derive(Debug)]
pub(super) struct Blank {
    /// A row of each scope.
    rows: Vec<Vec<u64>>,
    /// Texts that no message holds: names of numbers and texts of fields that are absent. They come before those of the message.
    texts: Vec<u8>,
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Float(f64),
    Signed(i64),
    Unsigned(u64),
    /// A text or octets, as a slot holds them.
    Range(u64),
}

/// Where a row is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    scope: usize,
    row: usize,
}

/// The row of the message itself.
pub(super) const MESSAGE_PLACE: Place = Place {
    scope: MESSAGE.0,
    row: 0,
};

/// The bound on the values of a message was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {max} values in the lists of a message (message_values_max), got more")]
pub(super) struct TooManyValues {
    max: usize,
}

/// The names of numbers, each where its text is among those of [`Blank`].
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Ascending.
    numbers: Vec<(i64, u64)>,
}

impl Names {
    /// The name, as a slot holds it; an empty text where the number has none.
    pub(super) fn of(&self, number: i64) -> u64 {
        let at = self
            .numbers
            .binary_search_by_key(&number, |(named, _)| *named);
        at.map_or(0, |at| self.numbers[at].1)
    }
}

impl Value {
    /// What a slot holds of it, in the form that is asked for.
    pub(super) fn slot(self, form: Form, names: &Names) -> u64 {
        match (form, self) {
            (Form::Number, Self::Float(value)) => value.to_bits(),
            (Form::Number, Self::Signed(value)) => (value as f64).to_bits(),
            (Form::Number, Self::Unsigned(value)) => (value as f64).to_bits(),
            (Form::Integer, Self::Float(value)) => value as i64 as u64,
            (Form::Integer, Self::Signed(value)) => value as u64,
            // Beyond 63 bits no stamp or number that is asked for has a meaning: the most there is.
            (Form::Integer, Self::Unsigned(value)) => value.min(i64::MAX as u64),
            (Form::Text, Self::Signed(value)) => names.of(value),
            (Form::Text | Form::Bytes, Self::Range(range)) => range,
            // The definition was asked for other forms only.
            _ => 0,
        }
    }
}

impl Blank {
    /// Rows of zeros and empty texts.
    pub(super) fn zeros(wants: &Wants<'_>) -> Self {
        let row = |width: u16| vec![0; usize::from(width)];
        Self {
            rows: wants.scopes.iter().map(|rows| row(rows.slots)).collect(),
            texts: Vec::new(),
        }
    }

    /// Says what a slot of each row of a scope is before a field fills it.
    pub(super) fn set(&mut self, scope: Scope, slot: u16, bits: u64) {
        self.rows[scope.0][usize::from(slot)] = bits;
    }

    /// Adds a text; what a slot holds of it.
    pub(super) fn text(&mut self, text: &str) -> u64 {
        let start = self.texts.len();
        self.texts.extend(text.as_bytes());
        packed(start, text.len())
    }

    /// Adds the names of numbers.
    pub(super) fn names(&mut self, numbers: &Enumeration) -> Names {
        let mut names: Vec<(i64, u64)> = Vec::with_capacity(numbers.names.len());
        for (number, name) in &numbers.names {
            let text = self.text(name);
            names.push((*number, text));
        }
        // Of several names of a number the first stays.
        names.sort_by_key(|(number, _)| *number);
        names.dedup_by_key(|(number, _)| *number);
        Names { numbers: names }
    }

    pub(super) fn has_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// How many bytes come before those of the message.
    pub(super) fn text_bytes(&self) -> usize {
        self.texts.len()
    }
}

/// Slots while a message fills them.
pub(super) struct Fill<'a> {
    slots: &'a mut Slots,
    blank: &'a Blank,
    values_left: usize,
    values_max: usize,
}

impl<'a> Fill<'a> {
    pub(super) fn begin(slots: &'a mut Slots, blank: &'a Blank, limits: &Limits) -> Self {
        slots.scopes.resize_with(blank.rows.len(), Vec::new);
        slots.scopes.iter_mut().for_each(Vec::clear);
        slots.widths.clear();
        slots.widths.extend(blank.rows.iter().map(Vec::len));
        slots.scopes[MESSAGE.0].extend(&blank.rows[MESSAGE.0]);
        slots.buffer.clear();
        slots.buffer.extend(&blank.texts);
        let values_max = limits.message_values_max;
        Self {
            slots,
            blank,
            values_left: values_max,
            values_max,
        }
    }

    pub(super) fn set(&mut self, place: Place, slot: u16, bits: u64) {
        self.slots.scopes[place.scope][place.row + usize::from(slot)] = bits;
    }

    /// Begins a list anew.
    pub(super) fn clear_list(&mut self, place: Place, slot: u16) {
        self.set(place, slot, 0);
    }

    /// Adds an element to a list; its row. All elements of a list are added before any of another list of the same scope.
    pub(super) fn element(
        &mut self,
        place: Place,
        slot: u16,
        scope: Scope,
    ) -> Result<Place, TooManyValues> {
        let blank = &self.blank.rows[scope.0];
        let spent = self.values_left.checked_sub(blank.len().max(1));
        let max = self.values_max;
        self.values_left = spent.ok_or(TooManyValues { max })?;
        let rows = &mut self.slots.scopes[scope.0];
        let row = rows.len();
        rows.extend(blank);
        let (start, count) =
            unpacked(self.slots.scopes[place.scope][place.row + usize::from(slot)]);
        let start = if count == 0 { row } else { start };
        self.set(place, slot, packed(start, count + 1));
        let scope = scope.0;
        Ok(Place { scope, row })
    }

    /// Adds octets that the message does not hold as they are; what a slot holds of them.
    pub(super) fn append(&mut self, bytes: &[u8]) -> u64 {
        let start = self.slots.buffer.len();
        self.slots.buffer.extend(bytes);
        packed(start, bytes.len())
    }

    /// The buffer that octets are added to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.slots.buffer
    }
}

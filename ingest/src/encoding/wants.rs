//! Which fields of a message are wanted, and where their values go.
//!
//! A message becomes rows of slots: the message itself is the one row of the first scope, each element of a wanted list
//! is a row of the list's own scope. Paths are resolved against the definition once; a path that it lacks is an error here,
//! not at each message.

use std::collections::BTreeMap;

use super::definition::{Definition, Kind, Scalar};
use crate::limits::Limits;

/// A set of rows: the message, or the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope(pub(crate) usize);

/// The message itself.
pub(crate) const MESSAGE: Scope = Scope(0);

/// Slot of a number; truth values are 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u16);
/// Slot of a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer(pub(crate) u16);
/// Slot of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) u16);
/// Slot of octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u16);
/// Slot of a list, and the scope of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) slot: u16,
    pub(crate) scope: Scope,
}

/// How a field is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Integer,
    Text,
    Bytes,
    List(Scope),
}

/// Wanted fields of one scope, by their place in the definition.
pub(crate) struct Rows {
    /// What an element is.
    pub(crate) kind: Kind,
    pub(crate) wanted: BTreeMap<Vec<usize>, Vec<(Form, u16)>>,
    pub(crate) slots: u16,
}

/// Wanted fields of a message.
pub(crate) struct Wants<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) scopes: Vec<Rows>,
}

impl<'a> Wants<'a> {
    pub(crate) fn new(definition: &'a Definition) -> Self {
        let mut wants = Self {
            definition,
            scopes: Vec::new(),
        };
        wants.scope(Kind::Struct(0));
        wants
    }

    /// A number at a path of field names, such as `header.stamp.sec`; an element of a fixed array by its index: `k.4`.
    /// The empty path is the element itself. The error says what was expected.
    pub(crate) fn number(&mut self, scope: Scope, path: &str) -> Result<Number, String> {
        let is_number = |kind: &Kind| matches!(kind, Kind::Scalar(_) | Kind::Enum(_));
        self.want(scope, path, Form::Number, "a number", is_number)
            .map(Number)
    }

    /// A whole number at a path.
    pub(crate) fn integer(&mut self, scope: Scope, path: &str) -> Result<Integer, String> {
        let is_integer = |kind: &Kind| match kind {
            Kind::Scalar(scalar) => !matches!(scalar, Scalar::F32 | Scalar::F64 | Scalar::Bool),
            kind => matches!(kind, Kind::Enum(_)),
        };
        self.want(scope, path, Form::Integer, "a whole number", is_integer)
            .map(Integer)
    }

    /// A whole number of 64 bits at a path: one that a double may round. None where it is another value.
    pub(crate) fn wide_integer(&mut self, scope: Scope, path: &str) -> Option<Integer> {
        let is_wide = |kind: &Kind| matches!(kind, Kind::Scalar(Scalar::I64 | Scalar::U64));
        let slot = self.want(scope, path, Form::Integer, "a number of 64 bits", is_wide);
        slot.ok().map(Integer)
    }

    /// A truth value at a path, as a number.
    pub(crate) fn truth(&mut self, scope: Scope, path: &str) -> Result<Number, String> {
        let is_truth = |kind: &Kind| matches!(kind, Kind::Scalar(Scalar::Bool | Scalar::U8));
        self.want(scope, path, Form::Number, "a truth value", is_truth)
            .map(Number)
    }

    /// A text at a path, or the name of a number that has one.
    pub(crate) fn text(&mut self, scope: Scope, path: &str) -> Result<Text, String> {
        let is_text = |kind: &Kind| matches!(kind, Kind::Text | Kind::Enum(_));
        self.want(scope, path, Form::Text, "a text", is_text)
            .map(Text)
    }

    /// The name of a number at a path; none where the definition names no numbers of it.
    pub(crate) fn number_name(&mut self, scope: Scope, path: &str) -> Option<Text> {
        let is_named = |kind: &Kind| matches!(kind, Kind::Enum(_));
        let slot = self.want(scope, path, Form::Text, "a number with a name", is_named);
        slot.ok().map(Text)
    }

    /// Octets at a path, of a fixed number or counted.
    pub(crate) fn bytes(&mut self, scope: Scope, path: &str) -> Result<Bytes, String> {
        let is_bytes = |kind: &Kind| match kind {
            Kind::Array(element, _) | Kind::Sequence(element) => {
                **element == Kind::Scalar(Scalar::U8)
            }
            _ => false,
        };
        self.want(scope, path, Form::Bytes, "octets", is_bytes)
            .map(Bytes)
    }

    /// The elements of a list at a path.
    pub(crate) fn list(&mut self, scope: Scope, path: &str) -> Result<List, String> {
        let (place, kind) = self.resolve(scope, path)?;
        let (Kind::Sequence(element) | Kind::Array(element, _)) = kind else {
            return Err(format!("expected a list at `{path}`, got {kind:?}"));
        };
        let elements = self.scope(*element);
        let slot = self.slot(scope, place, Form::List(elements));
        Ok(List {
            slot,
            scope: elements,
        })
    }

    /// The paths of all numbers of the message that lie in no list, in the order of the definition, as far as the limits let them be
    /// looked for. A struct within itself is not gone into.
    pub(crate) fn numbers(&self, limits: &Limits) -> Vec<String> {
        let mut search = NumberSearch {
            definition: self.definition,
            fields_left: limits.definition_steps_max,
            limits,
            path: String::new(),
            within: Vec::new(),
            paths: Vec::new(),
        };
        search.below(&Kind::Struct(0));
        search.paths
    }

    fn scope(&mut self, kind: Kind) -> Scope {
        self.scopes.push(Rows {
            kind,
            wanted: BTreeMap::new(),
            slots: 0,
        });
        Scope(self.scopes.len() - 1)
    }

    fn want(
        &mut self,
        scope: Scope,
        path: &str,
        form: Form,
        expected: &str,
        fits: impl Fn(&Kind) -> bool,
    ) -> Result<u16, String> {
        let (place, kind) = self.resolve(scope, path)?;
        if fits(&kind) {
            Ok(self.slot(scope, place, form))
        } else {
            Err(format!("expected {expected} at `{path}`, got {kind:?}"))
        }
    }

    fn slot(&mut self, scope: Scope, place: Vec<usize>, form: Form) -> u16 {
        let rows = &mut self.scopes[scope.0];
        let forms = rows.wanted.entry(place).or_default();
        if let Some((_, slot)) = forms.iter().find(|(wanted, _)| *wanted == form) {
            return *slot;
        }
        let slot = rows.slots;
        rows.slots += 1;
        forms.push((form, slot));
        slot
    }

    /// Place and kind of a field.
    fn resolve(&self, scope: Scope, path: &str) -> Result<(Vec<usize>, Kind), String> {
        let mut place = Vec::new();
        let mut kind = &self.scopes[scope.0].kind;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let missing = || format!("expected a field `{path}`, got none");
            let (at, below) = match kind {
                Kind::Struct(at) => {
                    let fields = self.definition.structs[*at].fields.iter();
                    let found = fields.enumerate().find(|(_, field)| field.name == name);
                    let (at, field) = found.ok_or_else(missing)?;
                    (at, &field.kind)
                }
                Kind::Array(element, count) => {
                    let at = name.parse().ok().filter(|at| at < count);
                    (at.ok_or_else(missing)?, element.as_ref())
                }
                _ => return Err(missing()),
            };
            place.push(at);
            kind = below;
        }
        Ok((place, kind.clone()))
    }
}

/// A search for the numbers of a definition.
struct NumberSearch<'a> {
    definition: &'a Definition,
    limits: &'a Limits,
    /// Fields that may still be looked at: stops structs that have the next one many times.
    fields_left: usize,
    path: String,
    /// The structs that the path leads through.
    within: Vec<usize>,
    paths: Vec<String>,
}

impl NumberSearch<'_> {
    fn below(&mut self, kind: &Kind) {
        match kind {
            Kind::Scalar(_) | Kind::Enum(_) if self.paths.len() < self.limits.topic_signals_max => {
                self.paths.push(self.path.clone());
            }
            Kind::Struct(at)
                if self.within.len() < self.limits.depth_max && !self.within.contains(at) =>
            {
                self.within.push(*at);
                self.fields_of(*at);
                self.within.pop();
            }
            _ => {}
        }
    }

    fn fields_of(&mut self, at: usize) {
        for field in &self.definition.structs[at].fields {
            let Some(left) = self.fields_left.checked_sub(1) else {
                return;
            };
            self.fields_left = left;
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&field.name);
            self.below(&field.kind);
            self.path.truncate(length);
        }
    }
}

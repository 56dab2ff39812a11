//! A definition and the wanted fields, compiled into what is done at each number.

use super::descriptor::{Absent, Numbered, OnWire, Type};
use crate::encoding::definition::{Definition, Kind};
use crate::encoding::fill::{Blank, Names, Value};
use crate::encoding::wanted::Wanted;
use crate::encoding::wants::{Form, MESSAGE, Scope, Wants};

/// Takes the wanted fields out of messages.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) root: Node,
    pub(super) blank: Blank,
    size: usize,
}

/// The wanted fields of a message, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) fields: Vec<Field>,
}

/// A wanted field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// From the message on, for errors.
    pub(super) path: String,
    pub(super) holds: Holds,
}

/// What a wanted field holds.
#[derive(Debug)]
pub(super) enum Holds {
    Value(Taken),
    Message(Node),
    List {
        slot: u16,
        scope: Scope,
        element: Box<Holds>,
    },
}

/// A value, and how it is taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) value: Type,
    pub(super) takes: Vec<(Form, u16)>,
    pub(super) names: Names,
}

impl Node {
    #[inline]
    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

impl Program {
    /// Compiles. The error says which wanted field cannot be read.
    pub(crate) fn compile(wants: &Wants<'_>, numbered: &Numbered) -> Result<Self, String> {
        let wanted = Wanted::of(wants);
        let mut compiler = Compiler {
            definition: wants.definition,
            numbered,
            blank: Blank::zeros(wants),
        };
        Ok(Self {
            root: compiler.node(&wanted, MESSAGE)?,
            blank: compiler.blank,
            size: wanted.size(),
        })
    }

    /// Wanted fields, as a measure of how large the definition is.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

struct Compiler<'a> {
    definition: &'a Definition,
    numbered: &'a Numbered,
    blank: Blank,
}

impl Compiler<'_> {
    fn node(&mut self, wanted: &Wanted, scope: Scope) -> Result<Node, String> {
        let Kind::Struct(at) = wanted.kind else {
            return Ok(Node::default());
        };
        let mut node = Node::default();
        for (place, field) in &wanted.fields {
            let on_wire = &self.numbered.structs[at][*place];
            let holds = self.holds(field, on_wire, scope)?;
            node.fields.push(Field {
                number: on_wire.number,
                path: field.path.clone(),
                holds,
            });
        }
        Ok(node)
    }

    fn holds(&mut self, field: &Wanted, on_wire: &OnWire, scope: Scope) -> Result<Holds, String> {
        if let Some(list) = &field.list {
            if on_wire.value == Type::Bytes && !field.is_list_of_lists() {
                let path = &field.path;
                return Err(format!("expected a repeated field at `{path}`, got octets"));
            }
            // Elements are there or not: none of them is absent.
            let element = OnWire {
                absent: Absent::Zero,
                ..on_wire.clone()
            };
            let element = Box::new(self.holds(&list.element, &element, list.scope)?);
            let (slot, scope) = (list.slot, list.scope);
            return Ok(Holds::List {
                slot,
                scope,
                element,
            });
        }
        if matches!(field.kind, Kind::Struct(_)) {
            return Ok(Holds::Message(self.node(field, scope)?));
        }
        Ok(Holds::Value(self.taken(field, on_wire, scope)))
    }

    fn taken(&mut self, field: &Wanted, on_wire: &OnWire, scope: Scope) -> Taken {
        let is_named = field.takes.iter().any(|(form, _)| *form == Form::Text);
        let names = match field.kind {
            Kind::Enum(at) if is_named => self.blank.names(&self.definition.enums[at]),
            _ => Names::default(),
        };
        for (form, slot) in &field.takes {
            let bits = match (&on_wire.absent, form) {
                (Absent::Nothing, Form::Number) => f64::NAN.to_bits(),
                (Absent::Number(value), form) => value.slot(*form, &names),
                (Absent::Text(text), Form::Text) => self.blank.text(text),
                (Absent::Zero, Form::Text) => Value::Signed(0).slot(*form, &names),
                _ => 0,
            };
            self.blank.set(scope, *slot, bits);
        }
        Taken {
            value: on_wire.value,
            takes: field.takes.clone(),
            names,
        }
    }
}

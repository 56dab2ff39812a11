//! A definition and the wanted fields, compiled into what is done at each name.

use crate::encoding::definition::{Definition, Kind, Scalar};
use crate::encoding::fill::{Blank, Names};
use crate::encoding::wanted::Wanted;
use crate::encoding::wants::{Form, MESSAGE, Scope, Wants};

/// The path of the message itself, as JSON paths write it.
const ROOT: &str = "$";

/// Takes the wanted fields out of messages.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) root: Node,
    pub(super) blank: Blank,
    size: usize,
}

/// A wanted field, or one with such fields below it.
#[derive(Debug)]
pub(super) struct Node {
    /// From the message on, for errors.
    pub(super) path: String,
    pub(super) holds: Holds,
    pub(super) takes: Vec<(Form, u16)>,
    pub(super) names: Names,
}

/// What a wanted field holds.
#[derive(Debug)]
pub(super) enum Holds {
    Number,
    Truth,
    Text,
    /// Octets, written in base64.
    Octets,
    Object(Vec<(String, Node)>),
    List {
        slot: u16,
        scope: Scope,
        element: Box<Node>,
    },
}

impl Holds {
    /// In words, for errors.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Truth => "a truth value",
            Self::Text => "a text",
            Self::Octets => "octets in base64",
            Self::Object(_) => "an object",
            Self::List { .. } => "a list",
        }
    }
}

impl Program {
    /// Compiles. The error says which wanted field cannot be read.
    pub(crate) fn compile(wants: &Wants<'_>) -> Result<Self, String> {
        let wanted = Wanted::of(wants);
        let mut compiler = Compiler {
            definition: wants.definition,
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
    blank: Blank,
}

impl Compiler<'_> {
    fn node(&mut self, wanted: &Wanted, scope: Scope) -> Result<Node, String> {
        let holds = self.holds(wanted, scope)?;
        let is_named = wanted.takes.iter().any(|(form, _)| *form == Form::Text);
        let names = match wanted.kind {
            Kind::Enum(at) if is_named => self.blank.names(&self.definition.enums[at]),
            _ => Names::default(),
        };
        for (form, slot) in &wanted.takes {
            if *form == Form::Number {
                // No number is made up for a field that is absent.
                self.blank.set(scope, *slot, f64::NAN.to_bits());
            }
        }
        let path = match wanted.path.as_str() {
            "" => ROOT.to_owned(),
            path => path.to_owned(),
        };
        let takes = wanted.takes.clone();
        Ok(Node {
            path,
            holds,
            takes,
            names,
        })
    }

    fn holds(&mut self, wanted: &Wanted, scope: Scope) -> Result<Holds, String> {
        let octets = Kind::Scalar(Scalar::U8);
        Ok(match (&wanted.kind, &wanted.list) {
            (Kind::Sequence(element), Some(_)) if **element == octets => {
                let path = &wanted.path;
                return Err(format!("expected a list at `{path}`, got octets in base64"));
            }
            (_, Some(list)) => Holds::List {
                slot: list.slot,
                scope: list.scope,
                element: Box::new(self.node(&list.element, list.scope)?),
            },
            (Kind::Struct(at), None) => {
                let mut fields = Vec::with_capacity(wanted.fields.len());
                for (place, field) in &wanted.fields {
                    let name = self.definition.structs[*at].fields[*place].name.clone();
                    fields.push((name, self.node(field, scope)?));
                }
                Holds::Object(fields)
            }
            (Kind::Sequence(_) | Kind::Array(..), None) => Holds::Octets,
            (Kind::Text | Kind::WideText, None) => Holds::Text,
            (Kind::Scalar(Scalar::Bool), None) => Holds::Truth,
            (Kind::Scalar(_) | Kind::Enum(_), None) => Holds::Number,
        })
    }
}

//! The wanted fields of a message as a tree, for encodings whose fields come by name or number.

use super::definition::Kind;
use super::wants::{Form, MESSAGE, Scope, Wants};

/// A field that is wanted, or that has such fields below it. The tree ends where what is wanted ends, also of structs within
/// themselves.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The path of the field from the message on; empty of the message itself.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// How its value is taken, and into which slots of its row.
    pub(super) takes: Vec<(Form, u16)>,
    /// Its elements, where it is a list that is taken element by element.
    pub(super) list: Option<WantedList>,
    /// Wanted fields of a struct, by their place in it.
    pub(super) fields: Vec<(usize, Wanted)>,
}

/// A list that is wanted element by element.
#[derive(Debug)]
pub(super) struct WantedList {
    pub(super) slot: u16,
    pub(super) scope: Scope,
    pub(super) element: Box<Wanted>,
}

impl Wanted {
    /// What is wanted of the message.
    pub(super) fn of(wants: &Wants<'_>) -> Self {
        Self::of_scope(wants, MESSAGE, String::new())
    }

    fn of_scope(wants: &Wants<'_>, scope: Scope, path: String) -> Self {
        let rows = &wants.scopes[scope.0];
        let mut root = Self::new(path, rows.kind.clone());
        for (place, forms) in &rows.wanted {
            let mut at = &mut root;
            for index in place {
                at = at.below(*index, wants);
            }
            for (form, slot) in forms {
                let Form::List(elements) = form else {
                    at.takes.push((*form, *slot));
                    continue;
                };
                let element = Box::new(Self::of_scope(wants, *elements, at.path.clone()));
                let (slot, scope) = (*slot, *elements);
                at.list = Some(WantedList {
                    slot,
                    scope,
                    element,
                });
            }
        }
        root
    }

    fn new(path: String, kind: Kind) -> Self {
        let (takes, fields) = (Vec::new(), Vec::new());
        Self {
            path,
            kind,
            takes,
            list: None,
            fields,
        }
    }

    /// The field at a place of the struct, or the element of an array.
    fn below(&mut self, index: usize, wants: &Wants<'_>) -> &mut Self {
        let place = self.fields.iter().position(|(place, _)| *place == index);
        let at = place.unwrap_or(self.fields.len());
        if place.is_none() {
            let (name, kind) = match &self.kind {
                Kind::Struct(at) => {
                    let field = &wants.definition.structs[*at].fields[index];
                    (field.name.clone(), field.kind.clone())
                }
                Kind::Array(element, _) => (index.to_string(), element.as_ref().clone()),
                // A place leads through structs and arrays alone.
                kind => (String::new(), kind.clone()),
            };
            let path = match self.path.as_str() {
                "" => name,
                path => format!("{path}.{name}"),
            };
            self.fields.push((index, Self::new(path, kind)));
        }
        &mut self.fields[at].1
    }

    /// Whether each element is a list itself, such as octets.
    pub(super) fn is_list_of_lists(&self) -> bool {
        matches!(&self.kind, Kind::Sequence(element) if matches!(**element, Kind::Sequence(_)))
    }

    /// How many nodes the tree has, as a measure of how large the definition is.
    pub(super) fn size(&self) -> usize {
        let below = self.fields.iter().map(|(_, field)| field.size());
        let elements = self.list.as_ref().map_or(0, |list| list.element.size());
        1 + below.sum::<usize>() + elements
    }
}

//! Messages in JSON, by the JSON schema that a log carries, or by the first message of a topic that has none.

mod program;
mod sample;
mod schema;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use program::Program;

use super::definition::{Definition, Field, Kind, Struct};
use crate::limits::Limits;

/// Reads a JSON schema; none where it names no fields. The error says what is wrong with it.
pub(super) fn of_schema(text: &[u8], limits: &Limits) -> Result<Option<Definition>, String> {
    schema::definition(text, limits).map_err(|fault| fault.to_string())
}

/// The definition of messages such as this one. The error says why it is no message.
pub(super) fn of_message(message: &[u8], limits: &Limits) -> Result<Definition, String> {
    sample::definition(message, limits).map_err(|error| error.to_string())
}

/// A definition in the making.
#[derive(Debug, Default)]
struct Draft {
    definition: Definition,
    /// The struct without fields that stands for what is not known.
    unknown: Option<usize>,
    fields: usize,
}

impl Draft {
    /// Adds a struct whose fields are still to come.
    fn structure(&mut self) -> usize {
        let structs = &mut self.definition.structs;
        structs.push(Struct { fields: Vec::new() });
        structs.len() - 1
    }

    /// Adds a field, unless its name is too long for one; whether it was one too many.
    fn field(&mut self, structure: usize, name: &str, kind: Kind, limits: &Limits) -> bool {
        if name.len() <= limits.name_bytes_max {
            let name = name.to_owned();
            let fields = &mut self.definition.structs[structure].fields;
            fields.push(Field { name, kind });
        }
        self.fields += 1;
        self.fields > limits.definition_steps_max
    }

    /// What a field holds of which nothing is said that can be read: none of it can be wanted.
    fn unknown(&mut self) -> Kind {
        let at = match self.unknown {
            Some(at) => at,
            None => self.structure(),
        };
        self.unknown = Some(at);
        Kind::Struct(at)
    }
}

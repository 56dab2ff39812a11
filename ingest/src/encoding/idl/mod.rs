//! Message definitions in the `ros2idl` form: OMG IDL as `rosidl` writes it, the files of all parts one after another.
//!
//! The parsers for IDL that there are recurse as deep as the text asks for; a log is not trusted so far.
//! See the MCAP registry (`ros2idl`), and for the types DDS-XTypes 1.3, 7.4.1 and `rosidl_adapter`.

mod parse;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;

use super::definition::{Definition, Field, Kind, Scalar, Struct};
use parse::{Declarations, Written, candidates};

/// Bytes of a definition: stops texts that are no definition. The longest of ROS 2 have some ten KiB.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Typedefs of typedefs, and arrays of sequences: stops typedefs that mean themselves.
const DEPTH_MAX: usize = 32;
/// The stamps of ROS 2. Files may leave their definition out.
const STAMPS: [&str; 2] = [
    "builtin_interfaces::msg::Time",
    "builtin_interfaces::msg::Duration",
];

impl Definition {
    /// Reads a definition in the `ros2idl` text form. The error says what is wrong with it, and in which line.
    pub(crate) fn from_ros2idl(name: &str, text: &[u8]) -> Result<Self, String> {
        if text.len() > TEXT_BYTES_MAX {
            let length = text.len();
            return Err(format!(
                "expected at most {TEXT_BYTES_MAX} bytes of definition, got {length}"
            ));
        }
        let text =
            std::str::from_utf8(text).map_err(|_| "the definition is not UTF-8".to_owned())?;
        let found = parse::parse(&tokens::tokens(text)?)?;
        let mut compiler = Compiler {
            found: &found,
            places: BTreeMap::new(),
            queue: Vec::new(),
        };
        let root = root(&found, name)?;
        compiler.place(&root);
        let mut structs = Vec::new();
        while let Some(name) = compiler.queue.get(structs.len()).cloned() {
            structs.push(compiler.structure(&name)?);
        }
        Ok(Self::of_structs(structs))
    }
}

/// The full name of the message: `package/msg/Name`, or `package/Name`.
fn root(found: &Declarations, name: &str) -> Result<String, String> {
    let full = name.replace('/', "::");
    let short = name.split_once('/');
    let long = short.map(|(package, name)| format!("{package}::msg::{name}"));
    let known = std::iter::once(full).chain(long);
    known
        .into_iter()
        .find(|name| found.structs.contains_key(name))
        .ok_or_else(|| format!("the definition of `{name}` is missing"))
}

/// Gives each struct that the message has a place among its definition's, in the order in which they are met.
struct Compiler<'a> {
    found: &'a Declarations,
    places: BTreeMap<String, usize>,
    queue: Vec<String>,
}

impl Compiler<'_> {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.queue.len();
        self.places.insert(name.to_owned(), place);
        self.queue.push(name.to_owned());
        place
    }

    fn structure(&mut self, name: &str) -> Result<Struct, String> {
        let Some(fields) = self.found.structs.get(name) else {
            return Ok(Struct::stamp());
        };
        let fields = fields.iter().map(|(field, written)| {
            Ok(Field {
                name: field.clone(),
                kind: self.kind(written, name, 0)?,
            })
        });
        Ok(Struct {
            fields: fields.collect::<Result<_, String>>()?,
        })
    }

    /// The kind of a type that is written in a scope: that of the struct or typedef `within`.
    fn kind(&mut self, written: &Written, within: &str, depth: usize) -> Result<Kind, String> {
        if depth > DEPTH_MAX {
            return Err(format!("`{within}`: types within types are too deep"));
        }
        Ok(match written {
            Written::Scalar(scalar) => Kind::Scalar(*scalar),
            Written::Text => Kind::Text,
            Written::WideText => Kind::WideText,
            Written::Sequence(element) => {
                Kind::Sequence(Box::new(self.kind(element, within, depth + 1)?))
            }
            Written::Array(element, count) => {
                Kind::Array(Box::new(self.kind(element, within, depth + 1)?), *count)
            }
            Written::Name(name) => return self.named(name, within, depth),
        })
    }

    fn named(&mut self, name: &str, within: &str, depth: usize) -> Result<Kind, String> {
        let found = self.found;
        for full in candidates(within, name) {
            if found.structs.contains_key(&full) || STAMPS.contains(&full.as_str()) {
                return Ok(Kind::Struct(self.place(&full)));
            }
            if let Some(meant) = found.typedefs.get(&full) {
                return self.kind(meant, &full, depth + 1);
            }
            if found.enums.contains(&full) {
                return Ok(Kind::Scalar(Scalar::U32));
            }
        }
        Err(format!("`{within}`: the definition of `{name}` is missing"))
    }
}

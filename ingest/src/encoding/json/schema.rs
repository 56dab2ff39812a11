//! JSON schemas to definitions (<https://json-schema.org>): types, properties, items, references, and numbers with names.
//!
//! What a schema demands of values besides their types is not checked.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Draft;
use crate::encoding::definition::{Definition, Enumeration, Kind, Scalar};
use crate::limits::Limits;

/// References that lead to references at most.
const REFERENCES_MAX: usize = 16;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaFault {
    #[error("expected a JSON schema of at most {max} bytes (json_record_bytes_max), got {actual}")]
    Size { max: usize, actual: usize },
    #[error("expected a JSON schema, got other text: {0}")]
    Json(#[from] serde_json::Error),
    #[error("expected a JSON schema of at most {max} fields (definition_steps_max), got more")]
    Fields { max: usize },
}

/// Reads a schema; none where it names no fields.
pub(super) fn definition(text: &[u8], limits: &Limits) -> Result<Option<Definition>, SchemaFault> {
    let (max, actual) = (limits.json_record_bytes_max, text.len());
    if actual > max {
        return Err(SchemaFault::Size { max, actual });
    }
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let root: Json = serde_json::from_slice(text)?;
    let mut reader = Reader {
        root: &root,
        limits,
        draft: Draft::default(),
        queue: Vec::new(),
        places: BTreeMap::new(),
    };
    let kind = reader.kind(&root, REFERENCES_MAX);
    let mut next = 0;
    while let Some((structure, fields)) = reader.queue.get(next).copied() {
        next += 1;
        for (name, schema) in fields {
            let kind = reader.kind(schema, REFERENCES_MAX);
            if reader.draft.field(structure, name, kind, limits) {
                let max = limits.definition_steps_max;
                return Err(SchemaFault::Fields { max });
            }
        }
    }
    let definition = reader.draft.definition;
    let has_fields = kind == Kind::Struct(0) && !definition.structs[0].fields.is_empty();
    Ok(has_fields.then_some(definition))
}

type Properties = serde_json::Map<String, Json>;

struct Reader<'s> {
    root: &'s Json,
    limits: &'s Limits,
    draft: Draft,
    /// Structs whose fields are still to be read.
    queue: Vec<(usize, &'s Properties)>,
    /// Structs that references lead to.
    places: BTreeMap<&'s str, usize>,
}

impl<'s> Reader<'s> {
    fn kind(&mut self, schema: &'s Json, references_left: usize) -> Kind {
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            return self.referred(reference, references_left);
        }
        let properties = schema.get("properties").and_then(Json::as_object);
        let choices = ["oneOf", "anyOf", "allOf"].map(|key| schema.get(key)?.as_array());
        if let (Some(choices), None) = (choices.into_iter().flatten().next(), properties) {
            return self.chosen(choices, references_left);
        }
        match (type_of(schema), properties) {
            (Some("object") | None, Some(properties)) => {
                let structure = self.draft.structure();
                self.queue.push((structure, properties));
                Kind::Struct(structure)
            }
            (Some("array"), _) => {
                let element = match schema.get("items") {
                    Some(items) => self.kind(items, references_left),
                    None => self.draft.unknown(),
                };
                Kind::Sequence(Box::new(element))
            }
            (Some("string"), _) => {
                let encoding = schema.get("contentEncoding").and_then(Json::as_str);
                if encoding == Some("base64") {
                    Kind::Sequence(Box::new(Kind::Scalar(Scalar::U8)))
                } else {
                    Kind::Text
                }
            }
            (Some("number"), _) => Kind::Scalar(Scalar::F64),
            (Some("integer"), _) => Kind::Scalar(Scalar::I64),
            (Some("boolean"), _) => Kind::Scalar(Scalar::Bool),
            _ => self.draft.unknown(),
        }
    }

    /// What a reference within the schema leads to. A struct that several lead to is one.
    fn referred(&mut self, reference: &'s str, references_left: usize) -> Kind {
        if let Some(at) = self.places.get(reference) {
            return Kind::Struct(*at);
        }
        let schema = reference
            .strip_prefix('#')
            .and_then(|pointer| self.root.pointer(pointer));
        let (Some(schema), Some(left)) = (schema, references_left.checked_sub(1)) else {
            return self.draft.unknown();
        };
        let kind = self.kind(schema, left);
        if let Kind::Struct(at) = kind {
            self.places.insert(reference, at);
        }
        kind
    }

    /// One of several: numbers with names, or the one that is not null.
    fn chosen(&mut self, choices: &'s [Json], references_left: usize) -> Kind {
        let max = self.limits.name_bytes_max;
        let number = |choice: &Json| {
            let number = choice.get("const")?.as_i64()?;
            let name = choice.get("title").and_then(Json::as_str);
            let name = name.filter(|name| name.len() <= max).unwrap_or_default();
            Some((number, name.to_owned()))
        };
        let names: Option<Vec<(i64, String)>> = choices.iter().map(number).collect();
        if let Some(names) = names.filter(|names| !names.is_empty()) {
            let enums = &mut self.draft.definition.enums;
            enums.push(Enumeration { names });
            return Kind::Enum(enums.len() - 1);
        }
        let mut choices = choices
            .iter()
            .filter(|choice| type_of(choice) != Some("null"));
        match (choices.next(), choices.next()) {
            (Some(only), None) => self.kind(only, references_left),
            _ => self.draft.unknown(),
        }
    }
}

/// The type of a schema; of several the one that is not null, where that is one.
fn type_of(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::String(one) => Some(one),
        Json::Array(several) => {
            let names = several.iter().filter_map(Json::as_str);
            let mut others = names.filter(|name| *name != "null");
            let one = others.next()?;
            others.next().is_none().then_some(one)
        }
        _ => None,
    }
}

//! The definition of messages that have no schema, from the first of them.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::Draft;
use crate::encoding::definition::{Definition, Kind, Scalar};
use crate::limits::Limits;

/// Says what the fields of a message are; nothing of their values is kept.
pub(super) fn definition(message: &[u8], limits: &Limits) -> serde_json::Result<Definition> {
    let mut draft = Draft::default();
    let mut json = serde_json::Deserializer::from_slice(message);
    let root = Sample {
        draft: &mut draft,
        limits,
        depth: 0,
    };
    let kind = root.deserialize(&mut json)?;
    json.end()?;
    if kind != Kind::Struct(0) || draft.unknown == Some(0) {
        return Err(serde_json::Error::custom(
            "expected an object for a message, got another value",
        ));
    }
    Ok(draft.definition)
}

/// A value whose kind is asked for.
struct Sample<'d> {
    draft: &'d mut Draft,
    limits: &'d Limits,
    depth: usize,
}

impl Sample<'_> {
    fn below(&mut self) -> Sample<'_> {
        Sample {
            draft: self.draft,
            limits: self.limits,
            depth: self.depth + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Sample<'_> {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Kind, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sample<'_> {
    type Value = Kind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar(Scalar::Bool))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar(Scalar::I64))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar(Scalar::I64))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar(Scalar::F64))
    }

    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Text)
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(self.draft.unknown())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Kind, A::Error> {
        let first = if self.depth < self.limits.depth_max {
            elements.next_element_seed(self.below())?
        } else {
            None
        };
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        let element = match first {
            Some(element) => element,
            None => self.draft.unknown(),
        };
        Ok(Kind::Sequence(Box::new(element)))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Kind, A::Error> {
        if self.depth >= self.limits.depth_max {
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(self.draft.unknown());
        }
        let structure = self.draft.structure();
        while let Some(name) = fields.next_key::<String>()? {
            let kind = fields.next_value_seed(self.below())?;
            if self.draft.field(structure, &name, kind, self.limits) {
                let max = self.limits.definition_steps_max;
                return Err(A::Error::custom(format!(
                    "expected a message of at most {max} fields (definition_steps_max), got more"
                )));
            }
        }
        Ok(Kind::Struct(structure))
    }
}

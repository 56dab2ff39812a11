//! Descriptors to definitions, with what the wire needs besides: the numbers and types of fields.

use std::collections::BTreeMap;

use super::declared::{Declaration, Declared, DescriptorFault, Part, Presence, each};
use super::wire::{Cursor, WireType};
use crate::encoding::definition::{Definition, Enumeration, Field, Kind, Scalar, Struct};
use crate::encoding::fill::Value;
use crate::limits::Limits;

/// The stamps of protobuf. Sets of descriptors may leave them out.
const STAMPS: [&str; 2] = ["google.protobuf.Timestamp", "google.protobuf.Duration"];
/// `FieldDescriptorProto.Label`.
const LABEL_REPEATED: u64 = 3;

/// How the fields of each struct of a definition lie on the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbered {
    pub(super) structs: Vec<Vec<OnWire>>,
}

/// How a field lies on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OnWire {
    pub(super) number: u32,
    pub(super) value: Type,
    pub(super) absent: Absent,
}

/// What a field is that a message leaves out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Absent {
    /// Zero or empty: its type has no other way to say so.
    Zero,
    /// Not there, and told from zero: no number is made up for it.
    Nothing,
    /// What the descriptor says.
    Number(Value),
    Text(String),
}

/// The types of fields, as `FieldDescriptorProto.Type` numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Double,
    Float,
    Int64,
    Uint64,
    Int32,
    Fixed64,
    Fixed32,
    Bool,
    Text,
    Group,
    Message,
    Bytes,
    Uint32,
    Enum,
    Sfixed32,
    Sfixed64,
    Sint32,
    Sint64,
}

/// In the order of their numbers, from 1.
const TYPES: [Type; 18] = [
    Type::Double,
    Type::Float,
    Type::Int64,
    Type::Uint64,
    Type::Int32,
    Type::Fixed64,
    Type::Fixed32,
    Type::Bool,
    Type::Text,
    Type::Group,
    Type::Message,
    Type::Bytes,
    Type::Uint32,
    Type::Enum,
    Type::Sfixed32,
    Type::Sfixed64,
    Type::Sint32,
    Type::Sint64,
];

impl Type {
    fn of(number: u64) -> Option<Self> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        TYPES.get(at).copied()
    }

    /// How one value of it lies on the wire.
    pub(super) fn wire(self) -> WireType {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::Bytes8,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireType::Bytes4,
            Self::Text | Self::Bytes | Self::Message => WireType::Counted,
            Self::Group => WireType::GroupStart,
            _ => WireType::Varint,
        }
    }

    fn scalar(self) -> Option<Scalar> {
        Some(match self {
            Self::Double => Scalar::F64,
            Self::Float => Scalar::F32,
            Self::Int64 | Self::Sint64 | Self::Sfixed64 => Scalar::I64,
            Self::Uint64 | Self::Fixed64 => Scalar::U64,
            Self::Int32 | Self::Sint32 | Self::Sfixed32 => Scalar::I32,
            Self::Uint32 | Self::Fixed32 => Scalar::U32,
            Self::Bool => Scalar::Bool,
            Self::Text | Self::Bytes | Self::Message | Self::Group | Self::Enum => return None,
        })
    }
}

/// Reads the definition of a message type out of a set of descriptors.
pub(super) fn definition(
    name: &str,
    set: &[u8],
    limits: &Limits,
) -> Result<(Definition, Numbered), DescriptorFault> {
    let declared = Declared::of(set, limits)?;
    let name = name.trim_start_matches('.');
    let mut reached = Reached {
        declared: &declared,
        limits,
        structs: BTreeMap::new(),
        queue: Vec::new(),
        enums: BTreeMap::new(),
        definition: Definition::default(),
        numbered: Numbered::default(),
        fields: 0,
    };
    if reached.structure(name).is_none() {
        return Err(DescriptorFault::Missing {
            name: name.to_owned(),
            types: declared.count(),
        });
    }
    let mut next = 0;
    while let Some(message) = reached.queue.get(next).copied() {
        reached.fields_of(message)?;
        next += 1;
    }
    Ok((reached.definition, reached.numbered))
}

/// A message type that the message holds.
#[derive(Debug, Clone, Copy)]
enum Structure<'a> {
    Declared(Cursor<'a>, Presence),
    Stamp,
}

/// The types that a message holds, as far as they were reached.
struct Reached<'a> {
    declared: &'a Declared<'a>,
    limits: &'a Limits,
    /// Places of the structs by full name.
    structs: BTreeMap<String, usize>,
    queue: Vec<Structure<'a>>,
    enums: BTreeMap<String, usize>,
    definition: Definition,
    numbered: Numbered,
    fields: usize,
}

/// A field as its descriptor has it.
#[derive(Debug, Default)]
struct Described<'a> {
    name: &'a str,
    number: u64,
    label: u64,
    value: u64,
    type_name: &'a str,
    default: Option<&'a str>,
    is_in_oneof: bool,
}

impl<'a> Described<'a> {
    fn of(descriptor: Cursor<'a>) -> Result<Self, DescriptorFault> {
        let mut field = Self::default();
        each(descriptor, |number, part: Part<'a>| {
            match number {
                1 => field.name = part.text()?,
                3 => field.number = part.number(),
                4 => field.label = part.number(),
                5 => field.value = part.number(),
                6 => field.type_name = part.text()?.trim_start_matches('.'),
                7 => field.default = Some(part.text()?),
                9 => field.is_in_oneof = true,
                _ => {}
            }
            Ok(())
        })?;
        Ok(field)
    }
}

impl<'a> Reached<'a> {
    /// The place of a message type; none where the set has none of the name.
    fn structure(&mut self, name: &str) -> Option<usize> {
        if let Some(at) = self.structs.get(name) {
            return Some(*at);
        }
        let structure = match self.declared.get(name) {
            Some(Declaration::Message(message, presence)) => Structure::Declared(message, presence),
            None if STAMPS.contains(&name) => Structure::Stamp,
            _ => return None,
        };
        let at = self.queue.len();
        self.queue.push(structure);
        self.structs.insert(name.to_owned(), at);
        Some(at)
    }

    /// Adds the fields of the next message type.
    fn fields_of(&mut self, structure: Structure<'a>) -> Result<(), DescriptorFault> {
        let (mut fields, mut numbered) = (Vec::new(), Vec::new());
        match structure {
            Structure::Stamp => (fields, numbered) = stamp(),
            Structure::Declared(message, presence) => {
                each(message, |number, part| {
                    let (2, Part::Counted(field)) = (number, part) else {
                        return Ok(());
                    };
                    self.fields += 1;
                    let max = self.limits.definition_steps_max;
                    if self.fields > max {
                        return Err(DescriptorFault::TooLarge { max });
                    }
                    // A field whose type is not in the set is left out: it matters where it is wanted.
                    if let Some((field, on_wire)) = self.field(&Described::of(field)?, presence)? {
                        fields.push(field);
                        numbered.push(on_wire);
                    }
                    Ok(())
                })?;
            }
        }
        self.definition.structs.push(Struct { fields });
        self.numbered.structs.push(numbered);
        Ok(())
    }

    fn field(
        &mut self,
        field: &Described<'a>,
        presence: Presence,
    ) -> Result<Option<(Field, OnWire)>, DescriptorFault> {
        let (Some(value), Ok(number)) = (Type::of(field.value), u32::try_from(field.number)) else {
            return Ok(None);
        };
        if field.name.len() > self.limits.name_bytes_max {
            return Ok(None);
        }
        let one = match value {
            Type::Text => Some(Kind::Text),
            Type::Bytes => Some(Kind::Sequence(Box::new(Kind::Scalar(Scalar::U8)))),
            Type::Message | Type::Group => self.structure(field.type_name).map(Kind::Struct),
            Type::Enum => self.enumeration(field.type_name)?.map(Kind::Enum),
            value => value.scalar().map(Kind::Scalar),
        };
        let Some(one) = one else { return Ok(None) };
        let is_explicit = field.is_in_oneof || presence == Presence::Explicit;
        let absent = match field
            .default
            .and_then(|text| self.default(text, value, &one))
        {
            Some(default) => default,
            None if is_explicit => Absent::Nothing,
            None => Absent::Zero,
        };
        let kind = match field.label {
            LABEL_REPEATED => Kind::Sequence(Box::new(one)),
            _ => one,
        };
        let on_wire = OnWire {
            number,
            value,
            absent,
        };
        let name = field.name.to_owned();
        Ok(Some((Field { name, kind }, on_wire)))
    }

    /// What a descriptor of `proto2` says that an absent field is; none of octets, whose text form is another.
    fn default(&self, text: &str, value: Type, kind: &Kind) -> Option<Absent> {
        let number = match value {
            Type::Text => return Some(Absent::Text(text.to_owned())),
            Type::Bytes | Type::Message | Type::Group => return None,
            Type::Double | Type::Float => Value::Float(text.parse().ok()?),
            Type::Bool => Value::Unsigned(u64::from(text == "true")),
            Type::Uint32 | Type::Uint64 | Type::Fixed32 | Type::Fixed64 => {
                Value::Unsigned(text.parse().ok()?)
            }
            Type::Enum => {
                let Kind::Enum(at) = kind else { return None };
                let names = &self.definition.enums[*at].names;
                let (number, _) = names.iter().find(|(_, name)| name == text)?;
                Value::Signed(*number)
            }
            _ => Value::Signed(text.parse().ok()?),
        };
        Some(Absent::Number(number))
    }

    fn enumeration(&mut self, name: &str) -> Result<Option<usize>, DescriptorFault> {
        if let Some(at) = self.enums.get(name) {
            return Ok(Some(*at));
        }
        let Some(Declaration::Enum(numbers)) = self.declared.get(name) else {
            return Ok(None);
        };
        let mut names = Vec::new();
        each(numbers, |number, part| {
            let (2, Part::Counted(value)) = (number, part) else {
                return Ok(());
            };
            self.fields += 1;
            let max = self.limits.definition_steps_max;
            if self.fields > max {
                return Err(DescriptorFault::TooLarge { max });
            }
            let (mut name, mut number) = ("", 0);
            each(value, |field, part| {
                match field {
                    1 => name = part.text()?,
                    2 => number = i64::from(part.number() as u32 as i32),
                    _ => {}
                }
                Ok(())
            })?;
            if name.len() <= self.limits.name_bytes_max {
                names.push((number, name.to_owned()));
            }
            Ok(())
        })?;
        let at = self.definition.enums.len();
        self.definition.enums.push(Enumeration { names });
        self.enums.insert(name.to_owned(), at);
        Ok(Some(at))
    }
}

/// `google.protobuf.Timestamp` and `Duration`.
fn stamp() -> (Vec<Field>, Vec<OnWire>) {
    let fields = [
        ("seconds", 1, Type::Int64, Scalar::I64),
        ("nanos", 2, Type::Int32, Scalar::I32),
    ];
    let field = |(name, number, value, scalar): (&str, u32, Type, Scalar)| {
        let (name, kind) = (name.to_owned(), Kind::Scalar(scalar));
        let absent = Absent::Zero;
        let on_wire = OnWire {
            number,
            value,
            absent,
        };
        (Field { name, kind }, on_wire)
    };
    fields.into_iter().map(field).unzip()
}

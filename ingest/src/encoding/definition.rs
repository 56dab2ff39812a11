//! Message definitions with their parts resolved, whatever text form they came in.

use std::collections::BTreeMap;

use super::ros2msg::{self, Dialect};
use re_ros_msg::MessageSchema;
use re_ros_msg::message_spec::{
    ArraySize, BuiltInType, ComplexType, MessageSpecification, Type, message_package,
};

/// A message definition. Each struct is defined once; the first is the message itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) structs: Vec<Struct>,
    pub(crate) enums: Vec<Enumeration>,
}

/// Whole numbers with names. ROS has none: its constants say not which field they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Enumeration {
    /// In the order of the definition; of several names of a number the first holds.
    pub(crate) names: Vec<(i64, String)>,
}

/// The fields of a struct, in the order of the wire. One without fields takes no bytes; what a text form pads it with
/// is a field of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Struct {
    pub(crate) fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number or truth value.
    Scalar(Scalar),
    /// A text of octets: UTF-8, ended by a zero.
    Text,
    /// A text of 16-bit units.
    WideText,
    /// A whole number with a name: index in [`Definition::enums`].
    Enum(usize),
    /// Index of the struct in [`Definition::structs`].
    Struct(usize),
    /// So many elements, without a count on the wire.
    Array(Box<Kind>, usize),
    /// Elements after their count.
    Sequence(Box<Kind>),
}

/// A value of fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Scalar {
    /// Bytes on the wire, which is also the alignment.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

impl Definition {
    /// A definition without enumerations.
    pub(crate) fn of_structs(structs: Vec<Struct>) -> Self {
        let enums = Vec::new();
        Self { structs, enums }
    }

    /// Reads a definition in the `ros2msg` text form. The error says what is wrong with it.
    pub(crate) fn from_ros2msg(name: &str, text: &[u8]) -> Result<Self, String> {
        Self::from_msg(name, text, Dialect::Ros2)
    }

    /// The same for the `ros1msg` form.
    pub(crate) fn from_ros1msg(name: &str, text: &[u8]) -> Result<Self, String> {
        Self::from_msg(name, text, Dialect::Ros1)
    }

    fn from_msg(name: &str, text: &[u8], dialect: Dialect) -> Result<Self, String> {
        // Comments may be in any encoding.
        let text = ros2msg::plain(&String::from_utf8_lossy(text), dialect);
        let schema = MessageSchema::parse(name, &text).map_err(|error| format!("{error:#}"))?;
        let specs: Vec<&MessageSpecification> = std::iter::once(&schema.spec)
            .chain(&schema.dependencies)
            .collect();
        let mut index = BTreeMap::new();
        for (at, spec) in specs.iter().enumerate() {
            index.entry(short_name(&spec.name)).or_insert(at);
        }
        let mut structs = Vec::with_capacity(specs.len() + 1);
        for spec in &specs {
            structs.push(fields(spec, &index, specs.len(), dialect)?);
        }
        structs.push(Struct::stamp());
        Ok(Self::of_structs(structs))
    }
}

impl Struct {
    /// `builtin_interfaces/Time` and `Duration`. Files may leave their definition out: it is fixed.
    pub(crate) fn stamp() -> Self {
        let field = |name: &str, scalar| Field {
            name: name.to_owned(),
            kind: Kind::Scalar(scalar),
        };
        Self {
            fields: vec![field("sec", Scalar::I32), field("nanosec", Scalar::U32)],
        }
    }
}

/// `std_msgs/msg/Header` and `std_msgs/Header` are the same type.
fn short_name(name: &str) -> String {
    match (name.split_once('/'), name.rsplit_once('/')) {
        (Some((package, _)), Some((_, name))) => format!("{package}/{name}"),
        _ => name.to_owned(),
    }
}

fn fields(
    spec: &MessageSpecification,
    index: &BTreeMap<String, usize>,
    stamp: usize,
    dialect: Dialect,
) -> Result<Struct, String> {
    if spec.fields.is_empty() && dialect == Dialect::Ros2 {
        // A message of constants alone is one octet on the wire.
        let (name, kind) = (String::new(), Kind::Scalar(Scalar::U8));
        return Ok(Struct {
            fields: vec![Field { name, kind }],
        });
    }
    let package = message_package(&spec.name).unwrap_or_default();
    let field = |field: &re_ros_msg::message_spec::Field| {
        Ok(Field {
            name: field.name.clone(),
            kind: kind(&field.ty, package, index, stamp)?,
        })
    };
    let fields = spec.fields.iter().map(field).collect::<Result<_, String>>();
    Ok(Struct { fields: fields? })
}

fn kind(
    ty: &Type,
    package: &str,
    index: &BTreeMap<String, usize>,
    stamp: usize,
) -> Result<Kind, String> {
    let name = match ty {
        Type::BuiltIn(built_in) => return Ok(scalar(built_in)),
        Type::Array { ty, size } => {
            let element = Box::new(kind(ty, package, index, stamp)?);
            return Ok(match size {
                ArraySize::Fixed(count) => Kind::Array(element, *count),
                ArraySize::Bounded(_) | ArraySize::Unbounded => Kind::Sequence(element),
            });
        }
        Type::Complex(ComplexType::Absolute { package, name }) => {
            short_name(&format!("{package}/{name}"))
        }
        Type::Complex(ComplexType::Relative { name }) if name == "Header" => {
            "std_msgs/Header".to_owned()
        }
        Type::Complex(ComplexType::Relative { name }) => format!("{package}/{name}"),
    };
    match index.get(&name) {
        Some(at) => Ok(Kind::Struct(*at)),
        None if name == "builtin_interfaces/Time" || name == "builtin_interfaces/Duration" => {
            Ok(Kind::Struct(stamp))
        }
        None => Err(format!("the definition of `{name}` is missing")),
    }
}

fn scalar(built_in: &BuiltInType) -> Kind {
    Kind::Scalar(match built_in {
        BuiltInType::String(_) => return Kind::Text,
        BuiltInType::WString(_) => return Kind::WideText,
        BuiltInType::Bool => Scalar::Bool,
        BuiltInType::Byte | BuiltInType::Char | BuiltInType::UInt8 => Scalar::U8,
        BuiltInType::Int8 => Scalar::I8,
        BuiltInType::Int16 => Scalar::I16,
        BuiltInType::UInt16 => Scalar::U16,
        BuiltInType::Int32 => Scalar::I32,
        BuiltInType::UInt32 => Scalar::U32,
        BuiltInType::Int64 => Scalar::I64,
        BuiltInType::UInt64 => Scalar::U64,
        BuiltInType::Float32 => Scalar::F32,
        BuiltInType::Float64 => Scalar::F64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_is_named() {
        let error = Definition::from_ros2msg("p/msg/Root", b"q/Other x\n").unwrap_err();
        assert!(error.contains("q/Other"), "{error}");
    }

    #[test]
    fn names_resolve_with_and_without_their_folder() {
        let text = b"std_msgs/Header header\nItem[3] items\nbyte[] data\n\
            ================\nMSG: std_msgs/msg/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
            ================\nMSG: p/Item\nint16 a\nwstring b\n";
        let definition = Definition::from_ros2msg("p/msg/Root", text).unwrap();
        let kinds = |at: usize| -> Vec<Kind> {
            let fields = definition.structs[at].fields.iter();
            fields.map(|field| field.kind.clone()).collect()
        };
        let bytes = Kind::Sequence(Box::new(Kind::Scalar(Scalar::U8)));
        let items = Kind::Array(Box::new(Kind::Struct(2)), 3);
        assert_eq!(kinds(0), [Kind::Struct(1), items, bytes]);
        assert_eq!(kinds(1), [Kind::Struct(3), Kind::Text]);
        assert_eq!(kinds(2), [Kind::Scalar(Scalar::I16), Kind::WideText]);
        assert_eq!(definition.structs[3], Struct::stamp());
    }
}

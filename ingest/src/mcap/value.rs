//! ROS 2 messages by the definition that the file carries: the definition compiled once, and values decoded from CDR with bounds.

use std::collections::BTreeMap;

use re_cdr::{BigEndian, ByteOrder, CdrReader, LittleEndian};
use re_ros_msg::MessageSchema;
use re_ros_msg::message_spec::{
    ArraySize, BuiltInType, ComplexType, MessageSpecification, Type, message_package,
};

use crate::limits::Limits;

/// The encapsulation header before each CDR message.
const ENCAPSULATION_BYTES: usize = 4;

/// A message definition with its parts resolved.
#[derive(Debug)]
pub(super) struct Definition {
    structs: Vec<Vec<Field>>,
}

#[derive(Debug)]
struct Field {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Scalar(BuiltInType),
    /// Index of the struct.
    Struct(usize),
    /// Elements, and how many where that is fixed.
    List(Box<Kind>, Option<usize>),
}

/// A decoded value; texts and bytes borrow from the message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Struct(Vec<(&'a str, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The value at a path of field names, such as `header.stamp.sec`.
    pub(super) fn at(&self, path: &str) -> Option<&Value<'a>> {
        path.split('.').try_fold(self, |value, name| match value {
            Value::Struct(fields) => fields
                .iter()
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value),
            _ => None,
        })
    }

    /// A number, or a truth value as 0 and 1.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            Value::Int(value) => Some(*value as f64),
            Value::Uint(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// A whole number.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            Value::Uint(value) => i64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The number at a path.
    pub(super) fn number_at(&self, path: &str) -> Option<f64> {
        self.at(path)?.number()
    }

    /// The whole number at a path.
    pub(super) fn integer_at(&self, path: &str) -> Option<i64> {
        self.at(path)?.integer()
    }

    /// The text at a path.
    pub(super) fn text_at(&self, path: &str) -> Option<&'a str> {
        match self.at(path)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes at a path.
    pub(super) fn bytes_at(&self, path: &str) -> Option<&'a [u8]> {
        match self.at(path)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The list at a path.
    pub(super) fn list_at(&self, path: &str) -> Option<&[Value<'a>]> {
        match self.at(path)? {
            Value::List(values) => Some(values),
            _ => None,
        }
    }
}

impl Definition {
    /// Compiles a definition in the `ros2msg` text form. The error says what is wrong with it.
    pub(super) fn parse(name: &str, text: &[u8]) -> Result<Self, String> {
        let text =
            std::str::from_utf8(text).map_err(|_| "the definition is not UTF-8".to_owned())?;
        let schema = MessageSchema::parse(name, text).map_err(|error| format!("{error:#}"))?;
        let specs: Vec<&MessageSpecification> = std::iter::once(&schema.spec)
            .chain(&schema.dependencies)
            .collect();
        let mut index = BTreeMap::new();
        for (at, spec) in specs.iter().enumerate() {
            index.entry(short_name(&spec.name)).or_insert(at);
        }
        let mut structs = Vec::with_capacity(specs.len() + 1);
        for spec in &specs {
            structs.push(fields(spec, &index, specs.len())?);
        }
        // Files may leave the definition of stamps out: it is fixed.
        structs.push(vec![
            Field {
                name: "sec".into(),
                kind: Kind::Scalar(BuiltInType::Int32),
            },
            Field {
                name: "nanosec".into(),
                kind: Kind::Scalar(BuiltInType::UInt32),
            },
        ]);
        Ok(Self { structs })
    }

    /// Decodes a message. The error says what was expected, and where.
    pub(super) fn decode<'a>(
        &'a self,
        message: &'a [u8],
        limits: &Limits,
    ) -> Result<Value<'a>, String> {
        let (Some(header), Some(body)) = (
            message.get(..ENCAPSULATION_BYTES),
            message.get(ENCAPSULATION_BYTES..),
        ) else {
            return Err(format!(
                "expected {ENCAPSULATION_BYTES} bytes of encapsulation, got {}",
                message.len()
            ));
        };
        match [header[0], header[1]] {
            [0, 0] => self.root::<BigEndian>(body, limits),
            [0, 1] => self.root::<LittleEndian>(body, limits),
            other => Err(format!(
                "expected the encapsulation CDR (0x0000 or 0x0001), got 0x{}",
                hex::encode(other)
            )),
        }
    }

    fn root<'a, B: ByteOrder>(
        &'a self,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Value<'a>, String> {
        let reader = CdrReader::<B>::new(body);
        let mut decoder = Decoder {
            definition: self,
            reader,
            values_left: limits.message_values_max,
            depth_left: limits.depth_max,
        };
        decoder.structure(0).map_err(|what| {
            format!(
                "at byte {}: {what}",
                decoder.reader.position() + ENCAPSULATION_BYTES
            )
        })
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
) -> Result<Vec<Field>, String> {
    if spec.fields.is_empty() {
        // A message of constants alone is one octet on the wire.
        return Ok(vec![Field {
            name: String::new(),
            kind: Kind::Scalar(BuiltInType::UInt8),
        }]);
    }
    let package = message_package(&spec.name).unwrap_or_default();
    spec.fields
        .iter()
        .map(|field| {
            Ok(Field {
                name: field.name.clone(),
                kind: kind(&field.ty, package, index, stamp)?,
            })
        })
        .collect()
}

fn kind(
    ty: &Type,
    package: &str,
    index: &BTreeMap<String, usize>,
    stamp: usize,
) -> Result<Kind, String> {
    let name = match ty {
        Type::BuiltIn(scalar) => return Ok(Kind::Scalar(scalar.clone())),
        Type::Array { ty, size } => {
            let count = if let ArraySize::Fixed(count) = size {
                Some(*count)
            } else {
                None
            };
            return Ok(Kind::List(
                Box::new(kind(ty, package, index, stamp)?),
                count,
            ));
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

struct Decoder<'a, B> {
    definition: &'a Definition,
    reader: CdrReader<'a, B>,
    values_left: usize,
    depth_left: usize,
}

impl<'a, B: ByteOrder> Decoder<'a, B> {
    fn structure(&mut self, at: usize) -> Result<Value<'a>, String> {
        self.depth_left = self
            .depth_left
            .checked_sub(1)
            .ok_or("messages within messages are too deep")?;
        let definition = self.definition;
        let fields = definition.structs[at].iter();
        let values = fields
            .map(|field| Ok((field.name.as_str(), self.value(&field.kind)?)))
            .collect::<Result<_, String>>();
        self.depth_left += 1;
        Ok(Value::Struct(values?))
    }

    fn value(&mut self, kind: &'a Kind) -> Result<Value<'a>, String> {
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or("the message has too many values")?;
        match kind {
            Kind::Scalar(scalar) => self.scalar(scalar).map_err(|error| error.to_string()),
            Kind::Struct(at) => self.structure(*at),
            Kind::List(element, count) => self.list(element, *count),
        }
    }

    fn list(&mut self, element: &'a Kind, count: Option<usize>) -> Result<Value<'a>, String> {
        let count = match count {
            Some(count) => count,
            None => self.reader.read_u32().map_err(|error| error.to_string())? as usize,
        };
        // Every element takes a byte at least.
        if count > self.reader.remaining() {
            return Err(format!(
                "expected {count} elements, got {} bytes",
                self.reader.remaining()
            ));
        }
        if let Kind::Scalar(BuiltInType::UInt8 | BuiltInType::Byte | BuiltInType::Char) = element {
            return Ok(Value::Bytes(
                self.reader
                    .read_bytes(count)
                    .map_err(|error| error.to_string())?,
            ));
        }
        // The list grows as it is read, so that an invented length reserves no memory.
        let mut values = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            values.push(self.value(element)?);
        }
        Ok(Value::List(values))
    }

    fn scalar(&mut self, scalar: &BuiltInType) -> re_cdr::Result<Value<'a>> {
        let reader = &mut self.reader;
        Ok(match scalar {
            BuiltInType::Bool => Value::Bool(reader.read_bool()?),
            BuiltInType::Byte | BuiltInType::Char | BuiltInType::UInt8 => {
                Value::Uint(reader.read_u8()?.into())
            }
            BuiltInType::Int8 => Value::Int(reader.read_i8()?.into()),
            BuiltInType::Int16 => Value::Int(reader.read_i16()?.into()),
            BuiltInType::UInt16 => Value::Uint(reader.read_u16()?.into()),
            BuiltInType::Int32 => Value::Int(reader.read_i32()?.into()),
            BuiltInType::UInt32 => Value::Uint(reader.read_u32()?.into()),
            BuiltInType::Int64 => Value::Int(reader.read_i64()?),
            BuiltInType::UInt64 => Value::Uint(reader.read_u64()?),
            BuiltInType::Float32 => Value::Float(reader.read_f32()?.into()),
            BuiltInType::Float64 => Value::Float(reader.read_f64()?),
            BuiltInType::String(_) => Value::Text(reader.read_str()?),
            BuiltInType::WString(_) => {
                return Err(re_cdr::Error::Custom(
                    "wide strings are not supported".to_owned(),
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use re_cdr::CdrWriter;

    const TEXT: &str = "std_msgs/Header header\nItem[] items\nuint8[] data\nfloat64[3] xyz\n\
        ================\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
        ================\nMSG: my_msgs/Item\nint16 a\nbool b\n";

    fn message() -> Vec<u8> {
        let mut body = Vec::new();
        let mut w = CdrWriter::<LittleEndian>::new(&mut body);
        w.write_i32(12);
        w.write_u32(34);
        w.write_string("map");
        w.write_sequence_length(2);
        for (a, b) in [(-5, true), (7, false)] {
            w.write_i16(a);
            w.write_bool(b);
        }
        w.write_bytes(&[1, 2, 3]);
        for x in [0.5, 1.5, 2.5] {
            w.write_f64(x);
        }
        [&[0, 1, 0, 0], body.as_slice()].concat()
    }

    #[test]
    fn a_message_is_decoded_by_its_definition() {
        let definition = Definition::parse("my_msgs/msg/Thing", TEXT.as_bytes()).unwrap();
        let message = message();
        let value = definition.decode(&message, &Limits::default()).unwrap();
        assert_eq!(value.integer_at("header.stamp.sec"), Some(12));
        assert_eq!(value.text_at("header.frame_id"), Some("map"));
        assert_eq!(value.list_at("items").unwrap()[0].integer_at("a"), Some(-5));
        assert_eq!(value.bytes_at("data"), Some([1, 2, 3].as_slice()));
        assert_eq!(value.list_at("xyz").unwrap()[2].number(), Some(2.5));
        assert_eq!(value.at("header.nothing"), None);
    }

    #[test]
    fn a_message_cut_anywhere_is_an_error_and_no_panic() {
        let definition = Definition::parse("my_msgs/msg/Thing", TEXT.as_bytes()).unwrap();
        let message = message();
        for length in 0..message.len() {
            assert!(
                definition
                    .decode(&message[..length], &Limits::default())
                    .is_err(),
                "{length}"
            );
        }
        for at in 0..message.len() {
            let mut flipped = message.clone();
            flipped[at] ^= 0xff;
            let _ = definition.decode(&flipped, &Limits::default());
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let text = "A a\n================\nMSG: p/A\nA a\n";
        let definition = Definition::parse("p/msg/Root", text.as_bytes()).unwrap();
        assert!(
            definition
                .decode(&[0, 1, 0, 0], &Limits::default())
                .unwrap_err()
                .contains("too deep")
        );
        let definition = Definition::parse("p/msg/Root", b"float64[] x\n").unwrap();
        let hostile = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert!(definition.decode(&hostile, &Limits::default()).is_err());
        let few = Limits {
            message_values_max: 2,
            ..Limits::default()
        };
        let message = [&[0, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], [0; 24].as_slice()].concat();
        assert!(
            definition
                .decode(&message, &few)
                .unwrap_err()
                .contains("too many")
        );
    }

    #[test]
    fn a_missing_part_is_named() {
        let error = Definition::parse("p/msg/Root", b"q/Other x\n").unwrap_err();
        assert!(error.contains("q/Other"), "{error}");
    }
}

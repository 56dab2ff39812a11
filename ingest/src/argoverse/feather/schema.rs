//! The columns of a file: what type each has, and how many buffers of a batch are its own.

use arrow::datatypes::{DataType, TimeUnit};
use arrow::ipc::{self, MetadataVersion, Precision, Type};

use super::fault::{Budget, Fault, Place};
use crate::limits::Limits;

/// A column of the file.
pub(super) struct Column {
    /// Empty for a column that nobody wants.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The field and, behind it, the fields within it; each has a node in every batch.
    pub(super) fields: Vec<Buffers>,
}

/// The buffers of one field in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buffers {
    Fixed(usize),
    /// Validity, views, and as many more as the batch says.
    Views,
}

/// How the values of a column are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Plain(DataType),
    /// Keys into the values of a dictionary.
    Dictionary {
        id: i64,
        keys: DataType,
        values: DataType,
    },
    /// A type that is not read, such as a list.
    Other(&'static str),
}

/// The columns of a schema, those that are `wanted` with their names.
pub(super) fn columns(
    schema: &ipc::Schema<'_>,
    version: MetadataVersion,
    wanted: &[&str],
    limits: &Limits,
) -> Result<Vec<Column>, Fault> {
    let mut walk = Walk {
        version,
        depth_max: limits.depth_max,
        fields: Budget::new("table_columns_max", limits.table_columns_max as u64),
    };
    let mut columns = Vec::new();
    for field in schema.fields().into_iter().flatten() {
        let mut fields = Vec::new();
        walk.field(field, 0, &mut fields)?;
        let name = field.name().unwrap_or_default();
        let is_wanted = wanted.contains(&name);
        columns.push(Column {
            name: if is_wanted { name } else { "" }.to_owned(),
            kind: kind(field),
            fields,
        });
    }
    Ok(columns)
}

struct Walk {
    version: MetadataVersion,
    depth_max: usize,
    fields: Budget,
}

impl Walk {
    fn field(
        &mut self,
        field: ipc::Field<'_>,
        depth: usize,
        fields: &mut Vec<Buffers>,
    ) -> Result<(), Fault> {
        self.fields.take(1)?;
        if depth > self.depth_max {
            return Err(Fault::Limit {
                limit: "depth_max",
                max: self.depth_max as u64,
                actual: depth as u64,
            });
        }
        if field.dictionary().is_some() {
            fields.push(Buffers::Fixed(2));
            return Ok(());
        }
        fields.push(self.buffers(field)?);
        for child in field.children().into_iter().flatten() {
            self.field(child, depth + 1, fields)?;
        }
        Ok(())
    }

    /// The buffers of the field itself, as the format lists them for each type.
    fn buffers(&self, field: ipc::Field<'_>) -> Result<Buffers, Fault> {
        Ok(Buffers::Fixed(match field.type_type() {
            Type::Null | Type::RunEndEncoded => 0,
            Type::Struct_ | Type::FixedSizeList => 1,
            Type::Utf8View | Type::BinaryView => return Ok(Buffers::Views),
            Type::Utf8
            | Type::LargeUtf8
            | Type::Binary
            | Type::LargeBinary
            | Type::ListView
            | Type::LargeListView => 3,
            Type::Union => {
                let is_dense = field
                    .type_as_union()
                    .is_some_and(|union| union.mode() == ipc::UnionMode::Dense);
                let has_validity = self.version < MetadataVersion::V5;
                1 + usize::from(is_dense) + usize::from(has_validity)
            }
            Type::Int
            | Type::FloatingPoint
            | Type::Bool
            | Type::Decimal
            | Type::Date
            | Type::Time
            | Type::Timestamp
            | Type::Interval
            | Type::Duration
            | Type::List
            | Type::LargeList
            | Type::Map
            | Type::FixedSizeBinary => 2,
            other => {
                let actual = format!("type {}", other.0);
                return Err(Fault::damaged(
                    Place::Footer,
                    "columns of known types",
                    actual,
                ));
            }
        }))
    }
}

fn kind(field: ipc::Field<'_>) -> Kind {
    let Some(values) = plain_type(field) else {
        return Kind::Other(field.type_type().variant_name().unwrap_or("unknown"));
    };
    let Some(dictionary) = field.dictionary() else {
        return Kind::Plain(values);
    };
    // Without an index type, the format says, the keys are 32-bit.
    let keys = dictionary
        .indexType()
        .map_or(Some(DataType::Int32), integer);
    match keys {
        Some(keys) => Kind::Dictionary {
            id: dictionary.id(),
            keys,
            values,
        },
        None => Kind::Other("Dictionary"),
    }
}

/// The type of a column that is not nested.
fn plain_type(field: ipc::Field<'_>) -> Option<DataType> {
    Some(match field.type_type() {
        Type::Null => DataType::Null,
        Type::Bool => DataType::Boolean,
        Type::Int => integer(field.type_as_int()?)?,
        Type::FloatingPoint => match field.type_as_floating_point()?.precision() {
            Precision::HALF => DataType::Float16,
            Precision::SINGLE => DataType::Float32,
            Precision::DOUBLE => DataType::Float64,
            _ => return None,
        },
        Type::Utf8 => DataType::Utf8,
        Type::LargeUtf8 => DataType::LargeUtf8,
        Type::Utf8View => DataType::Utf8View,
        Type::Timestamp => DataType::Timestamp(time_unit(field.type_as_timestamp()?.unit())?, None),
        Type::Decimal => decimal(field.type_as_decimal()?)?,
        Type::FixedSizeBinary => {
            let width = field.type_as_fixed_size_binary()?.byteWidth();
            (width == super::UUID_BYTES).then_some(DataType::FixedSizeBinary(width))?
        }
        _ => return None,
    })
}

fn integer(integer: ipc::Int<'_>) -> Option<DataType> {
    Some(match (integer.bitWidth(), integer.is_signed()) {
        (8, true) => DataType::Int8,
        (8, false) => DataType::UInt8,
        (16, true) => DataType::Int16,
        (16, false) => DataType::UInt16,
        (32, true) => DataType::Int32,
        (32, false) => DataType::UInt32,
        (64, true) => DataType::Int64,
        (64, false) => DataType::UInt64,
        _ => return None,
    })
}

fn time_unit(unit: ipc::TimeUnit) -> Option<TimeUnit> {
    Some(match unit {
        ipc::TimeUnit::SECOND => TimeUnit::Second,
        ipc::TimeUnit::MILLISECOND => TimeUnit::Millisecond,
        ipc::TimeUnit::MICROSECOND => TimeUnit::Microsecond,
        ipc::TimeUnit::NANOSECOND => TimeUnit::Nanosecond,
        _ => return None,
    })
}

/// A decimal of 128 bits whose digits are as many as that holds.
fn decimal(decimal: ipc::Decimal<'_>) -> Option<DataType> {
    let precision = u8::try_from(decimal.precision()).ok()?;
    let scale = i8::try_from(decimal.scale()).ok()?;
    let is_sound = decimal.bitWidth() == 128
        && (1..=38).contains(&precision)
        && scale.unsigned_abs() <= precision;
    is_sound.then_some(DataType::Decimal128(precision, scale))
}

//! Columns: their specification, and how a Rust value becomes one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array,
    Int32Array, Int64Array, LargeStringArray, ListArray, StringArray, builder,
};
use arrow::datatypes::{
    DataType, Date32Type, Field, Float32Type, Float64Type, Int32Type, Int64Type,
};

use crate::time::Day;

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct ColumnSpec {
    /// Name, with unit where it has one.
    pub name: &'static str,
    /// Unit and frame, or `-`.
    pub unit: &'static str,
    /// What it means; an empty value and its meaning included.
    pub doc: &'static str,
    /// Arrow type.
    pub data_type: fn() -> DataType,
    /// Whether the value may be unknown.
    pub nullable: bool,
}

impl ColumnSpec {
    /// The Arrow field of the column.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::new(self.name, (self.data_type)(), self.nullable)
    }
}

/// A Rust type that can be the value of a column.
pub trait ColumnValue: Sized {
    /// Whether the column may hold nulls.
    const NULLABLE: bool;
    /// Arrow type of the column.
    fn data_type() -> DataType;
    /// Builds the column.
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a;
    /// Reads a column of exactly [`ColumnValue::data_type`]; `None` for a null where none may be, or for another type.
    fn read(array: &dyn Array) -> Option<Vec<Self>>;
    /// Whether the value may be stored; see [`ColumnValue::EXPECTED`].
    fn is_valid(&self) -> bool {
        true
    }
    /// What [`ColumnValue::is_valid`] asks, for an error message.
    const EXPECTED: &'static str = "a value";
}

macro_rules! primitive {
    ($ty:ty, $arrow:ty, $array:ty, $dt:expr, $valid:expr, $expected:literal) => {
        impl ColumnValue for $ty {
            const NULLABLE: bool = false;
            const EXPECTED: &'static str = $expected;
            fn data_type() -> DataType {
                $dt
            }
            fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                Arc::new(<$array>::from_iter_values(values.copied()))
            }
            fn read(array: &dyn Array) -> Option<Vec<Self>> {
                let array = array.as_primitive_opt::<$arrow>()?;
                (array.null_count() == 0).then(|| array.values().to_vec())
            }
            fn is_valid(&self) -> bool {
                ($valid)(self)
            }
        }
        impl ColumnValue for Option<$ty> {
            const NULLABLE: bool = true;
            const EXPECTED: &'static str = $expected;
            fn data_type() -> DataType {
                $dt
            }
            fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                Arc::new(values.copied().collect::<$array>())
            }
            fn read(array: &dyn Array) -> Option<Vec<Self>> {
                Some(array.as_primitive_opt::<$arrow>()?.iter().collect())
            }
            fn is_valid(&self) -> bool {
                self.as_ref().is_none_or($valid)
            }
        }
    };
}

primitive!(
    i64,
    Int64Type,
    Int64Array,
    DataType::Int64,
    |_: &i64| true,
    "an integer"
);
primitive!(
    i32,
    Int32Type,
    Int32Array,
    DataType::Int32,
    |_: &i32| true,
    "an integer"
);
primitive!(
    f64,
    Float64Type,
    Float64Array,
    DataType::Float64,
    |v: &f64| v.is_finite(),
    "a finite number (null where it is unknown)"
);
primitive!(
    f32,
    Float32Type,
    Float32Array,
    DataType::Float32,
    |v: &f32| v.is_finite(),
    "a finite number (null where it is unknown)"
);

impl ColumnValue for Day {
    const NULLABLE: bool = false;
    fn data_type() -> DataType {
        DataType::Date32
    }
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(values.map(|day| day.0)))
    }
    fn read(array: &dyn Array) -> Option<Vec<Self>> {
        let array = array.as_primitive_opt::<Date32Type>()?;
        (array.null_count() == 0).then(|| array.values().iter().copied().map(Day).collect())
    }
}

impl ColumnValue for bool {
    const NULLABLE: bool = false;
    fn data_type() -> DataType {
        DataType::Boolean
    }
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(values.map(|v| Some(*v)).collect::<BooleanArray>())
    }
    fn read(array: &dyn Array) -> Option<Vec<Self>> {
        array.as_boolean_opt()?.iter().collect()
    }
}

impl ColumnValue for Option<bool> {
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        DataType::Boolean
    }
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(values.copied().collect::<BooleanArray>())
    }
    fn read(array: &dyn Array) -> Option<Vec<Self>> {
        Some(array.as_boolean_opt()?.iter().collect())
    }
}

impl ColumnValue for String {
    const NULLABLE: bool = false;
    const EXPECTED: &'static str = "a text";
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }
    fn read(array: &dyn Array) -> Option<Vec<Self>> {
        texts(array)?.into_iter().collect()
    }
}

impl ColumnValue for Option<String> {
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(values.map(Option::as_deref).collect::<StringArray>())
    }
    fn read(array: &dyn Array) -> Option<Vec<Self>> {
        texts(array)
    }
}

impl ColumnValue for Vec<u8> {
    const NULLABLE: bool = false;
    const EXPECTED: &'static str = "bytes";
    fn data_type() -> DataType {
        DataType::Binary
    }
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(BinaryArray::from_iter_values(values))
    }
    fn read(array: &dyn Array) -> Option<Vec<Self>> {
        let array = array.as_binary_opt::<i32>()?;
        array.iter().map(|v| v.map(<[u8]>::to_vec)).collect()
    }
}

fn texts(array: &dyn Array) -> Option<Vec<Option<String>>> {
    if let Some(array) = array.as_string_opt::<i32>() {
        return Some(array.iter().map(|v| v.map(str::to_owned)).collect());
    }
    let array = array.as_any().downcast_ref::<LargeStringArray>()?;
    Some(array.iter().map(|v| v.map(str::to_owned)).collect())
}

/// Element name that Parquet and Delta use in lists.
const ELEMENT: &str = "element";

macro_rules! list {
    ($ty:ty, $builder:expr, $dt:expr, $valid:expr) => {
        impl ColumnValue for Vec<$ty> {
            const NULLABLE: bool = false;
            const EXPECTED: &'static str = "a list of finite values";
            fn data_type() -> DataType {
                DataType::List(Arc::new(Field::new(ELEMENT, $dt, false)))
            }
            fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                let field = Field::new(ELEMENT, $dt, false);
                let mut list = builder::ListBuilder::new($builder).with_field(field);
                for value in values {
                    for element in value {
                        list.values().append_value(element.to_owned());
                    }
                    list.append(true);
                }
                Arc::new(list.finish())
            }
            fn read(array: &dyn Array) -> Option<Vec<Self>> {
                let lists = array.as_any().downcast_ref::<ListArray>()?;
                (0..lists.len())
                    .map(|row| <$ty>::read(&lists.value(row)))
                    .collect()
            }
            fn is_valid(&self) -> bool {
                self.iter().all($valid)
            }
        }
    };
}

list!(
    f32,
    builder::Float32Builder::new(),
    DataType::Float32,
    |v: &f32| v.is_finite()
);
list!(
    f64,
    builder::Float64Builder::new(),
    DataType::Float64,
    |v: &f64| v.is_finite()
);
list!(
    String,
    builder::StringBuilder::new(),
    DataType::Utf8,
    |_: &String| true
);

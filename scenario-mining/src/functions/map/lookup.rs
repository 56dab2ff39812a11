//! The functions that look places up in a map's value.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Float64Array, StringArray,
};
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::areas::Areas;
use super::lanes::Lanes;
use super::value::Kind;
use crate::functions::FunctionDoc;
use crate::path::{place_type, places};

/// Maps that a batch of rows holds at once: rows of many drives in turn cannot take the memory for all of their maps.
const HELD_MAX: usize = 64;

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Question {
    LaneAt,
    LanePlace,
    LaneRelation,
    InIntersection,
    InCrossing,
    InDrivableArea,
}

/// A function that takes a map's value first.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Lookup {
    question: Question,
    name: &'static str,
    signature: Signature,
}

impl Lookup {
    /// The function with the name and arguments of its documentation.
    pub(super) fn new(question: Question, doc: &FunctionDoc) -> Result<Self> {
        let types = doc.arguments.iter().map(|argument| match *argument {
            "lanes" | "areas" => DataType::BinaryView,
            "lane_id" | "other_lane_id" => DataType::Utf8,
            _ => DataType::Float64,
        });
        let signature = Signature::exact(types.collect(), Volatility::Immutable)
            .with_parameter_names(doc.arguments.to_vec())?;
        Ok(Self {
            question,
            name: doc.name,
            signature,
        })
    }
}

impl ScalarUDFImpl for Lookup {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.question {
            Question::LaneAt | Question::LaneRelation => DataType::Utf8,
            Question::LanePlace => place_type(),
            Question::InIntersection | Question::InCrossing | Question::InDrivableArea => {
                DataType::Boolean
            }
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arguments: Vec<ArrayRef> = (args.args.iter())
            .map(|argument| argument.to_array(rows))
            .collect::<Result<_>>()?;
        let answer = match self.question {
            Question::LaneAt => lane_at(&arguments),
            Question::LanePlace => lane_place(&arguments),
            Question::LaneRelation => lane_relation(&arguments),
            Question::InIntersection => in_intersection(&arguments),
            Question::InCrossing => in_area(&arguments, "pedestrian_crossing"),
            Question::InDrivableArea => in_area(&arguments, "drivable"),
        };
        Ok(ColumnarValue::Array(answer?))
    }
}

fn lane_at(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [x, y, yaw] = [1, 2, 3].map(|index| numbers(&arguments[index]));
    let names = each(Kind::Lanes, &arguments[0], Lanes::new, |lanes, row| {
        let name = lanes.at(number(x, row)?, number(y, row)?, number(yaw, row));
        name.map(str::to_owned)
    });
    Ok(Arc::new(StringArray::from(names?)))
}

fn lane_place(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let names = arguments[1].as_string::<i32>();
    let [x, y] = [2, 3].map(|index| numbers(&arguments[index]));
    let found = each(Kind::Lanes, &arguments[0], Lanes::new, |lanes, row| {
        let name = names.is_valid(row).then(|| names.value(row))?;
        lanes.place(name, number(x, row)?, number(y, row)?)
    });
    Ok(Arc::new(places(&found?)?))
}

fn lane_relation(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [from, to] = [1, 2].map(|index| arguments[index].as_string::<i32>());
    let words = each(Kind::Lanes, &arguments[0], Lanes::new, |lanes, row| {
        let is_told = from.is_valid(row) && to.is_valid(row);
        is_told.then(|| lanes.relation(from.value(row), to.value(row)))?
    });
    Ok(Arc::new(StringArray::from(words?)))
}

fn in_intersection(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [x, y] = [1, 2].map(|index| numbers(&arguments[index]));
    let answers = each(Kind::Lanes, &arguments[0], Lanes::new, |lanes, row| {
        lanes.in_intersection(number(x, row)?, number(y, row)?)
    });
    Ok(Arc::new(BooleanArray::from(answers?)))
}

fn in_area(arguments: &[ArrayRef], kind: &str) -> Result<ArrayRef> {
    let [x, y] = [1, 2].map(|index| numbers(&arguments[index]));
    let answers = each(Kind::Areas, &arguments[0], Areas::new, |areas, row| {
        Some(areas.contains(kind, number(x, row)?, number(y, row)?))
    });
    Ok(Arc::new(BooleanArray::from(answers?)))
}

fn numbers(column: &ArrayRef) -> &Float64Array {
    column.as_primitive::<Float64Type>()
}

fn number(column: &Float64Array, row: usize) -> Option<f64> {
    let value = column.is_valid(row).then(|| column.value(row));
    value.filter(|value| value.is_finite())
}

/// The answer of each row's map; none where the row has no map. Rows mostly come drive by drive and share the bytes of their
/// map, which are read once.
fn each<M, T>(
    kind: Kind,
    values: &ArrayRef,
    map_of: fn(&RecordBatch) -> M,
    answer: impl Fn(&M, usize) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let values: &BinaryViewArray = values.as_binary_view();
    let mut held: Vec<(&[u8], M)> = Vec::new();
    let mut current = 0;
    let mut answers = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        if values.is_null(row) {
            answers.push(None);
            continue;
        }
        let bytes = values.value(row);
        let is_it = |held: &(&[u8], M)| std::ptr::eq(held.0, bytes);
        if !held.get(current).is_some_and(is_it) {
            current = if let Some(position) = held.iter().position(is_it) {
                position
            } else {
                if held.len() == HELD_MAX {
                    held.clear();
                }
                held.push((bytes, map_of(&kind.read(bytes)?)));
                held.len() - 1
            };
        }
        answers.push(answer(&held[current].1, row));
    }
    Ok(answers)
}

//! Small results as record batches, so that they are written like the results of a query.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Int(i64),
    Float(f64),
    Text(String),
    Empty,
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        Self::Int(value as i64)
    }
}
impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// A table that is filled row by row. The first value of a column decides its type.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    columns: Vec<(&'static str, Vec<Cell>)>,
}

impl Sheet {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.iter().map(|name| (*name, Vec::new())).collect(),
        }
    }

    /// Adds a row, a cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        assert_eq!(N, self.columns.len());
        for ((_, column), cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
    }

    /// The table as a batch.
    pub(crate) fn into_batch(self) -> Result<RecordBatch> {
        let (fields, arrays): (Vec<_>, Vec<_>) = self
            .columns
            .iter()
            .map(|(name, cells)| {
                let array = column(cells);
                (Field::new(*name, array.data_type().clone(), true), array)
            })
            .unzip();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }
}

fn column(cells: &[Cell]) -> ArrayRef {
    let any = |is: fn(&Cell) -> bool| cells.iter().any(is);
    if any(|cell| matches!(cell, Cell::Text(_))) {
        return Arc::new(cells.iter().map(text).collect::<StringArray>());
    }
    if any(|cell| matches!(cell, Cell::Float(_))) {
        let number = |cell: &Cell| match cell {
            Cell::Float(value) => Some(*value),
            Cell::Int(value) => Some(*value as f64),
            Cell::Text(_) | Cell::Empty => None,
        };
        return Arc::new(cells.iter().map(number).collect::<Float64Array>());
    }
    if any(|cell| matches!(cell, Cell::Int(_))) {
        let number = |cell: &Cell| {
            if let Cell::Int(value) = cell {
                Some(*value)
            } else {
                None
            }
        };
        return Arc::new(cells.iter().map(number).collect::<Int64Array>());
    }
    Arc::new(cells.iter().map(|_| None::<&str>).collect::<StringArray>())
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(value) => Some(value.clone()),
        Cell::Int(value) => Some(value.to_string()),
        Cell::Float(value) => Some(value.to_string()),
        Cell::Empty => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_take_the_widest_type_of_their_cells() {
        let mut sheet = Sheet::new(&["name", "value", "count", "none"]);
        sheet.row(["a".into(), 1_i64.into(), 1_i64.into(), Cell::Empty]);
        sheet.row(["b".into(), 2.5.into(), Cell::Empty, Cell::Empty]);
        let types: Vec<_> = sheet
            .into_batch()
            .unwrap()
            .columns()
            .iter()
            .map(|column| column.data_type().to_string())
            .collect();
        assert_eq!(types, ["Utf8", "Float64", "Int64", "Utf8"]);
    }
}

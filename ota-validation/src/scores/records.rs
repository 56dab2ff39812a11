//! The rows of a score file as cells of text: CSV, or Parquet where the file begins with its mark.

use arrow::array::Array;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::ScoreFile;
use super::format::{Content, content};
use crate::error::{Error, Result};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8_192;

/// Bounds of a score file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Rows: a few bytes of Parquet can stand for any number.
    pub(crate) rows_max: u64,
    /// Columns: each is looked at for every row.
    pub(crate) columns_max: usize,
    /// Bytes of all cells: a long text that a dictionary holds once is copied for every row.
    pub(crate) cell_bytes_max: u64,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        rows_max: 10_000_000,
        columns_max: 1_024,
        cell_bytes_max: 2 << 30,
    };
}

/// A score file as text.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Record>,
    /// Rows of which every cell is empty.
    pub(crate) blank_rows: u64,
}

/// A row as it stands in the file.
#[derive(Debug)]
pub(crate) struct Record {
    /// Where it stands, as a person looks for it: `line 3` of CSV, `row 2` of Parquet.
    pub(crate) place: Place,
    pub(crate) cells: csv::StringRecord,
}

impl Record {
    /// The key of the scene.
    pub(crate) fn key(&self, key_at: usize) -> &str {
        self.cells.get(key_at).unwrap_or_default().trim()
    }
}

/// A position, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Line(u64),
    Row(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(out, "line {line}"),
            Self::Row(row) => write!(out, "row {row}"),
        }
    }
}

/// Reads the rows. Those without any value, as spreadsheets leave them, are none.
pub(crate) fn read(file: ScoreFile<'_>, limits: Limits) -> Result<Records> {
    let Content::Csv(text) = content(file)? else {
        return read_parquet(file, limits);
    };
    let columns = csv_columns(file, text)?;
    refuse_beyond(
        file,
        "columns",
        columns.len() as u64,
        limits.columns_max as u64,
    )?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut blank_rows = 0;
    for cells in reader.records() {
        let cells = cells.map_err(|source| unreadable_csv(file, source))?;
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            blank_rows += 1;
            continue;
        }
        let place = Place::Line(cells.position().map_or(0, csv::Position::line));
        rows.push(Record { place, cells });
        refuse_beyond(file, "rows", rows.len() as u64, limits.rows_max)?;
    }
    Ok(Records {
        columns,
        rows,
        blank_rows,
    })
}

/// The names of the columns.
pub(crate) fn columns(file: ScoreFile<'_>) -> Result<Vec<String>> {
    match content(file)? {
        Content::Csv(text) => csv_columns(file, text),
        Content::Parquet => {
            let fields = open_parquet(file)?.schema().fields().clone();
            let names = fields.iter().map(|field| field.name().trim().to_owned());
            Ok(names.collect())
        }
    }
}

fn csv_columns(file: ScoreFile<'_>, text: &str) -> Result<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader
        .headers()
        .map_err(|source| unreadable(file, source))?;
    Ok(headers
        .iter()
        .map(|header| header.trim().to_owned())
        .collect())
}

/// A row with more or fewer cells than the header.
#[derive(Debug, thiserror::Error)]
#[error(
    "line {line}: expected {expected} cells as in the header, got {actual}: numbers have a decimal point, and a cell \
     with a comma stands in quotes"
)]
struct OtherLength {
    line: u64,
    expected: u64,
    actual: u64,
}

fn unreadable_csv(file: ScoreFile<'_>, source: csv::Error) -> Error {
    match source.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            let (expected, actual) = (*expected_len, *len);
            unreadable(
                file,
                OtherLength {
                    line,
                    expected,
                    actual,
                },
            )
        }
        _ => unreadable(file, source),
    }
}

fn unreadable(
    file: ScoreFile<'_>,
    source: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::Unreadable {
        file: file.name.to_owned(),
        source: Box::new(source),
    }
}

fn refuse_beyond(file: ScoreFile<'_>, what: &'static str, actual: u64, max: u64) -> Result<()> {
    if actual <= max {
        return Ok(());
    }
    let file = file.name.to_owned();
    Err(Error::TooLarge { file, what, max })
}

fn open_parquet(file: ScoreFile<'_>) -> Result<ParquetRecordBatchReaderBuilder<Bytes>> {
    ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(file.bytes))
        .map_err(|source| unreadable(file, source))
}

fn read_parquet(file: ScoreFile<'_>, limits: Limits) -> Result<Records> {
    let columns = columns(file)?;
    refuse_beyond(
        file,
        "columns",
        columns.len() as u64,
        limits.columns_max as u64,
    )?;
    let builder = open_parquet(file)?;
    let row_count = builder.metadata().file_metadata().num_rows().unsigned_abs();
    refuse_beyond(file, "rows", row_count, limits.rows_max)?;
    let reader = builder
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|source| unreadable(file, source))?;
    let options = FormatOptions::new();
    let (mut rows, mut cell_bytes, mut blank_rows, mut place) = (Vec::new(), 0, 0, 0);
    for batch in reader {
        let batch = batch.map_err(|source| unreadable(file, source))?;
        let formatters: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<_, _>>()
            .map_err(|source| unreadable(file, source))?;
        for at in 0..batch.num_rows() {
            let mut cells = csv::StringRecord::new();
            for (column, formatter) in batch.columns().iter().zip(&formatters) {
                push_cell(&mut cells, column.as_ref(), formatter, at)
                    .map_err(|source| unreadable(file, source))?;
            }
            cell_bytes += cells.as_slice().len() as u64;
            refuse_beyond(file, "bytes of cells", cell_bytes, limits.cell_bytes_max)?;
            place += 1;
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                blank_rows += 1;
                continue;
            }
            let place = Place::Row(place);
            rows.push(Record { place, cells });
            refuse_beyond(file, "rows", rows.len() as u64, limits.rows_max)?;
        }
    }
    Ok(Records {
        columns,
        rows,
        blank_rows,
    })
}

/// Numbers are written so that they are read back as the same number; null is an empty cell, as in CSV.
fn push_cell(
    cells: &mut csv::StringRecord,
    column: &dyn Array,
    formatter: &ArrayFormatter<'_>,
    at: usize,
) -> Result<(), arrow::error::ArrowError> {
    if column.is_null(at) {
        cells.push_field("");
    } else {
        cells.push_field(&formatter.value(at).try_to_string()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beyond_all_measure_is_refused() {
        let csv = ScoreFile {
            name: "scores.csv",
            bytes: b"token,hit\na,1\nb,0\n",
        };
        read(csv, Limits::DEFAULT).unwrap();
        let cases = [
            (
                Limits {
                    rows_max: 1,
                    ..Limits::DEFAULT
                },
                "at most 1 rows",
            ),
            (
                Limits {
                    columns_max: 1,
                    ..Limits::DEFAULT
                },
                "at most 1 columns",
            ),
        ];
        for (limits, expected) in cases {
            let error = read(csv, limits).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

//! Batches to standard output.

use std::io::{BufWriter, IsTerminal as _, Write};
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::context::Format;
use crate::sheet::Sheet;

/// Writes a small table.
pub(crate) fn sheet(format: Format, sheet: Sheet) -> Result<()> {
    let batch = sheet.into_batch()?;
    let mut writer = Writer::new(format, batch.schema())?;
    writer.write(&batch)?;
    writer.finish()
}

/// Writes the batches of a small query.
pub(crate) fn batches(format: Format, batches: &[RecordBatch]) -> Result<()> {
    let schema = batches
        .first()
        .map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let mut writer = Writer::new(format, schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()
}

/// Writes batches of one schema as they come.
pub(crate) enum Writer {
    /// Collects, to make columns as wide as their widest value.
    Table {
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    },
    /// One object a line, with every column in each.
    Json(arrow::json::LineDelimitedWriter<Output>),
    Csv(Box<arrow::csv::Writer<Output>>),
    Arrow(Box<arrow::ipc::writer::StreamWriter<Output>>),
}

type Output = BufWriter<std::io::Stdout>;

impl Writer {
    /// A writer to standard output.
    pub(crate) fn new(format: Format, schema: SchemaRef) -> Result<Self> {
        anyhow::ensure!(
            format != Format::Arrow || !std::io::stdout().is_terminal(),
            "an Arrow stream is not for a terminal: send it to a file or a program"
        );
        let output = BufWriter::new(std::io::stdout());
        Ok(match format {
            Format::Table => Self::Table {
                schema,
                batches: Vec::new(),
            },
            Format::Json => Self::Json(
                arrow::json::WriterBuilder::new()
                    .with_explicit_nulls(true)
                    .build(output),
            ),
            Format::Csv => {
                let mut writer = arrow::csv::Writer::new(output);
                // The names of the columns are there without rows too.
                writer.write(&flat(&RecordBatch::new_empty(schema))?)?;
                Self::Csv(Box::new(writer))
            }
            Format::Arrow => {
                let writer = arrow::ipc::writer::StreamWriter::try_new(output, &schema)?;
                Self::Arrow(Box::new(writer))
            }
        })
    }

    /// Writes a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Table { batches, .. } => batches.push(batch.clone()),
            Self::Json(writer) => writer.write(batch)?,
            Self::Csv(writer) => writer.write(&flat(batch)?)?,
            Self::Arrow(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Writes what is left, and the end.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Table { schema, batches } => {
                let mut output = BufWriter::new(std::io::stdout());
                let text =
                    arrow::util::pretty::pretty_format_batches_with_schema(schema, &batches)?;
                writeln!(output, "{text}")?;
                output.flush()?;
            }
            Self::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            Self::Csv(writer) => writer.into_inner().flush()?,
            Self::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?.flush()?;
            }
        }
        Ok(())
    }
}

/// The batch with nested columns as text, which is all that CSV holds.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let options = FormatOptions::default();
    let (fields, arrays): (Vec<_>, Vec<ArrayRef>) = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| {
            if !field.data_type().is_nested() {
                return Ok((field.as_ref().clone(), Arc::clone(array)));
            }
            let formatter = ArrayFormatter::try_new(array, &options)?;
            let texts = (0..array.len()).map(|row| Some(formatter.value(row).to_string()));
            let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
            Ok((Field::new(field.name(), DataType::Utf8, true), texts))
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

//! Signals: a series of stamps and values each.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int64Builder, StringBuilder};
use arrow::record_batch::RecordBatch;
use driveloop_schemas::{Row as _, Signal, TableSpec};

use super::{Columns, DriveKey, Facts, Runs, repeated, span_of};
use crate::error::Result;
use crate::findings::Findings;
use crate::quality::FrozenValues;

/// Number of a series in [`SignalColumns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesId(usize);

/// What became of the rows of a series that was to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// None of them is left.
    All,
    /// Some were sent to the lake's files before.
    NotAll,
}

/// The signals of a drive.
#[derive(Debug, Default)]
pub(crate) struct SignalColumns {
    series: Vec<Series>,
    by_name: HashMap<String, SeriesId>,
    /// Series in the order of the table, once sorted.
    runs: Runs<usize>,
    rows: usize,
    text_bytes: usize,
}

#[derive(Debug)]
struct Series {
    name: String,
    unit: Option<String>,
    source: String,
    stamps_ns: Vec<i64>,
    /// Not a number where the value is a text.
    values: Vec<f64>,
    /// Where the values are texts, or some are.
    texts: Vec<Option<String>>,
    frozen: FrozenValues,
    /// Whether rows of it were sent to the lake's files.
    is_sent: bool,
}

impl SignalColumns {
    /// The series of a name; a new one where there is none yet.
    pub(crate) fn series(&mut self, name: &str, unit: Option<&str>, source: &str) -> SeriesId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = SeriesId(self.series.len());
        self.series.push(Series {
            name: name.to_owned(),
            unit: unit.map(str::to_owned),
            source: source.to_owned(),
            stamps_ns: Vec::new(),
            values: Vec::new(),
            texts: Vec::new(),
            frozen: FrozenValues::default(),
            is_sent: false,
        });
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// The same where there are fewer than so many series; `None` where a new one would be too many.
    pub(crate) fn series_within(
        &mut self,
        name: &str,
        unit: Option<&str>,
        source: &str,
        series_max: usize,
    ) -> Option<SeriesId> {
        let is_known = self.by_name.contains_key(name);
        (is_known || self.series.len() < series_max).then(|| self.series(name, unit, source))
    }

    /// Series so far.
    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Adds a finite number.
    pub(crate) fn push(&mut self, series: SeriesId, stamp_ns: i64, value: f64) {
        let series = &mut self.series[series.0];
        series.stamps_ns.push(stamp_ns);
        series.values.push(value);
        series.frozen.push(stamp_ns, value);
        if !series.texts.is_empty() {
            series.texts.push(None);
        }
        self.rows += 1;
    }

    /// Adds a text, with its number where it stands for one, or is all digits of one that a double rounds.
    pub(crate) fn push_text(
        &mut self,
        series: SeriesId,
        stamp_ns: i64,
        value: Option<f64>,
        text: &str,
    ) {
        let series = &mut self.series[series.0];
        series.texts.resize(series.values.len(), None);
        series.texts.push(Some(text.to_owned()));
        series.stamps_ns.push(stamp_ns);
        series.values.push(value.unwrap_or(f64::NAN));
        self.text_bytes += text.len() + size_of::<String>();
        self.rows += 1;
    }

    /// Forgets the rows of a series that turned out to be none.
    pub(crate) fn forget(&mut self, series: SeriesId) -> Forgotten {
        let series = &mut self.series[series.0];
        self.rows -= series.values.len();
        let texts = series.texts.iter().flatten();
        let bytes = texts.map(|text| text.len() + size_of::<String>());
        self.text_bytes -= bytes.sum::<usize>();
        series.stamps_ns = Vec::new();
        series.values = Vec::new();
        series.texts = Vec::new();
        series.frozen = FrozenValues::default();
        if series.is_sent {
            Forgotten::NotAll
        } else {
            Forgotten::All
        }
    }

    /// Reports signals that stood still, as far as they are numbers.
    pub(crate) fn report_frozen(&mut self, findings: &mut Findings) {
        for series in &mut self.series {
            std::mem::take(&mut series.frozen).report(findings, &series.name);
        }
    }

    /// Each series that has some of the rows, with which of its own they are.
    fn parts(&self, rows: Range<usize>) -> impl Iterator<Item = (&Series, Range<usize>)> + Clone {
        let runs = self.runs.within(rows);
        runs.map(|(series, own)| (&self.series[series], own))
    }
}

impl Series {
    fn sort(&mut self) {
        if self.stamps_ns.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.stamps_ns.len()).collect();
        order.sort_by_key(|at| self.stamps_ns[*at]);
        self.stamps_ns = order.iter().map(|at| self.stamps_ns[*at]).collect();
        self.values = order.iter().map(|at| self.values[*at]).collect();
        if !self.texts.is_empty() {
            let mut texts = std::mem::take(&mut self.texts);
            self.texts = order.iter().map(|at| texts[*at].take()).collect();
        }
    }
}

impl Facts for SignalColumns {
    fn spec(&self) -> &'static TableSpec {
        Signal::SPEC
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.rows * 16 + self.text_bytes
    }

    fn span_ns(&self) -> Option<(i64, i64)> {
        let stamps = self.series.iter().flat_map(|series| &series.stamps_ns);
        span_of(stamps.copied())
    }

    fn sort(&mut self) {
        self.series.iter_mut().for_each(Series::sort);
        let mut names: Vec<usize> = (0..self.series.len()).collect();
        names.sort_by(|a, b| self.series[*a].name.cmp(&self.series[*b].name));
        let count = |at: usize| (at, self.series[at].stamps_ns.len());
        self.runs = Runs::of(names.into_iter().map(count));
    }

    fn batch(&self, key: DriveKey<'_>, rows: Range<usize>) -> Result<RecordBatch> {
        let count = rows.len();
        let parts = self.parts(rows);
        let mut stamps = Int64Builder::with_capacity(count);
        let mut values = Float64Builder::with_capacity(count);
        let mut texts = StringBuilder::new();
        for (series, own) in parts.clone() {
            stamps.append_slice(&series.stamps_ns[own.clone()]);
            let of_series = &series.values[own.clone()];
            if series.texts.is_empty() {
                values.append_slice(of_series);
                texts.append_nulls(own.len());
                continue;
            }
            for value in of_series {
                values.append_option(Some(*value).filter(|value| value.is_finite()));
            }
            // Numbers that came after the last text have no place among the texts.
            for at in own {
                texts.append_option(series.texts.get(at).and_then(Option::as_deref));
            }
        }
        let text = |of: fn(&Series) -> Option<&str>| -> ArrayRef {
            repeated(
                parts
                    .clone()
                    .map(move |(series, own)| (of(series), own.len())),
            )
        };
        Columns::new(Signal::SPEC, key, count)
            .with("stamp_ns", Arc::new(stamps.finish()))
            .with("name", text(|series| Some(&series.name)))
            .with("value", Arc::new(values.finish()))
            .with("text", Arc::new(texts.finish()))
            .with("unit", text(|series| series.unit.as_deref()))
            .with("source", text(|series| Some(&series.source)))
            .finish()
    }

    fn clear(&mut self) {
        for series in &mut self.series {
            series.is_sent |= !series.values.is_empty();
            (series.stamps_ns, series.values) = (Vec::new(), Vec::new());
            series.texts = Vec::new();
        }
        (self.rows, self.text_bytes) = (0, 0);
        self.runs = Runs::default();
    }
}

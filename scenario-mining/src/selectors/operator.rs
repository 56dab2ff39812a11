//! Kinematics and selectors as operators over the drives of a relation.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, StringArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;

use crate::kinematics::{
    EGO_PAIR, LaneShape, MOTION, Recipe, TrackRows, TrackSet, ego_pair_rows, motion_rows,
    track_columns,
};
use crate::operators::{
    Batches, DriveOperator, Drives, Key, LOG_ID, Operator, Physical, QualifiedField, STAMP_NS,
    TRACK_ID, column,
};

use super::{Selection, select};

/// Column of the track that a row is about, beside its own.
pub(super) const RELATED_TRACK_ID: &str = "related_track_id";

/// What is made of the tracks of a drive.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// A row a track and stamp: its motion.
    Motion(Recipe),
    /// A row a track and stamp: where it is seen from the ego.
    EgoPairs(Recipe),
    /// A row for each time that a selector holds.
    Select(Selection),
}

/// A question to the tracks of every drive.
#[derive(Debug, Clone)]
pub(crate) struct TrackOperator {
    /// The call, with the arguments that were given.
    pub(crate) text: String,
    pub(crate) question: Question,
    series: Vec<String>,
}

impl TrackOperator {
    pub(crate) fn new(text: String, question: Question) -> Self {
        Self {
            text,
            question,
            series: vec![TRACK_ID.to_owned()],
        }
    }

    /// The numbers of the result, after drive, track and stamp.
    fn numbers(&self) -> &'static [&'static str] {
        match &self.question {
            Question::Motion(_) => &MOTION,
            Question::EgoPairs(_) => &EGO_PAIR,
            Question::Select(_) => &[],
        }
    }
}

impl Operator for TrackOperator {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn series(&self, _: usize) -> &[String] {
        &self.series
    }

    fn output(&self, inputs: &[&DFSchema], _: &[Expr]) -> Result<Vec<QualifiedField>> {
        let name = self.text.split('(').next().unwrap_or_default();
        for needed in track_columns() {
            column(inputs[0], needed, name)?;
        }
        let track_id = key_field(inputs[0], TRACK_ID, name)?;
        let mut fields = vec![key_field(inputs[0], LOG_ID, name)?, Arc::clone(&track_id)];
        if let Question::Select(asked) = &self.question
            && asked.selector.is_relational()
        {
            fields.push(Arc::new(
                Field::clone(&track_id).with_name(RELATED_TRACK_ID),
            ));
        }
        fields.push(Arc::new(Field::new(STAMP_NS, DataType::Int64, false)));
        let number = |name: &&str| Arc::new(Field::new(*name, DataType::Float64, true));
        fields.extend(self.numbers().iter().map(number));
        Ok(fields.into_iter().map(|field| (None, field)).collect())
    }

    fn needed(&self, _: &[usize], inputs: &[&DFSchema]) -> Vec<Vec<usize>> {
        vec![named(inputs[0], |name| {
            track_columns().any(|column| column == name)
        })]
    }

    fn filters_pass(&self) -> Vec<String> {
        vec![LOG_ID.to_owned()]
    }

    fn physical(
        &self,
        keys: &[Key],
        _: Vec<Arc<dyn PhysicalExpr>>,
        _: &[SchemaRef],
        schema: SchemaRef,
    ) -> Result<Physical> {
        Ok(Physical::One(Arc::new(Running {
            operator: self.clone(),
            log: keys[0].log,
            schema,
        })))
    }
}

/// The operator over rows.
#[derive(Debug, Clone)]
struct Running {
    operator: TrackOperator,
    /// Where the drive's name is.
    log: usize,
    schema: SchemaRef,
}

impl DriveOperator for Running {
    fn text(&self) -> String {
        self.operator.text.clone()
    }

    fn run(&self, drives: Drives) -> Result<Batches> {
        let running = self.clone();
        let drives: Vec<Drives> = drives.split().collect();
        Ok(Box::new(
            drives
                .into_iter()
                .map(move |drive| Ok(running.answer(&drive.rows)?)),
        ))
    }
}

impl Running {
    /// What the question finds in one drive.
    fn answer(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut tracks = TrackRows::default();
        tracks.push(rows)?;
        let set = tracks.finish();
        let answer = match &self.operator.question {
            Question::Motion(recipe) => motion_rows(&set, *recipe),
            Question::EgoPairs(recipe) => ego_pair_rows(&set, *recipe),
            Question::Select(asked) => selected_rows(&set, &[], asked),
        };
        answer_batch(rows.column(self.log), answer, &self.schema)
    }
}

/// A column of a key as the input has it.
pub(super) fn key_field(input: &DFSchema, wanted: &str, operator: &str) -> Result<FieldRef> {
    let index = column(input, wanted, operator)?;
    Ok(Arc::new(input.field(index).as_ref().clone()))
}

/// Columns of an input by name.
pub(super) fn named(input: &DFSchema, is_wanted: impl Fn(&str) -> bool) -> Vec<usize> {
    let fields = input.fields().iter().enumerate();
    fields
        .filter(|(_, field)| is_wanted(field.name()))
        .map(|(index, _)| index)
        .collect()
}

/// What was found in a drive, as the columns of the result after the drive's own; `log_ids` are those of the drive's rows.
pub(super) fn answer_batch(
    log_ids: &ArrayRef,
    found: Vec<ArrayRef>,
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let rows = found.first().map_or(0, Array::len);
    let first = UInt32Array::from(vec![0; rows]);
    let log_ids = take(log_ids, &first, None)?;
    let columns = std::iter::once(log_ids).chain(found).zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(&column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)
}

/// What a selector finds: track, related track where it relates, and stamp.
pub(super) fn selected_rows(
    set: &TrackSet,
    lanes: &[LaneShape],
    asked: &Selection,
) -> Vec<ArrayRef> {
    let rows = select(set, lanes, asked);
    let id = |track: usize| set.tracks[track].track_id.as_str();
    let tracks = rows.iter().map(|row| id(row.track));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(tracks))];
    if asked.selector.is_relational() {
        let related = rows.iter().map(|row| row.related.map(id));
        columns.push(Arc::new(related.collect::<StringArray>()));
    }
    let stamps = rows.iter().map(|row| row.stamp_ns);
    columns.push(Arc::new(Int64Array::from_iter_values(stamps)));
    columns
}

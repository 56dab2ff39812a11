//! The lanes of tracks, and what is selected by them, as an operator over the drives of two relations.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;

use crate::kinematics::{
    LANE_COLUMNS, LaneRows, Recipe, TrackRows, lane_answer, lane_fields, track_columns,
};
use crate::operators::{
    Batches, DrivePairOperator, Drives, Key, LOG_ID, Operator, Physical, QualifiedField, STAMP_NS,
    TRACK_ID, column,
};

use super::Selection;
use super::operator::{RELATED_TRACK_ID, answer_batch, key_field, named, selected_rows};

/// What is made of the tracks and the lanes of a drive.
#[derive(Debug, Clone)]
pub(crate) enum LaneQuestion {
    /// A row a track and stamp: the lane that it is in.
    LaneOfTrack(Recipe),
    /// A row for each time that a selector holds which asks for lanes.
    Select(Selection),
}

/// A question to the tracks and lanes of every drive.
#[derive(Debug, Clone)]
pub(crate) struct LaneOperator {
    /// The call, with the arguments that were given.
    text: String,
    question: LaneQuestion,
    series: [Vec<String>; 2],
}

impl LaneOperator {
    pub(crate) fn new(text: String, question: LaneQuestion) -> Self {
        Self {
            text,
            question,
            series: [vec![TRACK_ID.to_owned()], Vec::new()],
        }
    }
}

impl Operator for LaneOperator {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn series(&self, input: usize) -> &[String] {
        &self.series[input]
    }

    fn output(&self, inputs: &[&DFSchema], _: &[Expr]) -> Result<Vec<QualifiedField>> {
        let name = self.text.split('(').next().unwrap_or_default();
        for needed in track_columns() {
            column(inputs[0], needed, name)?;
        }
        let track_id = key_field(inputs[0], TRACK_ID, name)?;
        let stamp_ns = Arc::new(Field::new(STAMP_NS, DataType::Int64, false));
        let mut fields = vec![key_field(inputs[0], LOG_ID, name)?, Arc::clone(&track_id)];
        match &self.question {
            LaneQuestion::LaneOfTrack(_) => {
                fields.push(stamp_ns);
                fields.extend(lane_fields().map(Arc::new));
            }
            LaneQuestion::Select(_) => {
                fields.push(Arc::new(
                    Field::clone(&track_id).with_name(RELATED_TRACK_ID),
                ));
                fields.push(stamp_ns);
            }
        }
        Ok(fields.into_iter().map(|field| (None, field)).collect())
    }

    fn needed(&self, _: &[usize], inputs: &[&DFSchema]) -> Vec<Vec<usize>> {
        let of_tracks = named(inputs[0], |name| {
            track_columns().any(|column| column == name)
        });
        let of_lanes = named(inputs[1], |name| LANE_COLUMNS.contains(&name));
        vec![of_tracks, of_lanes]
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
        Ok(Physical::Two(Arc::new(Running {
            operator: self.clone(),
            log: keys[0].log,
            schema,
        })))
    }
}

/// The operator over rows.
#[derive(Debug, Clone)]
struct Running {
    operator: LaneOperator,
    /// Where the drive's name is among the columns of tracks.
    log: usize,
    schema: SchemaRef,
}

impl DrivePairOperator for Running {
    fn text(&self) -> String {
        self.operator.text.clone()
    }

    fn run(&self, first: Drives, second: Drives) -> Result<Batches> {
        let answer = self.answer(&first.rows, &second.rows)?;
        Ok(Box::new(std::iter::once(Ok(answer))))
    }
}

impl Running {
    fn answer(&self, tracks: &RecordBatch, lanes: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut rows = TrackRows::default();
        rows.push(tracks)?;
        let (set, lanes) = (rows.finish(), LaneRows::new(lanes)?);
        let answer = match &self.operator.question {
            LaneQuestion::LaneOfTrack(recipe) => lane_answer(&set, &lanes, *recipe),
            LaneQuestion::Select(asked) => selected_rows(&set, &lanes.lanes, asked),
        };
        answer_batch(tracks.column(self.log), answer, &self.schema)
    }
}

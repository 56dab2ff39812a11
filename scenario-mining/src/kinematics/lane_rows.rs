//! Lanes from rows of `lane`, and rows of who is in which.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::lanes::{LaneShape, LaneTurn, lanes_of};
use super::motion::Motion;
use super::recipe::Recipe;
use super::rows::column;
use super::track::TrackSet;

/// The columns of `lane` that lanes are made of, the drive's first.
pub(crate) const LANE_COLUMNS: [&str; 9] = [
    "log_id",
    "lane_id",
    "lane_type",
    "is_intersection",
    "left_boundary",
    "right_boundary",
    "left_neighbour",
    "right_neighbour",
    "successors",
];

/// The lanes of one drive, in the order of their ids.
#[derive(Debug, Default)]
pub(crate) struct LaneRows {
    pub(crate) lanes: Vec<LaneShape>,
}

impl LaneRows {
    /// Reads rows, all of one drive; one without an id or without two boundaries is passed over.
    pub(crate) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let text = |name: &str| cast(column(batch, name)?, &DataType::Utf8);
        let (ids, types) = (text("lane_id")?, text("lane_type")?);
        let (ids, types) = (ids.as_string::<i32>(), types.as_string::<i32>());
        let crossing = cast(column(batch, "is_intersection")?, &DataType::Boolean)?;
        let crossing: &BooleanArray = crossing.as_boolean();
        let lines = DataType::new_list(DataType::Float64, true);
        let [left, right] =
            ["left_boundary", "right_boundary"].map(|name| cast(column(batch, name)?, &lines));
        let (left, right) = (left?, right?);
        let (to_left, to_right) = (text("left_neighbour")?, text("right_neighbour")?);
        let names = DataType::new_list(DataType::Utf8, true);
        let successors = cast(column(batch, "successors")?, &names)?;
        let mut lanes: Vec<LaneShape> = (0..batch.num_rows())
            .filter_map(|row| {
                let is_intersection = crossing.is_valid(row).then(|| crossing.value(row));
                let id = ids.is_valid(row).then(|| ids.value(row))?;
                let lane_type = if types.is_valid(row) {
                    types.value(row)
                } else {
                    ""
                };
                let boundaries = [line(&left, row)?, line(&right, row)?];
                let lines = [boundaries[0].as_slice(), boundaries[1].as_slice()];
                let lane = LaneShape::new(id, lane_type, is_intersection, lines)?;
                let neighbours = [name(&to_left, row), name(&to_right, row)];
                Some(lane.with_links(neighbours, list_of_names(&successors, row)))
            })
            .collect();
        lanes.sort_by(|a, b| a.lane_id.cmp(&b.lane_id));
        Ok(Self { lanes })
    }
}

fn name(names: &ArrayRef, row: usize) -> Option<String> {
    let names = names.as_string::<i32>();
    names.is_valid(row).then(|| names.value(row).to_owned())
}

fn list_of_names(lists: &ArrayRef, row: usize) -> Vec<String> {
    let lists = lists.as_list::<i32>();
    if lists.is_null(row) {
        return Vec::new();
    }
    let names = lists.value(row);
    (0..names.len()).filter_map(|at| name(&names, at)).collect()
}

/// The points of a line; `None` where it is null, NaN where one of its numbers is.
fn line(lines: &ArrayRef, row: usize) -> Option<Vec<f64>> {
    let lines = lines.as_list::<i32>();
    let points = lines.is_valid(row).then(|| lines.value(row))?;
    let points: &Float64Array = points.as_primitive::<Float64Type>();
    Some(
        points
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect(),
    )
}

/// What is said of a track in a lane, after drive, track and stamp; null where it is in none.
pub(crate) fn lane_fields() -> [Field; 4] {
    [
        Field::new("lane_id", DataType::Utf8, true),
        Field::new("lane_type", DataType::Utf8, true),
        Field::new("is_intersection", DataType::Boolean, true),
        Field::new("turn", DataType::Utf8, true),
    ]
}

/// The lane of every track of a drive at each of its stamps: track, stamp, and what [`lane_fields`] names.
pub(crate) fn lane_answer(set: &TrackSet, lanes: &LaneRows, recipe: Recipe) -> Vec<ArrayRef> {
    let (mut ids, mut stamps_ns) = (Vec::new(), Vec::<i64>::new());
    let mut found: Vec<Option<&LaneShape>> = Vec::new();
    for track in &set.tracks {
        let motion = Motion::of(track, recipe);
        let lane_of = |lane: Option<usize>| lane.map(|lane| &lanes.lanes[lane]);
        found.extend(
            lanes_of(&motion, &lanes.lanes, recipe)
                .into_iter()
                .map(lane_of),
        );
        ids.extend(track.stamps_ns.iter().map(|_| track.track_id.as_str()));
        stamps_ns.extend(&track.stamps_ns);
    }
    let text = |read: fn(&LaneShape) -> Option<&str>| -> ArrayRef {
        Arc::new(
            found
                .iter()
                .map(|lane| lane.and_then(read))
                .collect::<StringArray>(),
        )
    };
    let crossing = found
        .iter()
        .map(|lane| lane.and_then(|lane| lane.is_intersection));
    vec![
        Arc::new(StringArray::from_iter_values(ids)),
        Arc::new(Int64Array::from(stamps_ns)),
        text(|lane| Some(&lane.lane_id)),
        text(|lane| Some(lane.lane_type.as_str()).filter(|name| !name.is_empty())),
        Arc::new(crossing.collect::<BooleanArray>()),
        text(|lane| lane.turn().map(LaneTurn::name)),
    ]
}

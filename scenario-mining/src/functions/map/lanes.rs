//! The lanes of a drive's map.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::record_batch::RecordBatch;
use driveloop_schemas::geometry::polygon_contains;
use driveloop_schemas::pose::wrap_rad;

use super::shapes::{Index, points, text};
use crate::path::{Place, length_m, place};

/// How far a lane without boundaries reaches to each side: half of a lane of 3.5 m.
const HALF_WIDTH_M: f64 = 1.75;
/// Deviations from the middle of a lane and from its direction that say the same about whether one drives in it.
const OFFSET_SCALE_M: f64 = 1.0;
const HEADING_SCALE_RAD: f64 = 0.2;

/// Lanes, and an index of them.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    by_id: BTreeMap<String, usize>,
    index: Index,
    /// Whether any lane says whether it lies in an intersection.
    knows_intersections: bool,
}

#[derive(Debug)]
struct Lane {
    lane_id: String,
    is_intersection: Option<bool>,
    centre: Vec<f64>,
    /// Empty where the map has no boundaries.
    outline: Vec<f64>,
    left_neighbour: Option<String>,
    right_neighbour: Option<String>,
    successors: Vec<String>,
}

impl Lanes {
    /// From rows with the fields of [`super::value::Kind::Lanes`].
    pub(super) fn new(rows: &RecordBatch) -> Self {
        let lanes: Vec<Lane> = (0..rows.num_rows())
            .filter_map(|row| Lane::from_row(rows, row))
            .collect();
        let names = lanes.iter().map(|lane| lane.lane_id.clone());
        Self {
            by_id: names.zip(0..).collect(),
            index: Index::new(lanes.iter().map(Lane::extent)),
            knows_intersections: lanes.iter().any(|lane| lane.is_intersection.is_some()),
            lanes,
        }
    }

    /// The lane that one who stands and looks like this is in.
    pub(super) fn at(&self, x_m: f64, y_m: f64, yaw_rad: Option<f64>) -> Option<&str> {
        let fit = |lane: &&Lane| -> Option<f64> {
            let place = place(&lane.centre, x_m, y_m)?;
            let turned_rad = yaw_rad.map_or(0.0, |yaw_rad| wrap_rad(yaw_rad - place.yaw_rad));
            let (offset, turned) = (
                place.offset_m / OFFSET_SCALE_M,
                turned_rad / HEADING_SCALE_RAD,
            );
            Some(offset * offset + turned * turned)
        };
        let here = self.lanes_at(x_m, y_m);
        let fits = here.filter_map(|lane| Some((fit(&lane)?, lane.lane_id.as_str())));
        let best = fits.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
        best.map(|(_, lane_id)| lane_id)
    }

    /// Where a point is relative to the centre line of a lane.
    pub(super) fn place(&self, lane_id: &str, x_m: f64, y_m: f64) -> Option<Place> {
        place(&self.lane(lane_id)?.centre, x_m, y_m)
    }

    /// What another lane is to a lane.
    pub(super) fn relation(&self, lane_id: &str, other_id: &str) -> Option<&'static str> {
        let (lane, other) = (self.lane(lane_id)?, self.lane(other_id)?);
        let is_other = |name: &Option<String>| name.as_deref() == Some(other_id);
        let is_left = is_other(&lane.left_neighbour);
        Some(if lane_id == other_id {
            "same"
        } else if is_left || is_other(&lane.right_neighbour) {
            if !lane.goes_with(other) {
                "oncoming"
            } else if is_left {
                "left"
            } else {
                "right"
            }
        } else if lane.leads_into(other_id) {
            "ahead"
        } else if other.leads_into(lane_id) {
            "behind"
        } else {
            "apart"
        })
    }

    /// Whether the point is in a lane that lies in an intersection; `None` where no lane says.
    pub(super) fn in_intersection(&self, x_m: f64, y_m: f64) -> Option<bool> {
        let is_inside = |lane: &Lane| lane.is_intersection == Some(true);
        self.knows_intersections
            .then(|| self.lanes_at(x_m, y_m).any(is_inside))
    }

    fn lane(&self, lane_id: &str) -> Option<&Lane> {
        self.by_id.get(lane_id).map(|number| &self.lanes[*number])
    }

    fn lanes_at(&self, x_m: f64, y_m: f64) -> impl Iterator<Item = &Lane> {
        let near = self.index.near(x_m, y_m).map(|number| &self.lanes[number]);
        near.filter(move |lane| lane.contains(x_m, y_m))
    }
}

impl Lane {
    /// A lane without a name is none.
    fn from_row(rows: &RecordBatch, row: usize) -> Option<Self> {
        let column = |index: usize| rows.column(index);
        let is_intersection = column(1).as_boolean();
        let successors = column(7).as_list::<i32>();
        let successors = (successors.is_valid(row)).then(|| successors.value(row));
        let (left, right) = (points(column(3), row), points(column(4), row));
        let has_boundaries = !left.is_empty() && !right.is_empty();
        // Along the left boundary and back along the right one.
        let back = right.chunks_exact(2).rev().flatten();
        let outline = left.iter().chain(back).copied();
        Some(Self {
            lane_id: text(column(0), row)?,
            is_intersection: (is_intersection.is_valid(row)).then(|| is_intersection.value(row)),
            centre: points(column(2), row),
            outline: if has_boundaries {
                outline.collect()
            } else {
                Vec::new()
            },
            left_neighbour: text(column(5), row),
            right_neighbour: text(column(6), row),
            successors: successors
                .iter()
                .flat_map(|names| (0..names.len()).filter_map(|name| text(names, name)))
                .collect(),
        })
    }

    /// The points that it lies around, and how far it reaches beyond them.
    fn extent(&self) -> (&[f64], f64) {
        if self.outline.is_empty() {
            (&self.centre, HALF_WIDTH_M)
        } else {
            (&self.outline, 0.0)
        }
    }

    fn contains(&self, x_m: f64, y_m: f64) -> bool {
        if !self.outline.is_empty() {
            return polygon_contains(&self.outline, x_m, y_m);
        }
        place(&self.centre, x_m, y_m).is_some_and(|place| {
            let is_along = (0.0..=length_m(&self.centre)).contains(&place.along_m);
            is_along && place.offset_m.abs() <= HALF_WIDTH_M
        })
    }

    /// Whether both go the same way, from their starts to their ends.
    fn goes_with(&self, other: &Self) -> bool {
        let way = |line: &[f64]| match line {
            [x0, y0, .., x1, y1] => [x1 - x0, y1 - y0],
            _ => [0.0, 0.0],
        };
        let (a, b) = (way(&self.centre), way(&other.centre));
        a[0] * b[0] + a[1] * b[1] >= 0.0
    }

    fn leads_into(&self, lane_id: &str) -> bool {
        self.successors.iter().any(|name| name == lane_id)
    }
}

//! Shapes on a map, found through a spatial index.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

/// Larger coordinates are no place on Earth, and could overflow in the index.
const COORDINATE_MAX_M: f64 = 1e8;

/// The numbers of the shapes, by the rectangles around them.
#[derive(Debug)]
pub(super) struct Index(RTree<GeomWithData<Rectangle<[f64; 2]>, usize>>);

impl Index {
    /// Shapes by their points and how far they reach beyond them; a shape without points is nowhere.
    pub(super) fn new<'a>(shapes: impl Iterator<Item = (&'a [f64], f64)>) -> Self {
        let rectangles = shapes
            .enumerate()
            .filter_map(|(number, (points, reach_m))| {
                let (low, high) = bounds(points)?;
                let rectangle = Rectangle::from_corners(
                    low.map(|value| value - reach_m),
                    high.map(|value| value + reach_m),
                );
                Some(GeomWithData::new(rectangle, number))
            });
        Self(RTree::bulk_load(rectangles.collect()))
    }

    /// The shapes in whose rectangle the point lies.
    pub(super) fn near(&self, x_m: f64, y_m: f64) -> impl Iterator<Item = usize> + '_ {
        let here = AABB::from_point([x_m, y_m]);
        self.0
            .locate_in_envelope_intersecting(here)
            .map(|found| found.data)
    }
}

fn bounds(points: &[f64]) -> Option<([f64; 2], [f64; 2])> {
    let along = |axis: usize| points.iter().skip(axis).step_by(2).copied();
    let low = [0, 1].map(|axis| along(axis).fold(f64::INFINITY, f64::min));
    let high = [0, 1].map(|axis| along(axis).fold(f64::NEG_INFINITY, f64::max));
    (points.len() >= 2).then_some((low, high))
}

/// The points of a row of a column of lines; empty where one is missing, or no place on Earth.
pub(super) fn points(column: &ArrayRef, row: usize) -> Vec<f64> {
    let lines = column.as_list::<i32>();
    if lines.is_null(row) {
        return Vec::new();
    }
    let line = lines.value(row);
    let line = line.as_primitive::<Float64Type>();
    let is_place = |value: &f64| value.abs() <= COORDINATE_MAX_M;
    if line.null_count() > 0 || !line.values().iter().all(is_place) {
        return Vec::new();
    }
    line.values().to_vec()
}

/// The text of a row.
pub(super) fn text(column: &ArrayRef, row: usize) -> Option<String> {
    let texts = column.as_string::<i32>();
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

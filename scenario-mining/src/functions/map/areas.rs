//! The areas of a drive's map.

use arrow::record_batch::RecordBatch;
use driveloop_schemas::geometry::polygon_contains;

use super::shapes::{Index, points, text};

/// Areas with their kinds, and an index of them.
#[derive(Debug)]
pub(super) struct Areas {
    areas: Vec<(String, Vec<f64>)>,
    index: Index,
}

impl Areas {
    /// From rows with the fields of [`super::value::Kind::Areas`].
    pub(super) fn new(rows: &RecordBatch) -> Self {
        let area = |row| {
            let kind = text(rows.column(0), row).unwrap_or_default();
            (kind, points(rows.column(2), row))
        };
        let areas: Vec<_> = (0..rows.num_rows()).map(area).collect();
        let index = Index::new(areas.iter().map(|(_, polygon)| (polygon.as_slice(), 0.0)));
        Self { areas, index }
    }

    /// Whether the point is in an area of the kind.
    pub(super) fn contains(&self, kind: &str, x_m: f64, y_m: f64) -> bool {
        self.index.near(x_m, y_m).any(|number| {
            let (its_kind, polygon) = &self.areas[number];
            its_kind == kind && polygon_contains(polygon, x_m, y_m)
        })
    }
}

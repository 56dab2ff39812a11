//! Where one may drive: the drivable areas of a map, or what its lanes cover where it has none.

use driveloop_schemas::geometry::{OrientedBox, polygon_contains};
use driveloop_schemas::{Lane, MapArea};

/// Step of the search for an edge.
const EDGE_STEP_M: f64 = 0.1;

/// The outlines on which one may drive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ground {
    outlines: Vec<Outline>,
}

#[derive(Debug, Clone)]
struct Outline {
    polygon: Vec<f64>,
    low: [f64; 2],
    high: [f64; 2],
}

impl Ground {
    pub(crate) fn new(areas: &[MapArea], lanes: &[Lane]) -> Self {
        let drivable = areas.iter().filter(|area| area.kind == "drivable");
        let mut outlines: Vec<Outline> = drivable
            .filter_map(|area| Outline::new(area.polygon.clone()))
            .collect();
        if outlines.is_empty() {
            outlines = lanes.iter().filter_map(Outline::of_lane).collect();
        }
        Self { outlines }
    }

    /// Whether the map says where one may drive.
    pub(crate) fn is_known(&self) -> bool {
        !self.outlines.is_empty()
    }

    pub(crate) fn contains(&self, x_m: f64, y_m: f64) -> bool {
        self.outlines
            .iter()
            .any(|outline| outline.contains(x_m, y_m))
    }

    /// Whether the corners of a box are on it.
    pub(crate) fn covers(&self, body: &OrientedBox) -> bool {
        let mut corners = body.corners().into_iter();
        corners.all(|[x_m, y_m]| self.contains(x_m, y_m))
    }

    /// How far one may go from a point in a direction; none where the edge is further than `max_m`.
    pub(crate) fn edge_m(&self, from: [f64; 2], direction: [f64; 2], max_m: f64) -> Option<f64> {
        let steps = (max_m / EDGE_STEP_M) as usize;
        let along = (0..=steps).map(|step| step as f64 * EDGE_STEP_M);
        let is_off =
            |m: &f64| !self.contains(from[0] + m * direction[0], from[1] + m * direction[1]);
        along.into_iter().find(is_off)
    }
}

impl Outline {
    fn new(polygon: Vec<f64>) -> Option<Self> {
        if polygon.len() < 6 || polygon.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let bound = |pick: fn(f64, f64) -> f64, start: f64| {
            polygon
                .chunks_exact(2)
                .fold([start; 2], |b, p| [pick(b[0], p[0]), pick(b[1], p[1])])
        };
        Some(Self {
            low: bound(f64::min, f64::INFINITY),
            high: bound(f64::max, f64::NEG_INFINITY),
            polygon,
        })
    }

    /// Between the boundaries: along the left one, and back along the right one.
    fn of_lane(lane: &Lane) -> Option<Self> {
        let back = lane.right_boundary.chunks_exact(2).rev().flatten();
        let there = lane.left_boundary.iter();
        Self::new(there.chain(back).copied().collect())
    }

    fn contains(&self, x_m: f64, y_m: f64) -> bool {
        (self.low[0]..=self.high[0]).contains(&x_m)
            && (self.low[1]..=self.high[1]).contains(&y_m)
            && polygon_contains(&self.polygon, x_m, y_m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_is_where_the_area_ends() {
        let outline = Outline::new(vec![0.0, 0.0, 10.0, 0.0, 10.0, 4.0, 0.0, 4.0]);
        let ground = Ground {
            outlines: outline.into_iter().collect(),
        };
        let edge = ground.edge_m([5.0, 1.0], [0.0, 1.0], 10.0).unwrap();
        assert!((edge - 3.0).abs() < 0.11, "{edge}");
        assert_eq!(ground.edge_m([5.0, 1.0], [0.0, 1.0], 2.0), None);
        assert!(Outline::new(vec![0.0, f64::NAN, 1.0, 1.0, 2.0, 0.0]).is_none());
    }
}

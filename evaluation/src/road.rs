//! Where one may drive: the drivable areas of a map, or its lanes.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Lake as DataLake, sql_literal};
use driveloop_schemas::{Lane, LogId, MapArea};

use crate::error::Result;

/// Bands that an outline is cut into at most: what bounds the memory of an odd one.
const BANDS_MAX: usize = 256;

/// The road of a drive: the union of some outlines.
#[derive(Debug, Clone, Default)]
pub struct Road {
    outlines: Vec<Outline>,
}

impl Road {
    /// From the drivable areas of a map; from its lanes where it has none.
    #[must_use]
    pub fn from_map(areas: &[MapArea], lanes: &[Lane]) -> Self {
        let drivable = areas.iter().filter(|area| area.kind == "drivable");
        let mut outlines: Vec<_> = drivable
            .filter_map(|area| Outline::new(&points(&area.polygon)))
            .collect();
        if outlines.is_empty() {
            outlines = lanes.iter().filter_map(lane_outline).collect();
        }
        Self { outlines }
    }

    /// Whether the map says where one may drive.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.outlines.is_empty()
    }

    /// Whether a point is on the road; on its very edge it may be either.
    #[must_use]
    pub fn contains(&self, point: [f64; 2]) -> bool {
        self.outlines.iter().any(|outline| outline.contains(point))
    }
}

/// The roads of some drives, each with the drive that was recorded behind it, whose map it has where it has none of its own.
pub(crate) async fn read_roads(
    lake: &DataLake,
    drives: &BTreeMap<LogId, LogId>,
) -> Result<BTreeMap<LogId, Road>> {
    let ids: BTreeSet<&LogId> = drives.iter().flat_map(|(log, host)| [log, host]).collect();
    let areas = by_drive(
        lake.read::<MapArea>(Some(&format!("kind = 'drivable' AND {}", among(&ids))))
            .await?,
        |area| &area.log_id,
    );
    let without: BTreeSet<&LogId> = ids
        .into_iter()
        .filter(|id| !areas.contains_key(*id))
        .collect();
    let lanes = if without.is_empty() {
        BTreeMap::new()
    } else {
        let lanes = lake.read::<Lane>(Some(&among(&without))).await?;
        by_drive(lanes, |lane| &lane.log_id)
    };
    let road_of = |log_id: &LogId| {
        let areas = areas.get(log_id).map_or(&[][..], Vec::as_slice);
        let lanes = lanes.get(log_id).map_or(&[][..], Vec::as_slice);
        Road::from_map(areas, lanes)
    };
    let road = |(log_id, host): (&LogId, &LogId)| {
        let own = road_of(log_id);
        let road = if own.is_known() { own } else { road_of(host) };
        (log_id.clone(), road)
    };
    Ok(drives.iter().map(road).collect())
}

fn among(ids: &BTreeSet<&LogId>) -> String {
    let ids: Vec<_> = ids.iter().map(|id| sql_literal(id)).collect();
    format!("log_id IN ({})", ids.join(", "))
}

fn by_drive<T>(rows: Vec<T>, log_id: fn(&T) -> &LogId) -> BTreeMap<LogId, Vec<T>> {
    let mut drives: BTreeMap<LogId, Vec<T>> = BTreeMap::new();
    for row in rows {
        drives.entry(log_id(&row).clone()).or_default().push(row);
    }
    drives
}

fn lane_outline(lane: &Lane) -> Option<Outline> {
    let (left, right) = (points(&lane.left_boundary), points(&lane.right_boundary));
    if left.len() < 2 || right.len() < 2 {
        return None;
    }
    let around: Vec<_> = right.into_iter().chain(left.into_iter().rev()).collect();
    Outline::new(&around)
}

fn points(flat: &[f64]) -> Vec<[f64; 2]> {
    flat.chunks_exact(2).map(|p| [p[0], p[1]]).collect()
}

/// A polygon whose edges lie in bands of y, so that a point is compared with those of its band alone.
#[derive(Debug, Clone)]
struct Outline {
    low: [f64; 2],
    high: [f64; 2],
    bands: Vec<Vec<[[f64; 2]; 2]>>,
}

impl Outline {
    fn new(points: &[[f64; 2]]) -> Option<Self> {
        if points.len() < 3 {
            return None;
        }
        let bound = |pick: fn(f64, f64) -> f64, start: f64| {
            points
                .iter()
                .fold([start; 2], |b, p| [pick(b[0], p[0]), pick(b[1], p[1])])
        };
        let mut outline = Self {
            low: bound(f64::min, f64::INFINITY),
            high: bound(f64::max, f64::NEG_INFINITY),
            bands: vec![Vec::new(); points.len().min(BANDS_MAX)],
        };
        for (index, &b) in points.iter().enumerate() {
            let a = points[(index + points.len() - 1) % points.len()];
            let (first, last) = (outline.band(a[1].min(b[1])), outline.band(a[1].max(b[1])));
            for band in &mut outline.bands[first..=last] {
                band.push([b, a]);
            }
        }
        Some(outline)
    }

    fn band(&self, y_m: f64) -> usize {
        let share = (y_m - self.low[1]) / (self.high[1] - self.low[1]).max(f64::MIN_POSITIVE);
        let band = (share * self.bands.len() as f64).max(0.0) as usize;
        band.min(self.bands.len() - 1)
    }

    /// The even-odd rule.
    fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let is_near =
            (self.low[0]..=self.high[0]).contains(&x) && (self.low[1]..=self.high[1]).contains(&y);
        if !is_near {
            return false;
        }
        let crossed = self.bands[self.band(y)]
            .iter()
            .filter(|[a, b]| {
                (a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]
            })
            .count();
        crossed % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::geometry::polygon_contains;
    use driveloop_schemas::time::Day;

    use super::*;

    fn area(kind: &str, polygon: &[f64]) -> MapArea {
        MapArea {
            log_id: "d".into(),
            day: Day(0),
            area_id: "a".into(),
            kind: kind.into(),
            polygon: polygon.to_vec(),
            composed: Some(false),
        }
    }

    fn lane(left: &[f64], right: &[f64]) -> Lane {
        Lane {
            log_id: "d".into(),
            day: Day(0),
            lane_id: "1".into(),
            lane_type: "VEHICLE".into(),
            is_intersection: None,
            centre: Vec::new(),
            left_boundary: left.to_vec(),
            right_boundary: right.to_vec(),
            left_mark: None,
            right_mark: None,
            left_neighbour: None,
            right_neighbour: None,
            successors: Vec::new(),
            predecessors: Vec::new(),
            composed: Some(false),
        }
    }

    /// A star of many points, against the plain even-odd rule.
    #[test]
    fn bands_change_nothing() {
        let star: Vec<f64> = (0..700)
            .flat_map(|k| {
                let angle = f64::from(k) * std::f64::consts::TAU / 700.0;
                let radius = 20.0 + 7.0 * (9.0 * angle).sin() + f64::from(k % 3);
                [radius * angle.cos() + 100.0, radius * angle.sin() - 50.0]
            })
            .collect();
        let road = Road::from_map(&[area("drivable", &star)], &[]);
        let mut inside = 0;
        for i in 0..120 {
            for j in 0..120 {
                let point = [69.7 + 0.513 * f64::from(i), -80.3 + 0.511 * f64::from(j)];
                let expected = polygon_contains(&star, point[0], point[1]);
                assert_eq!(road.contains(point), expected, "{point:?}");
                inside += usize::from(expected);
            }
        }
        assert!(inside > 1_000, "{inside}");
    }

    #[test]
    fn lanes_count_where_there_is_no_drivable_area() {
        let lanes = [lane(&[0.0, 2.0, 50.0, 2.0], &[0.0, -2.0, 50.0, -2.0])];
        let crossing = area("pedestrian_crossing", &[60.0, 0.0, 70.0, 0.0, 70.0, 9.0]);
        let by_lanes = Road::from_map(std::slice::from_ref(&crossing), &lanes);
        assert!(by_lanes.contains([25.0, 1.9]) && !by_lanes.contains([25.0, 2.1]));
        assert!(!by_lanes.contains([66.0, 1.0]));
        let areas = [
            crossing,
            area("drivable", &[60.0, 0.0, 70.0, 0.0, 70.0, 9.0]),
        ];
        let by_area = Road::from_map(&areas, &lanes);
        assert!(by_area.contains([66.0, 1.0]) && !by_area.contains([25.0, 1.9]));
        assert!(!Road::from_map(&[area("drivable", &[0.0, 0.0])], &[]).is_known());
        assert!(!Road::from_map(&[], &[lane(&[], &[])]).is_known());
    }

    #[test]
    fn a_flat_outline_contains_nothing() {
        let road = Road::from_map(&[area("drivable", &[0.0, 1.0, 5.0, 1.0, 9.0, 1.0])], &[]);
        assert!(road.is_known() && !road.contains([4.0, 1.0]));
    }
}

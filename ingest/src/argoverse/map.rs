//! The vector map of a log.

use std::collections::BTreeMap;

use driveloop_lake::ObjectEntry;
use driveloop_schemas::time::Day;
use driveloop_schemas::{Lane, LogId, MapArea, Severity};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Log;
use crate::error::{Error, Result};
use crate::findings::Found;
use crate::polyline;

/// Whether the file is the vector map.
pub(super) fn is_map(relative: &str) -> bool {
    relative.starts_with("map/log_map_archive_") && relative.ends_with(".json")
}

#[derive(Deserialize)]
struct Archive {
    #[serde(default)]
    lane_segments: BTreeMap<String, Value>,
    #[serde(default)]
    pedestrian_crossings: BTreeMap<String, Value>,
    #[serde(default)]
    drivable_areas: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Deserialize)]
struct LaneSegment {
    id: i64,
    is_intersection: bool,
    lane_type: String,
    left_lane_boundary: Vec<Point>,
    right_lane_boundary: Vec<Point>,
    #[serde(default)]
    centerline: Vec<Point>,
    left_lane_mark_type: Option<String>,
    right_lane_mark_type: Option<String>,
    #[serde(default)]
    successors: Vec<i64>,
    #[serde(default)]
    predecessors: Vec<i64>,
    left_neighbor_id: Option<i64>,
    right_neighbor_id: Option<i64>,
}

#[derive(Deserialize)]
struct Crossing {
    id: i64,
    edge1: Vec<Point>,
    edge2: Vec<Point>,
}

#[derive(Deserialize)]
struct DrivableArea {
    id: i64,
    area_boundary: Vec<Point>,
}

impl Log<'_> {
    /// Reads the map. One that is damaged or missing costs the map, not the drive.
    pub(super) fn map(&mut self) -> Result<()> {
        let Some(file) = self
            .drive
            .files
            .iter()
            .find(|file| is_map(self.drive.relative(file)))
        else {
            let found = Found::one("no_map", Severity::Warning, "map", None);
            self.out.findings.add(found, || {
                "expected map/log_map_archive_*.json, got none".to_owned()
            });
            return Ok(());
        };
        let name = self.drive.relative(file);
        let archive = match self.archive(file) {
            Ok(archive) => archive,
            // The store failed, which says nothing about the map: the drive is read another time.
            Err(error @ Error::Source { .. }) => return Err(error),
            Err(error) => {
                self.out.records_in += 1;
                let found = Found::dropped("damaged_map", Severity::Error, name, None);
                self.out.findings.add(found, || error.with_causes());
                return Ok(());
            }
        };
        self.out.facts.lanes = self.elements(name, &archive.lane_segments, lane).into();
        let crossings = self.elements(name, &archive.pedestrian_crossings, crossing);
        self.out.facts.map_areas = self
            .elements(name, &archive.drivable_areas, drivable)
            .into();
        self.out.facts.map_areas.extend(crossings);
        Ok(())
    }

    fn archive(&self, file: &ObjectEntry) -> Result<Archive> {
        let bytes = self.blobs.whole(file, self.limits.file_bytes_max)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Format {
            file: file.path.clone(),
            expected: "a map archive of Argoverse 2".to_owned(),
            actual: error.to_string(),
        })
    }

    /// Converts the elements of one kind; one that is not what it should be is dropped.
    fn elements<T: DeserializeOwned, R>(
        &mut self,
        name: &str,
        elements: &BTreeMap<String, Value>,
        convert: fn(T) -> Option<R>,
    ) -> Vec<R> {
        let mut rows = Vec::new();
        for (id, element) in elements {
            self.out.records_in += 1;
            let row = T::deserialize(element).map_err(|error| error.to_string());
            match row
                .and_then(|element| convert(element).ok_or_else(|| "too few points".to_owned()))
            {
                Ok(row) => {
                    rows.push(row);
                    self.out.records_used += 1;
                }
                Err(actual) => {
                    let found = Found::dropped("map_element", Severity::Error, name, None);
                    self.out.findings.add(found, || {
                        format!("element {id}: expected lines of points, got {actual}")
                    });
                }
            }
        }
        rows
    }
}

fn flat(points: &[Point]) -> Vec<f64> {
    points.iter().flat_map(|point| [point.x, point.y]).collect()
}

fn lane(segment: LaneSegment) -> Option<Lane> {
    let (left, right) = (
        flat(&segment.left_lane_boundary),
        flat(&segment.right_lane_boundary),
    );
    let centre = if segment.centerline.len() > 1 {
        flat(&segment.centerline)
    } else {
        polyline::middle(&left, &right)?
    };
    let text = |id: i64| id.to_string();
    Some(Lane {
        log_id: LogId::default(),
        day: Day(0),
        lane_id: segment.id.to_string().into(),
        lane_type: segment.lane_type,
        is_intersection: Some(segment.is_intersection),
        centre,
        left_boundary: left,
        right_boundary: right,
        left_mark: segment.left_lane_mark_type,
        right_mark: segment.right_lane_mark_type,
        left_neighbour: segment.left_neighbor_id.map(text),
        right_neighbour: segment.right_neighbor_id.map(text),
        successors: segment.successors.into_iter().map(text).collect(),
        predecessors: segment.predecessors.into_iter().map(text).collect(),
        composed: None,
    })
}

/// The outline of a crossing runs along its first edge and back along its second.
fn crossing(crossing: Crossing) -> Option<MapArea> {
    let (first, second) = (flat(&crossing.edge1), flat(&crossing.edge2));
    area(
        crossing.id,
        "pedestrian_crossing",
        polyline::between_edges(&first, &second)?,
    )
}

fn drivable(drivable: DrivableArea) -> Option<MapArea> {
    area(drivable.id, "drivable", flat(&drivable.area_boundary))
}

fn area(id: i64, kind: &str, polygon: Vec<f64>) -> Option<MapArea> {
    let polygon = polyline::open_polygon(polygon)?;
    Some(MapArea {
        log_id: LogId::default(),
        day: Day(0),
        area_id: id.to_string(),
        kind: kind.to_owned(),
        polygon,
        composed: None,
    })
}

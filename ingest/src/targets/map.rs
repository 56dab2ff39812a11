//! The map that a log carries as JSON text.

use driveloop_schemas::time::Day;
use driveloop_schemas::{Lane, LogId, MapArea};
use serde::Deserialize;
use serde_json::Value as Json;

use super::target::{Message, Taken, Target, Timing};
use crate::assembly::Assembly;
use crate::encoding::wants::{MESSAGE, Text, Wants};
use crate::error::Result;
use crate::polyline;
use crate::refused::Refused;

#[derive(Deserialize)]
struct Map {
    #[serde(default)]
    lanes: Vec<Json>,
    #[serde(default)]
    areas: Vec<Json>,
}

#[derive(Deserialize)]
struct MapLane {
    lane_id: String,
    lane_type: String,
    is_intersection: Option<bool>,
    #[serde(default)]
    centre: Vec<f64>,
    left_boundary: Vec<f64>,
    right_boundary: Vec<f64>,
    left_mark: Option<String>,
    right_mark: Option<String>,
    left_neighbour: Option<String>,
    right_neighbour: Option<String>,
    #[serde(default)]
    successors: Vec<String>,
    #[serde(default)]
    predecessors: Vec<String>,
}

#[derive(Deserialize)]
struct Area {
    area_id: String,
    kind: String,
    polygon: Vec<f64>,
}

/// `std_msgs/msg/String` with lanes and areas; each element counts as a record of its own. A later map is passed over.
pub(super) struct Maps {
    text: Text,
}

impl Maps {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        let text = wants.text(MESSAGE, "data")?;
        Ok(Self { text })
    }
}

impl Target for Maps {
    fn timing(&self) -> Timing {
        Timing::OfContents
    }

    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let map: Map = match serde_json::from_str(message.row.text(self.text)) {
            Ok(map) => map,
            Err(error) => return Ok(Err(Refused::error("map_element", error.to_string()))),
        };
        let facts = &mut drive.out.facts;
        if !(facts.lanes.is_empty() && facts.map_areas.is_empty()) {
            let reason = "the first map was kept".to_owned();
            return Ok(Err(Refused::info("repeated_map", reason)));
        }
        for element in map.lanes {
            let lane = MapLane::deserialize(element).ok().and_then(lane);
            let kept = lane.map(|lane| drive.out.facts.lanes.push(lane));
            count(message, kept.is_some(), drive);
        }
        for element in map.areas {
            let area = Area::deserialize(element).ok().and_then(area);
            let kept = area.map(|area| drive.out.facts.map_areas.push(area));
            count(message, kept.is_some(), drive);
        }
        Ok(Ok(()))
    }
}

/// Counts a lane or area as a record.
fn count(message: &Message<'_>, is_kept: bool, drive: &mut Assembly<'_>) {
    drive.out.records_in += 1;
    if is_kept {
        drive.out.records_used += 1;
    } else {
        let reason = "expected a lane or area with its lines, got something else".to_owned();
        drive.refuse(message.topic, None, Refused::error("map_element", reason));
    }
}

fn lane(lane: MapLane) -> Option<Lane> {
    let is_line =
        |line: &[f64]| line.len().is_multiple_of(2) && line.iter().all(|value| value.is_finite());
    let centre = if lane.centre.len() >= 4 {
        lane.centre
    } else {
        polyline::middle(&lane.left_boundary, &lane.right_boundary)?
    };
    if ![&centre, &lane.left_boundary, &lane.right_boundary]
        .into_iter()
        .all(|line| is_line(line))
    {
        return None;
    }
    Some(Lane {
        log_id: LogId::default(),
        day: Day(0),
        lane_id: lane.lane_id.into(),
        lane_type: lane.lane_type,
        is_intersection: lane.is_intersection,
        centre,
        left_boundary: lane.left_boundary,
        right_boundary: lane.right_boundary,
        left_mark: lane.left_mark,
        right_mark: lane.right_mark,
        left_neighbour: lane.left_neighbour,
        right_neighbour: lane.right_neighbour,
        successors: lane.successors,
        predecessors: lane.predecessors,
        composed: None,
    })
}

fn area(area: Area) -> Option<MapArea> {
    let known = matches!(area.kind.as_str(), "drivable" | "pedestrian_crossing");
    let polygon = polyline::open_polygon(area.polygon).filter(|_| known)?;
    Some(MapArea {
        log_id: LogId::default(),
        day: Day(0),
        area_id: area.area_id,
        kind: area.kind,
        polygon,
        composed: None,
    })
}

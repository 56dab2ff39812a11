//! The map that a log carries as JSON text.

use driveloop_schemas::time::Day;
use driveloop_schemas::{Lane, LogId, MapArea};
use serde::Deserialize;
use serde_json::Value as Json;

use super::reader::{Message, Reader, Refused};
use super::wants::Text;
use crate::polyline;

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

impl Reader<'_> {
    /// `std_msgs/msg/String` with lanes and areas; each element counts as a record of its own. A later map is passed over.
    pub(super) fn map(&mut self, message: &Message<'_>, text: Text) -> Result<(), Refused> {
        let text = message.row.text(text);
        let damaged = |error: serde_json::Error| Refused::error("map_element", error.to_string());
        let map: Map = serde_json::from_str(text).map_err(damaged)?;
        if !(self.out.facts.lanes.is_empty() && self.out.facts.map_areas.is_empty()) {
            return Err(Refused::info(
                "repeated_map",
                "the first map was kept".to_owned(),
            ));
        }
        for element in map.lanes {
            let lane = MapLane::deserialize(element).ok().and_then(lane);
            let rows = &mut self.out.facts.lanes;
            let kept = lane.map(|lane| rows.push(lane));
            self.element(message, kept.is_some());
        }
        for element in map.areas {
            let area = Area::deserialize(element).ok().and_then(area);
            let rows = &mut self.out.facts.map_areas;
            let kept = area.map(|area| rows.push(area));
            self.element(message, kept.is_some());
        }
        Ok(())
    }

    fn element(&mut self, message: &Message<'_>, is_kept: bool) {
        self.out.records_in += 1;
        if is_kept {
            self.out.records_used += 1;
        } else {
            let reason = "expected a lane or area with its lines, got something else".to_owned();
            self.refuse(message.topic, None, Refused::error("map_element", reason));
        }
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

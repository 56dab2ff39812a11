//! The map of a simulated drive, as the JSON that its `/map` topic carries.

use serde::Serialize;

use crate::traffic::Road;

/// Length of a lane segment.
const SEGMENT_M: f64 = 150.0;
/// Distance between the points of a line.
const POINT_SPACING_M: f64 = 5.0;

#[derive(Serialize)]
struct Map {
    lanes: Vec<MapLane>,
    areas: Vec<Area>,
}

#[derive(Serialize)]
struct MapLane {
    lane_id: String,
    lane_type: &'static str,
    is_intersection: bool,
    centre: Vec<f64>,
    left_boundary: Vec<f64>,
    right_boundary: Vec<f64>,
    left_neighbour: Option<String>,
    right_neighbour: Option<String>,
    successors: Vec<String>,
    predecessors: Vec<String>,
}

#[derive(Serialize)]
struct Area {
    area_id: String,
    kind: &'static str,
    polygon: Vec<f64>,
}

/// Lanes in segments, the drivable area, and the crossings.
pub(crate) fn map_json(road: &Road) -> serde_json::Result<String> {
    let length = road.length_m();
    let pieces = (length / SEGMENT_M).ceil().max(1.0) as usize;
    let lanes = (0..pieces)
        .flat_map(|piece| (0..road.lanes()).map(move |lane| (piece, lane)))
        .map(|(piece, lane)| lane_of(road, piece, pieces, lane))
        .collect();
    let edge = road.half_width_m();
    let mut areas = vec![Area {
        area_id: "carriageway".into(),
        kind: "drivable",
        polygon: band(road, 0.0, length, edge + 0.3),
    }];
    areas.extend(
        road.crossings_s_m()
            .iter()
            .enumerate()
            .map(|(index, s_m)| Area {
                area_id: format!("crossing-{index}"),
                kind: "pedestrian_crossing",
                polygon: band(road, s_m - 2.0, s_m + 2.0, edge + 0.5),
            }),
    );
    serde_json::to_string(&Map { lanes, areas })
}

fn lane_of(road: &Road, piece: usize, pieces: usize, lane: usize) -> MapLane {
    let length = road.length_m();
    let (from, to) = (
        length * piece as f64 / pieces as f64,
        length * (piece + 1) as f64 / pieces as f64,
    );
    let centre_d_m = road.lane_centre_d_m(lane);
    let half = road.half_width_m() / road.lanes() as f64;
    let line = |d_m: f64| {
        road.parallel(from, to, d_m, POINT_SPACING_M)
            .into_iter()
            .map(millimetres)
            .collect()
    };
    let name = |piece: usize, lane: usize| format!("lane-{lane}-{piece}");
    MapLane {
        lane_id: name(piece, lane),
        lane_type: "VEHICLE",
        is_intersection: false,
        centre: line(centre_d_m),
        left_boundary: line(centre_d_m + half),
        right_boundary: line(centre_d_m - half),
        left_neighbour: (lane + 1 < road.lanes()).then(|| name(piece, lane + 1)),
        right_neighbour: lane.checked_sub(1).map(|lane| name(piece, lane)),
        successors: (piece + 1 < pieces)
            .then(|| name(piece + 1, lane))
            .into_iter()
            .collect(),
        predecessors: piece
            .checked_sub(1)
            .map(|piece| name(piece, lane))
            .into_iter()
            .collect(),
    }
}

/// The outline of a piece of the road, open, counter-clockwise.
fn band(road: &Road, from_s_m: f64, to_s_m: f64, half_m: f64) -> Vec<f64> {
    let right = road.parallel(from_s_m, to_s_m, -half_m, POINT_SPACING_M);
    let left = road.parallel(from_s_m, to_s_m, half_m, POINT_SPACING_M);
    let back = left.chunks_exact(2).rev().flatten().copied();
    right.into_iter().chain(back).map(millimetres).collect()
}

fn millimetres(value_m: f64) -> f64 {
    (value_m * 1000.0).round() / 1000.0
}

//! The host: a recorded drive, with its tracks on a grid of time.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::time::seconds_between;
use driveloop_schemas::{Drive, EGO_CATEGORY, EgoState, Lane, MapArea, ObjectTrack, TrackId};

use super::grid::{GRID_S, GridTrack, Sample, State};
use super::ground::Ground;
use super::sight::Body;

/// Categories that drive on the road and follow each other.
pub(crate) const VEHICLES: [&str; 9] = [
    "REGULAR_VEHICLE",
    "LARGE_VEHICLE",
    "BUS",
    "BOX_TRUCK",
    "TRUCK",
    "TRUCK_CAB",
    "SCHOOL_BUS",
    "ARTICULATED_BUS",
    EGO_CATEGORY,
];
/// Rows that a track must have to be edited or to react.
const ROWS_MIN: usize = 10;

/// A drive of the lake, whole.
#[derive(Debug, Clone)]
pub struct HostScene {
    /// Its row.
    pub drive: Drive,
    /// All its object rows, by track, then stamp.
    pub object_tracks: Vec<ObjectTrack>,
    /// Its ego states, by stamp.
    pub ego_states: Vec<EgoState>,
    /// Its lanes.
    pub lanes: Vec<Lane>,
    /// Its areas.
    pub areas: Vec<MapArea>,
    pub(crate) ego_id: TrackId,
    /// Vehicles, the ego among them, as boxes on the grid.
    pub(crate) vehicles: BTreeMap<TrackId, GridTrack>,
    /// Place of the ego's box in the ego frame.
    pub(crate) ego_from_box: [f64; 3],
    /// Where one may drive.
    pub(crate) ground: Ground,
    /// Rows of each track: range in `object_tracks`.
    pub(crate) rows_of: BTreeMap<TrackId, std::ops::Range<usize>>,
}

impl HostScene {
    /// Brings the rows of a drive together; none where it has no ego rows or no ego states.
    #[must_use]
    pub fn new(
        drive: Drive,
        mut object_tracks: Vec<ObjectTrack>,
        mut ego_states: Vec<EgoState>,
        lanes: Vec<Lane>,
        areas: Vec<MapArea>,
    ) -> Option<Self> {
        object_tracks.sort_by(|a, b| {
            (a.track_id.as_str(), a.stamp_ns).cmp(&(b.track_id.as_str(), b.stamp_ns))
        });
        ego_states.sort_by_key(|state| state.stamp_ns);
        let ego_row = object_tracks
            .iter()
            .find(|row| row.category == EGO_CATEGORY)?;
        let ego_id = ego_row.track_id.clone();
        let ego_from_box = [ego_row.ego_x_m, ego_row.ego_y_m, ego_row.ego_z_m];
        let ego_size = [ego_row.length_m, ego_row.width_m, ego_row.height_m];
        let rows_of = ranges(&object_tracks);
        let start_ns = drive.start_ns;
        let mut vehicles = BTreeMap::new();
        for (track_id, range) in &rows_of {
            let rows = &object_tracks[range.clone()];
            if VEHICLES.contains(&rows[0].category.as_str())
                && rows.len() >= ROWS_MIN
                && *track_id != ego_id
                && rows.iter().all(is_finite)
            {
                let samples: Vec<Sample> = rows.iter().map(|r| sample(r, start_ns)).collect();
                let size = [rows[0].length_m, rows[0].width_m, rows[0].height_m];
                vehicles.extend(GridTrack::smoothed(&samples, size).map(|g| (track_id.clone(), g)));
            }
        }
        let is_placed = |s: &&EgoState| {
            [s.x_m, s.y_m, s.z_m, s.yaw_rad]
                .iter()
                .all(|v| v.is_finite())
        };
        let samples: Vec<Sample> = ego_states
            .iter()
            .filter(is_placed)
            .map(|s| ego_sample(s, start_ns, ego_from_box))
            .collect();
        vehicles.insert(ego_id.clone(), GridTrack::interpolated(&samples, ego_size)?);
        let ground = Ground::new(&areas, &lanes);
        Some(Self {
            drive,
            object_tracks,
            ego_states,
            lanes,
            areas,
            ego_id,
            vehicles,
            ego_from_box,
            ground,
            rows_of,
        })
    }

    /// Time of a stamp on the grid's axis.
    pub(crate) fn time_s(&self, stamp_ns: i64) -> f64 {
        seconds_between(self.drive.start_ns, stamp_ns)
    }

    /// The stamp of a grid step.
    pub(crate) fn stamp_ns(&self, step: usize) -> i64 {
        self.drive.start_ns + (step as f64 * GRID_S * 1e9).round() as i64
    }

    pub(crate) fn step_of(&self, stamp_ns: i64) -> usize {
        (self.time_s(stamp_ns) / GRID_S).round().max(0.0) as usize
    }

    pub(crate) fn ego(&self) -> &GridTrack {
        &self.vehicles[&self.ego_id]
    }

    /// A vehicle's body at a step of a track of it.
    pub(crate) fn body(&self, track_id: &str, track: &GridTrack, step: usize) -> Option<Body> {
        let state = track.state(step)?;
        // The height of the ego's states is that of its frame.
        let above_m = if self.ego_id == *track_id {
            self.ego_from_box[2]
        } else {
            0.0
        };
        Some(Body {
            footprint: state.footprint(track.size),
            height_m: track.size[2],
            top_z_m: state.z_m + above_m + track.size[2] / 2.0,
        })
    }

    /// Height of the ground under the ego at a step.
    pub(crate) fn ground_z_m(&self, step: usize) -> f64 {
        let ego = self.ego();
        let last = ego.end() - 1;
        let body = self.body(&self.ego_id, ego, step.clamp(ego.first, last));
        body.map_or(0.0, |body| body.top_z_m - body.height_m)
    }

    pub(crate) fn rows(&self, track_id: &str) -> &[ObjectTrack] {
        self.rows_of
            .get(track_id)
            .map_or(&[], |range| &self.object_tracks[range.clone()])
    }

    /// The stamps at which objects were annotated.
    pub(crate) fn stamps(&self) -> BTreeSet<i64> {
        self.object_tracks.iter().map(|row| row.stamp_ns).collect()
    }
}

/// Whether a row says where its box is: a smoothed track has no place for one that does not.
pub(crate) fn is_finite(row: &ObjectTrack) -> bool {
    let place = [row.x_m, row.y_m, row.z_m, row.yaw_rad];
    let size = [row.length_m, row.width_m, row.height_m];
    place.iter().chain(&size).all(|value| value.is_finite())
}

fn ranges(rows: &[ObjectTrack]) -> BTreeMap<TrackId, std::ops::Range<usize>> {
    let mut ranges = BTreeMap::new();
    let mut start = 0;
    for chunk in rows.chunk_by(|a, b| a.track_id == b.track_id) {
        ranges.insert(chunk[0].track_id.clone(), start..start + chunk.len());
        start += chunk.len();
    }
    ranges
}

fn sample(row: &ObjectTrack, start_ns: i64) -> Sample {
    let state = State {
        x_m: row.x_m,
        y_m: row.y_m,
        z_m: row.z_m,
        yaw_rad: row.yaw_rad,
    };
    Sample {
        time_s: seconds_between(start_ns, row.stamp_ns),
        state,
    }
}

/// The middle of the ego's box at a state; the height stays that of the ego frame.
fn ego_sample(row: &EgoState, start_ns: i64, offset: [f64; 3]) -> Sample {
    let (sin, cos) = sin_cos(row.yaw_rad);
    let state = State {
        x_m: row.x_m + offset[0] * cos - offset[1] * sin,
        y_m: row.y_m + offset[0] * sin + offset[1] * cos,
        z_m: row.z_m,
        yaw_rad: row.yaw_rad,
    };
    Sample {
        time_s: seconds_between(start_ns, row.stamp_ns),
        state,
    }
}

//! A sample as numbers, in the frame of the actor at the present.

use driveloop_schemas::forecast::{
    ForecastSample, HISTORY_CHANNELS, HISTORY_STEPS, HORIZON_STEPS, LANE_CHANNELS, LANE_POINTS,
    NEIGHBOUR_CHANNELS, NEIGHBOURS,
};
use driveloop_schemas::maths::{hypot, sin_cos};
use driveloop_schemas::{EGO_CATEGORY, ObjectTrack, Sample};

use super::lanes::Lanes;
use super::tracks::{Tracks, window};

/// The actor's frame: coordinates are subtracted in doubles, because map coordinates run to kilometres.
struct Frame {
    x_m: f64,
    y_m: f64,
    yaw_rad: f64,
    sin: f64,
    cos: f64,
}

impl Frame {
    fn of(row: &ObjectTrack) -> Self {
        let (sin, cos) = sin_cos(row.yaw_rad);
        Self {
            x_m: row.x_m,
            y_m: row.y_m,
            yaw_rad: row.yaw_rad,
            sin,
            cos,
        }
    }

    fn rotate(&self, x: f64, y: f64) -> [f32; 2] {
        [
            (x * self.cos + y * self.sin) as f32,
            (y * self.cos - x * self.sin) as f32,
        ]
    }

    fn point(&self, x_m: f64, y_m: f64) -> [f32; 2] {
        self.rotate(x_m - self.x_m, y_m - self.y_m)
    }

    /// x, y, cos and sin of the heading, vx, vy; an unknown velocity is zero.
    fn state(&self, row: &ObjectTrack) -> [f32; HISTORY_CHANNELS] {
        let [x, y] = self.point(row.x_m, row.y_m);
        let (sin, cos) = sin_cos(row.yaw_rad - self.yaw_rad);
        let [vx, vy] = self.rotate(row.vx_mps.unwrap_or(0.0), row.vy_mps.unwrap_or(0.0));
        [x, y, cos as f32, sin as f32, vx, vy]
    }
}

/// The features of a sample; `None` where its rows are no longer in the tracks.
pub(super) fn features(sample: &Sample, tracks: &Tracks, lanes: &Lanes) -> Option<ForecastSample> {
    let window = window(tracks.track(&sample.track_id)?, sample.stamp_ns)?;
    let present = window
        .past
        .last()
        .filter(|row| row.stamp_ns == sample.stamp_ns)?;
    let frame = Frame::of(present);
    let mut history = Vec::with_capacity(HISTORY_STEPS * HISTORY_CHANNELS);
    for row in &window.past {
        history.extend(frame.state(row));
    }
    let mut future = Vec::with_capacity(HORIZON_STEPS * 2);
    for row in &window.future {
        future.extend(frame.point(row.x_m, row.y_m));
    }
    let mut lane = vec![0.0; LANE_POINTS * LANE_CHANNELS];
    let ahead = lanes.ahead(present.x_m, present.y_m, present.yaw_rad);
    for (slot, point) in lane.chunks_exact_mut(LANE_CHANNELS).zip(ahead) {
        let [x, y] = frame.point(point[0], point[1]);
        slot.copy_from_slice(&[1.0, x, y]);
    }
    Some(ForecastSample {
        sample_id: sample.sample_id.to_string(),
        split: sample.split.clone(),
        weight: sample.weight,
        anchor_x_m: present.x_m,
        anchor_y_m: present.y_m,
        anchor_yaw_rad: present.yaw_rad,
        history,
        actor: actor(present),
        neighbours: neighbours(&frame, present, tracks),
        lane,
        future,
    })
}

/// Categories that go on foot, and that ride on two wheels: they move unlike cars.
const ON_FOOT: [&str; 3] = ["PEDESTRIAN", "STROLLER", "WHEELCHAIR"];
const ON_TWO_WHEELS: [&str; 4] = ["BICYCLIST", "MOTORCYCLE", "MOTORCYCLIST", "WHEELED_RIDER"];

/// What the actor is.
fn actor(present: &ObjectTrack) -> Vec<f32> {
    let category = present.category.as_str();
    let yes = |is: bool| f32::from(u8::from(is));
    vec![
        present.length_m as f32,
        present.width_m as f32,
        yes(category == EGO_CATEGORY),
        yes(ON_FOOT.contains(&category)),
        yes(ON_TWO_WHEELS.contains(&category)),
    ]
}

/// Those at the same stamp, nearest first; ties by track.
fn neighbours(frame: &Frame, present: &ObjectTrack, tracks: &Tracks) -> Vec<f32> {
    let distance_m = |row: &ObjectTrack| hypot(row.x_m - present.x_m, row.y_m - present.y_m);
    let mut others: Vec<&ObjectTrack> = tracks
        .at(present.stamp_ns)
        .filter(|row| row.track_id != present.track_id)
        .collect();
    others.sort_by(|a, b| {
        distance_m(a)
            .total_cmp(&distance_m(b))
            .then_with(|| a.track_id.cmp(&b.track_id))
    });
    let mut values = vec![0.0; NEIGHBOURS * NEIGHBOUR_CHANNELS];
    for (slot, row) in values.chunks_exact_mut(NEIGHBOUR_CHANNELS).zip(others) {
        let is_ego = f32::from(u8::from(row.category == EGO_CATEGORY));
        slot[0] = 1.0;
        slot[1..7].copy_from_slice(&frame.state(row));
        slot[7..].copy_from_slice(&[row.length_m as f32, row.width_m as f32, is_ego]);
    }
    values
}

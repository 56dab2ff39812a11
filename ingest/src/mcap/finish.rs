//! What can only be said once a file was read: the ego's way, positions on it, the actors around it.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::pose::Pose;
use driveloop_schemas::{EGO_CATEGORY, EGO_TRACK_ID, EgoState, Origin, Severity};

use super::objects::{Frame, Object};
use super::reader::{Reader, Refused};
use crate::actors::{EgoAt, Observed, object_tracks};
use crate::decoded::{About, DecodedDrive};
use crate::ego::{EgoSample, EgoTrack, PoseAt};
use crate::findings::Found;
use crate::motion::HALF_WINDOW_NS;
use crate::quality::{
    check_pose_jumps, check_size, check_stamps, drop_without_pose, note_interpolated,
};

/// The ego's extent where the log does not give it: that of the Argoverse 2 vehicle.
const EGO_SIZE_M: [f64; 3] = [4.877, 2.0, 1.473];
/// From the rear axle, which is the origin of `base_link`, to the centre of the box, where the log does not give it.
const REAR_AXLE_TO_CENTRE_M: f64 = 1.42;

/// Poses of the ego by stamp.
type Poses = BTreeMap<i64, EgoSample>;

impl Reader<'_> {
    /// The drive.
    pub(super) fn finish(mut self) -> DecodedDrive {
        self.out.about = about(&self.metadata);
        for (topic, stamps) in &self.stamps {
            check_stamps(&mut self.out.findings, topic, stamps);
        }
        let (topic, poses) = self.choose_poses();
        let track = EgoTrack::new(poses);
        self.out.ego_states = track.states();
        if let Some(topic) = topic {
            check_pose_jumps(&mut self.out.findings, &topic, &self.out.ego_states);
        }
        self.place_fixes();
        self.place_objects(&track);
        self.out
    }

    /// The topic with the most poses is the ego's way; transforms only where there is none. The others are reported.
    fn choose_poses(&mut self) -> (Option<String>, Poses) {
        let odometry = std::mem::take(&mut self.poses);
        let transforms = std::mem::take(&mut self.transforms);
        let best = |topics: &BTreeMap<String, Poses>| {
            // Of equal ones the first by name.
            topics
                .iter()
                .rev()
                .max_by_key(|(_, poses)| poses.len())
                .map(|(topic, _)| topic.clone())
        };
        let chosen = best(&odometry).or_else(|| best(&transforms));
        let mut way = Poses::new();
        for (topic, poses) in odometry.into_iter().chain(transforms) {
            if chosen.as_ref() == Some(&topic) {
                way = poses;
                continue;
            }
            let span = poses
                .keys()
                .next()
                .copied()
                .zip(poses.keys().next_back().copied());
            let count = poses.len() as u64;
            let used = chosen.clone().unwrap_or_default();
            self.out.records_used -= count;
            let found = Found {
                check: "unused_topic",
                severity: Severity::Info,
                subject: &topic,
                span_ns: span,
                count,
                dropped: count,
            };
            self.out
                .findings
                .add(found, || format!("the poses of `{used}` are the ego's way"));
        }
        (chosen, way)
    }

    /// Each fix goes to the nearest state of the ego.
    fn place_fixes(&mut self) {
        let mut fixes = std::mem::take(&mut self.fixes);
        fixes.sort_by_key(|fix| fix.stamp_ns);
        for fix in fixes {
            let state = nearest(&mut self.out.ego_states, fix.stamp_ns)
                .filter(|state| state.latitude_deg.is_none());
            if let Some(state) = state {
                state.latitude_deg = Some(fix.latitude_deg);
                state.longitude_deg = Some(fix.longitude_deg);
                continue;
            }
            self.out.records_used -= 1;
            let reason = format!(
                "expected a state of the ego near {} without a position yet, got none",
                fix.stamp_ns
            );
            self.refuse(
                &fix.topic,
                Some(fix.stamp_ns),
                Refused::info("unmatched_fix", reason),
            );
        }
    }

    /// Places the actors in the map and around the ego, and adds the ego at each of their stamps.
    fn place_objects(&mut self, track: &EgoTrack) {
        let objects = std::mem::take(&mut self.objects);
        let mut stamps = std::mem::take(&mut self.object_stamps);
        let mut ego = BTreeMap::new();
        let mut interpolated = BTreeSet::new();
        stamps.retain(|stamp_ns| {
            let Some((map_from_ego, how)) = track.pose_at(*stamp_ns) else {
                return false;
            };
            if how == PoseAt::Interpolated {
                interpolated.insert(*stamp_ns);
            }
            ego.insert(*stamp_ns, self.ego_at(map_from_ego, *stamp_ns));
            true
        });
        let mut observed = Vec::with_capacity(objects.len() + stamps.len());
        for object in objects {
            let findings = &mut self.out.findings;
            let Some(ego) = ego.get(&object.stamp_ns) else {
                drop_without_pose(findings, &object.topic, object.stamp_ns);
                continue;
            };
            check_size(findings, &object.category, object.stamp_ns, object.size_m);
            if interpolated.remove(&object.stamp_ns) {
                note_interpolated(findings, &object.topic, object.stamp_ns);
            }
            self.out.records_used += 1;
            observed.push(placed(object, ego));
        }
        let ego_box = EgoBox::of(&self.metadata);
        for (stamp_ns, ego) in &ego {
            let yaw_rate = self.motion_at(*stamp_ns).and_then(|(_, yaw_rate)| yaw_rate);
            observed.push(ego_box.observed(*stamp_ns, ego, yaw_rate));
        }
        let ego: BTreeMap<i64, EgoAt> = ego;
        self.out.object_tracks = object_tracks(observed, &ego);
    }

    fn ego_at(&self, map_from_ego: Pose, stamp_ns: i64) -> EgoAt {
        let (sin, cos) = map_from_ego.rotation.yaw_rad().sin_cos();
        let speed = self.motion_at(stamp_ns).map(|(speed, _)| speed);
        EgoAt {
            map_from_ego,
            velocity_mps: speed.map(|speed| [speed * cos, speed * sin]),
        }
    }

    /// Speed and yaw rate of the ego at a stamp: interpolated between its states, or those of the nearest.
    fn motion_at(&self, stamp_ns: i64) -> Option<(f64, Option<f64>)> {
        let states = &self.out.ego_states;
        let after = states.partition_point(|state| state.stamp_ns < stamp_ns);
        let b = states.get(after).or(states.last())?;
        let a = if after > 0 { &states[after - 1] } else { b };
        let span = (b.stamp_ns - a.stamp_ns) as f64;
        let part = if span > 0.0 {
            ((stamp_ns - a.stamp_ns) as f64 / span).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let mix = |x: f64, y: f64| x + (y - x) * part;
        let yaw_rate = a
            .yaw_rate_radps
            .zip(b.yaw_rate_radps)
            .map(|(x, y)| mix(x, y));
        Some((mix(a.speed_mps?, b.speed_mps?), yaw_rate))
    }
}

/// What the log's own metadata says.
fn about(metadata: &BTreeMap<String, String>) -> About {
    let text = |key: &str| metadata.get(key).filter(|value| !value.is_empty()).cloned();
    let simulated = metadata
        .get("origin")
        .is_some_and(|origin| origin == Origin::Simulated.as_str());
    About {
        origin: if simulated {
            Origin::Simulated
        } else {
            Origin::Recorded
        },
        vehicle_id: text("vehicle_id"),
        map_id: text("map_id"),
        region: text("region"),
        software_version: text("software_version"),
        licence: text("licence"),
    }
}

fn nearest(states: &mut [EgoState], stamp_ns: i64) -> Option<&mut EgoState> {
    let after = states.partition_point(|state| state.stamp_ns < stamp_ns);
    let distance = |at: usize| {
        states
            .get(at)
            .map_or(u64::MAX, |state| state.stamp_ns.abs_diff(stamp_ns))
    };
    let before = after.checked_sub(1).unwrap_or(after);
    let at = if distance(before) <= distance(after) {
        before
    } else {
        after
    };
    (distance(at) <= HALF_WINDOW_NS as u64).then(|| states.get_mut(at))?
}

fn placed(object: Object, ego: &EgoAt) -> Observed {
    let (map_from_object, ego_from_object) = match object.frame {
        Frame::Map => (
            object.frame_from_object,
            ego.map_from_ego.inverse().times(object.frame_from_object),
        ),
        Frame::Ego => (
            ego.map_from_ego.times(object.frame_from_object),
            object.frame_from_object,
        ),
    };
    let (sin, cos) = map_from_object.rotation.yaw_rad().sin_cos();
    let in_map = |[along, left]: [f64; 2]| [along * cos - left * sin, along * sin + left * cos];
    Observed {
        track_id: object.track_id,
        stamp_ns: object.stamp_ns,
        category: object.category,
        source_category: object.source_category,
        size_m: object.size_m,
        map_from_object,
        ego_from_object,
        velocity_mps: object.velocity_mps.map(in_map),
        accel_mps2: object.accel_mps2.map(in_map),
        lidar_points: None,
    }
}

/// The ego's box: its size, and its centre in the ego frame, whose origin lies on the ground below the rear axle.
struct EgoBox {
    size_m: [f64; 3],
    rear_axle_to_centre_m: f64,
}

impl EgoBox {
    fn of(metadata: &BTreeMap<String, String>) -> Self {
        let metres = |key: &str, default: f64| {
            let value = metadata
                .get(key)
                .and_then(|value| value.parse::<f64>().ok());
            value.filter(|value| value.is_finite()).unwrap_or(default)
        };
        let size_m = [
            metres("ego_length_m", EGO_SIZE_M[0]),
            metres("ego_width_m", EGO_SIZE_M[1]),
            metres("ego_height_m", EGO_SIZE_M[2]),
        ];
        Self {
            size_m,
            rear_axle_to_centre_m: metres("ego_rear_axle_to_centre_m", REAR_AXLE_TO_CENTRE_M),
        }
    }

    fn observed(&self, stamp_ns: i64, ego: &EgoAt, yaw_rate_radps: Option<f64>) -> Observed {
        let centre = [self.rear_axle_to_centre_m, 0.0, self.size_m[2] / 2.0];
        let ego_from_object = Pose {
            translation: centre,
            ..Pose::IDENTITY
        };
        let (sin, cos) = ego.map_from_ego.rotation.yaw_rad().sin_cos();
        // The centre goes round the rear axle in a turn.
        let swing_mps = yaw_rate_radps.unwrap_or(0.0) * self.rear_axle_to_centre_m;
        Observed {
            track_id: EGO_TRACK_ID.to_owned(),
            stamp_ns,
            category: EGO_CATEGORY.to_owned(),
            source_category: EGO_CATEGORY.to_owned(),
            size_m: self.size_m,
            map_from_object: ego.map_from_ego.times(ego_from_object),
            ego_from_object,
            velocity_mps: ego
                .velocity_mps
                .map(|[vx, vy]| [vx - swing_mps * sin, vy + swing_mps * cos]),
            accel_mps2: None,
            lidar_points: None,
        }
    }
}

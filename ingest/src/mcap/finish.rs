//! What can only be said once a file was read: the ego's way, positions on it, the actors around it.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::pose::Pose;
use driveloop_schemas::{EgoState, Origin, Severity};

use super::reader::{Reader, Refused};
use super::vehicle::Poses;
use crate::actors::{EgoAt, Sighting};
use crate::decoded::{About, DecodedDrive};
use crate::ego::{EgoSample, EgoTrack, PoseAt};
use crate::facts::span_of;
use crate::findings::{Findings, Found};
use crate::motion::HALF_WINDOW_NS;
use crate::quality::{
    check_coverage, check_pose_jumps, check_size, check_stamps, drop_without_pose,
    note_interpolated,
};

/// The ego's extent where the log does not give it: that of the Argoverse 2 vehicle.
const EGO_SIZE_M: [f64; 3] = [4.877, 2.0, 1.473];
/// From the rear axle, which is the origin of `base_link`, to the centre of the box, where the log does not give it.
const REAR_AXLE_TO_CENTRE_M: f64 = 1.42;

impl Reader<'_> {
    /// The drive.
    pub(super) fn finish(mut self) -> DecodedDrive {
        self.out.about = about(&self.metadata);
        self.check_topics();
        let (topic, poses) = self.choose_poses();
        let track = EgoTrack::new(poses);
        self.out.facts.ego_states = track.states().into();
        if let Some(topic) = topic {
            check_pose_jumps(&mut self.out.findings, &topic, &self.out.facts.ego_states);
        }
        self.place_fixes();
        self.place_actors(&track);
        self.calibrate();
        self.out
    }

    fn check_topics(&mut self) {
        let findings = &mut self.out.findings;
        let drive_ns = self.span_ns.unwrap_or_default();
        for (topic, at) in &self.topics {
            let seen = &mut self.seen[*at];
            let stamps = std::mem::take(&mut seen.stamps_ns);
            check_stamps(findings, topic, &stamps);
            check_coverage(findings, topic, &stamps, drive_ns);
            std::mem::take(&mut seen.clock).report(findings, topic);
            std::mem::take(&mut seen.frozen).report(findings, topic);
        }
        self.bus.report(findings);
        self.out.facts.signals.report_frozen(findings);
    }

    /// The topic with the most poses is the ego's way; transforms only where there is none. The others are reported.
    fn choose_poses(&mut self) -> (Option<String>, Vec<(i64, EgoSample)>) {
        let odometry = std::mem::take(&mut self.poses);
        let transforms = std::mem::take(&mut self.transforms);
        let best = |topics: &BTreeMap<String, Poses>| {
            // Of equal ones the first by name.
            topics
                .iter()
                .rev()
                .max_by_key(|(_, poses)| poses.samples.len())
                .map(|(topic, _)| topic.clone())
        };
        let chosen = best(&odometry).or_else(|| best(&transforms));
        let mut way = Vec::new();
        for (topic, poses) in odometry.into_iter().chain(transforms) {
            if chosen.as_ref() == Some(&topic) {
                way = poses.samples;
                continue;
            }
            let count = poses.samples.len() as u64;
            let used = chosen.clone().unwrap_or_default();
            self.out.records_used -= count;
            let found = Found {
                check: "unused_topic",
                severity: Severity::Info,
                subject: &topic,
                span_ns: span_of(poses.samples.iter().map(|(stamp_ns, _)| *stamp_ns)),
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
        let topics = std::mem::take(&mut self.topics);
        let topics: BTreeMap<usize, String> =
            topics.into_iter().map(|(name, at)| (at, name)).collect();
        for fix in fixes {
            let state = nearest(&mut self.out.facts.ego_states, fix.stamp_ns)
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
            let topic = topics.get(&fix.topic).map_or("", String::as_str);
            self.refuse(
                topic,
                Some(fix.stamp_ns),
                Refused::info("unmatched_fix", reason),
            );
        }
    }

    /// Places the actors in the map and around the ego, and adds the ego at each of their stamps.
    fn place_actors(&mut self, track: &EgoTrack) {
        let mut actors = std::mem::take(&mut self.out.facts.actors);
        let mut interpolated = BTreeSet::new();
        let states = &self.out.facts.ego_states;
        let ego_at = |sighting: &Sighting| {
            let (map_from_ego, how) = track.pose_at(sighting.stamp_ns)?;
            if how == PoseAt::Interpolated {
                interpolated.insert(sighting.stamp_ns);
            }
            Some(ego_at(states, map_from_ego, sighting.stamp_ns))
        };
        let ego: Vec<Option<EgoAt>> = actors.sightings().iter().map(ego_at).collect();
        let placed: Vec<bool> = ego.iter().map(Option::is_some).collect();
        let (findings, mut used) = (&mut self.out.findings, 0);
        // Where there are tracks, objects without identity are what those were made of.
        let unused = if self.has_tracks {
            std::mem::take(&mut self.untracked)
        } else {
            BTreeSet::new()
        };
        actors.place(ego, |actors, actor| {
            let sighting = actors.sighting_of(actor);
            let (topic, stamp_ns) = (actors.subject_name(sighting.subject), sighting.stamp_ns);
            if unused.contains(topic) {
                drop_untracked(findings, topic, stamp_ns);
                return false;
            }
            if !placed[actor.sighting.index()] {
                drop_without_pose(findings, topic, stamp_ns);
                return false;
            }
            check_size(
                findings,
                actors.category_name(actor),
                stamp_ns,
                actor.size_m,
            );
            if interpolated.remove(&stamp_ns) {
                note_interpolated(findings, topic, stamp_ns);
            }
            used += 1;
            true
        });
        self.out.records_used += used;
        let ego_box = EgoBox::of(&self.metadata);
        actors.add_ego(ego_box.size_m, ego_box.pose(), |stamp_ns, ego| {
            let (_, yaw_rate) = motion_at(states, stamp_ns)?;
            let speed = ego.velocity_mps.map(|[vx, vy]| {
                let (sin, cos) = ego.heading;
                vx * cos + vy * sin
            });
            // The centre goes round the rear axle in a turn.
            let swing_mps = yaw_rate.unwrap_or(0.0) * ego_box.rear_axle_to_centre_m;
            Some([speed?, swing_mps])
        });
        self.out.facts.actors = actors;
    }
}

fn drop_untracked(findings: &mut Findings, topic: &str, stamp_ns: i64) {
    let found = Found::dropped("unused_topic", Severity::Info, topic, Some(stamp_ns));
    findings.add(found, || {
        "objects without identity; another topic has tracks".to_owned()
    });
}

fn ego_at(states: &[EgoState], map_from_ego: Pose, stamp_ns: i64) -> EgoAt {
    let mut ego = EgoAt::new(map_from_ego, None);
    let (sin, cos) = ego.heading;
    let speed = motion_at(states, stamp_ns).map(|(speed, _)| speed);
    ego.velocity_mps = speed.map(|speed| [speed * cos, speed * sin]);
    ego
}

/// Speed and yaw rate of the ego at a stamp: interpolated between its states, or those of the nearest.
fn motion_at(states: &[EgoState], stamp_ns: i64) -> Option<(f64, Option<f64>)> {
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

    /// The centre of the box, in the frame of the ego.
    fn pose(&self) -> Pose {
        Pose {
            translation: [self.rear_axle_to_centre_m, 0.0, self.size_m[2] / 2.0],
            ..Pose::IDENTITY
        }
    }
}

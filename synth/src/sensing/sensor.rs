//! The perception of one drive: tracked objects, frame by frame.

use std::collections::BTreeMap;

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::maths::{cos, hypot, ln};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::config::{SensorConfig, between};
use super::sight::{Occluder, is_in_sight};
use crate::traffic::{Actor, ActorKind, Size, World};

/// One tracked object of a frame, in the map.
#[derive(Debug, Clone, PartialEq)]
pub struct SensedObject {
    /// The actor that it is. A log does not tell it.
    pub actor_id: u32,
    /// The track's identity in the log.
    pub track_uuid: [u8; 16],
    /// Class, as `autoware_perception_msgs/msg/ObjectClassification` numbers it.
    pub label: u8,
    /// How sure the perception is that it exists.
    pub existence_probability: f64,
    /// Centre of the box.
    pub x_m: f64,
    /// Centre of the box.
    pub y_m: f64,
    /// Heading.
    pub yaw_rad: f64,
    /// Along and across the heading.
    pub velocity_mps: [f64; 2],
    /// Along the heading.
    pub accel_mps2: f64,
    /// Rate of the heading.
    pub yaw_rate_radps: f64,
    /// Standard deviation that the perception states for the position.
    pub position_std_m: f64,
    /// Standard deviation that the perception states for the velocity.
    pub velocity_std_mps: f64,
    /// Its box.
    pub size: Size,
}

/// The identity of an actor in a log.
pub(crate) fn track_uuid(log_id: &str, actor_id: u32) -> [u8; 16] {
    let digest = Sha256::digest(format!("{log_id}/{actor_id}"));
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest[..16]);
    uuid
}

/// The label of `autoware_perception_msgs/msg/ObjectClassification`.
fn label_of(kind: ActorKind) -> u8 {
    match kind {
        ActorKind::Obstacle => 0,
        ActorKind::Ego | ActorKind::Car => 1,
        ActorKind::Truck => 2,
        ActorKind::Bus => 3,
        ActorKind::Bicycle => 6,
        ActorKind::Pedestrian => 7,
    }
}

/// The perception of one drive, with its own random stream.
///
/// ```
/// use driveloop_synth::sensing::{Sensor, SensorConfig};
/// use driveloop_synth::traffic::{World, WorldConfig};
///
/// let world = World::new(WorldConfig::default(), 7);
/// let mut sensor = Sensor::new("drive-1", SensorConfig::default(), 3);
/// let seen = sensor.observe(&world);
/// assert!(!seen.is_empty() && seen.len() < world.actors().len());
/// ```
#[derive(Debug, Clone)]
pub struct Sensor {
    log_id: String,
    config: SensorConfig,
    rng: ChaCha8Rng,
    tracks: BTreeMap<u32, TrackErrors>,
}

/// What goes on with one track.
#[derive(Debug, Clone)]
struct TrackErrors {
    /// Standardised errors: position x, y, speed, heading.
    standard: [f64; 4],
    is_missed: bool,
}

impl Sensor {
    /// A sensor that has seen nothing yet. The log's name is part of the tracks' identities.
    #[must_use]
    pub fn new(log_id: &str, config: SensorConfig, seed: u64) -> Self {
        Self {
            log_id: log_id.to_owned(),
            config,
            rng: ChaCha8Rng::seed_from_u64(seed),
            tracks: BTreeMap::new(),
        }
    }

    pub(crate) fn config(&self) -> &SensorConfig {
        &self.config
    }

    /// A sample of the standard normal distribution.
    pub(crate) fn normal(&mut self) -> f64 {
        normal(&mut self.rng)
    }

    /// The objects that the ego reports now: the next frame, 0.1 s after the one before.
    pub fn observe(&mut self, world: &World) -> Vec<SensedObject> {
        let actors = world.actors();
        let boxes: Vec<OrientedBox> = actors.iter().map(|a| a.footprint(world.road())).collect();
        let occluders = self.occluders(actors, &boxes);
        let eye = [boxes[0].x_m, boxes[0].y_m];
        let mut seen = Vec::new();
        for (index, actor) in actors.iter().enumerate().skip(1) {
            let distance_m = hypot(boxes[index].x_m - eye[0], boxes[index].y_m - eye[1]);
            let reach = distance_m / self.config.range_m;
            if reach > 1.0 || !is_in_sight(eye, index, &boxes[index], &occluders) {
                continue;
            }
            if !self.is_missed(actor.actor_id, reach) {
                seen.push(self.measure(actor, &boxes[index], reach));
            }
        }
        seen
    }

    /// Who hides others: people are too narrow, the ego is where the eye is.
    fn occluders(&self, actors: &[Actor], boxes: &[OrientedBox]) -> Vec<Occluder> {
        let hides = |actor: &Actor| {
            actor.size.height_m >= self.config.occluder_height_min_m
                && !matches!(actor.kind, ActorKind::Pedestrian | ActorKind::Ego)
        };
        let found = actors.iter().zip(boxes).enumerate();
        found
            .filter(|(_, (actor, _))| hides(actor))
            .map(|(index, (_, body))| Occluder::new(index, *body))
            .collect()
    }

    /// One step of the chain that loses the track and finds it again.
    fn is_missed(&mut self, actor_id: u32, reach: f64) -> bool {
        let config = &self.config;
        let share = between(config.miss_share_near, config.miss_share_far, reach * reach);
        let end = (1.0 / config.miss_frames_mean).min(1.0);
        // In the long run `share` of the frames are missed: begin · (1 − share) = end · share.
        let begin = end * share / (1.0 - share);
        let draw = self.rng.random_range(0.0..1.0);
        let fresh = !self.tracks.contains_key(&actor_id);
        let track = self.track(actor_id);
        track.is_missed = if fresh {
            draw < share
        } else if track.is_missed {
            draw >= end
        } else {
            draw < begin
        };
        track.is_missed
    }

    fn track(&mut self, actor_id: u32) -> &mut TrackErrors {
        let rng = &mut self.rng;
        self.tracks.entry(actor_id).or_insert_with(|| TrackErrors {
            standard: std::array::from_fn(|_| normal(rng)),
            is_missed: false,
        })
    }

    fn measure(&mut self, actor: &Actor, at: &OrientedBox, reach: f64) -> SensedObject {
        let keep = self.config.error_correlation;
        let fresh: [f64; 4] = std::array::from_fn(|_| self.normal());
        let errors = &mut self.track(actor.actor_id).standard;
        for (old, new) in errors.iter_mut().zip(fresh) {
            *old = keep * *old + (1.0 - keep * keep).sqrt() * new;
        }
        let errors = *errors;
        let config = &self.config;
        let position_std_m = config.position_std_m(reach);
        let velocity_std_mps = config.speed_std_mps(reach);
        let moves = f64::from(u8::from(actor.speed_mps > SensorConfig::STANDING_MPS));
        SensedObject {
            actor_id: actor.actor_id,
            track_uuid: track_uuid(&self.log_id, actor.actor_id),
            label: label_of(actor.kind),
            existence_probability: between(config.existence_near, config.existence_far, reach),
            x_m: at.x_m + errors[0] * position_std_m,
            y_m: at.y_m + errors[1] * position_std_m,
            yaw_rad: at.yaw_rad + errors[3] * config.yaw_std_rad,
            velocity_mps: [actor.speed_mps + moves * errors[2] * velocity_std_mps, 0.0],
            accel_mps2: actor.accel_mps2,
            yaw_rate_radps: actor.yaw_rate_radps,
            position_std_m,
            velocity_std_mps,
            size: actor.size,
        }
    }
}

/// A sample of the standard normal distribution, by the method of Box and Muller (1958): libraries that draw one take the
/// logarithm from the C library.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = rng.random();
    // `1 − radius` is never zero, and all that `random` gives is below one.
    (-2.0 * ln(1.0 - radius)).sqrt() * cos(std::f64::consts::TAU * angle)
}

//! What the ego's sensors and tracker make of the world: range, line of sight, noise and dropouts.

use std::collections::BTreeMap;

use driveloop_schemas::geometry::OrientedBox;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use sha2::{Digest, Sha256};

use crate::traffic::{Actor, ActorKind, Size, World};

/// Range of the sensors around the ego.
pub(crate) const RANGE_M: f64 = 100.0;
/// Boxes lower than this do not hide what is behind them.
const OCCLUDER_HEIGHT_M: f64 = 1.2;
/// Correlation of a track's errors from one frame (0.1 s) to the next: a tracker filters.
const NOISE_CORRELATION: f64 = 0.95;

/// One tracked object of a frame, in the map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observation {
    pub(crate) actor_id: u32,
    pub(crate) track_uuid: [u8; 16],
    pub(crate) label: u8,
    pub(crate) existence_probability: f64,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) yaw_rad: f64,
    /// Along and across the heading.
    pub(crate) velocity_mps: [f64; 2],
    pub(crate) accel_mps2: f64,
    pub(crate) yaw_rate_radps: f64,
    pub(crate) position_std_m: f64,
    pub(crate) velocity_std_mps: f64,
    pub(crate) size: Size,
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
pub(crate) struct Sensor {
    log_id: String,
    rng: ChaCha8Rng,
    /// Standardised errors of each track: position x, y, velocity, heading.
    errors: BTreeMap<u32, [f64; 4]>,
}

impl Sensor {
    pub(crate) fn new(log_id: &str, seed: u64) -> Self {
        Self {
            log_id: log_id.to_owned(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            errors: BTreeMap::new(),
        }
    }

    /// A sample of the standard normal distribution.
    pub(crate) fn normal(&mut self) -> f64 {
        self.rng.sample(StandardNormal)
    }

    /// The objects that the ego reports now.
    pub(crate) fn observe(&mut self, world: &World) -> Vec<Observation> {
        let actors = world.actors();
        let boxes: Vec<OrientedBox> = actors.iter().map(|a| a.footprint(world.road())).collect();
        let mut seen = Vec::new();
        for (index, actor) in actors.iter().enumerate().skip(1) {
            let distance_m =
                (boxes[index].x_m - boxes[0].x_m).hypot(boxes[index].y_m - boxes[0].y_m);
            if distance_m > RANGE_M || !is_in_sight(index, &boxes, actors) {
                continue;
            }
            let reach = distance_m / RANGE_M;
            let probability = 0.995 - 0.06 * reach * reach;
            if self.rng.random_range(0.0..1.0) < probability {
                seen.push(self.measure(actor, &boxes[index], reach));
            }
        }
        seen
    }

    fn measure(&mut self, actor: &Actor, at: &OrientedBox, reach: f64) -> Observation {
        let fresh: [f64; 4] = std::array::from_fn(|_| self.normal());
        let keep = NOISE_CORRELATION;
        let error = self.errors.entry(actor.actor_id).or_insert(fresh);
        for (old, new) in error.iter_mut().zip(fresh) {
            *old = keep * *old + (1.0 - keep * keep).sqrt() * new;
        }
        let error = *error;
        let (position_std_m, velocity_std_mps) = (0.04 + 0.10 * reach, 0.08 + 0.2 * reach);
        let moves = actor.speed_mps > 0.05;
        let along = actor.speed_mps
            + if moves {
                error[2] * velocity_std_mps
            } else {
                0.0
            };
        Observation {
            actor_id: actor.actor_id,
            track_uuid: track_uuid(&self.log_id, actor.actor_id),
            label: label_of(actor.kind),
            existence_probability: 0.995 - 0.06 * reach,
            x_m: at.x_m + error[0] * position_std_m,
            y_m: at.y_m + error[1] * position_std_m,
            yaw_rad: at.yaw_rad + error[3] * 0.008,
            velocity_mps: [along, 0.0],
            accel_mps2: actor.accel_mps2,
            yaw_rate_radps: actor.yaw_rate_radps,
            position_std_m,
            velocity_std_mps,
            size: actor.size,
        }
    }
}

/// Whether a ray from the ego's roof reaches the middle or a corner of the box without crossing another.
fn is_in_sight(index: usize, boxes: &[OrientedBox], actors: &[Actor]) -> bool {
    let eye = [boxes[0].x_m, boxes[0].y_m];
    let target = &boxes[index];
    let points = target
        .corners()
        .into_iter()
        .chain([[target.x_m, target.y_m]]);
    points.into_iter().any(|point| {
        boxes
            .iter()
            .zip(actors)
            .enumerate()
            .skip(1)
            .all(|(other, (body, actor))| {
                other == index
                    || actor.size.height_m < OCCLUDER_HEIGHT_M
                    || actor.kind == ActorKind::Pedestrian
                    || !segment_crosses(eye, point, body)
            })
    })
}

/// Whether the segment touches the box, by clipping it to the box's two slabs.
fn segment_crosses(a: [f64; 2], b: [f64; 2], body: &OrientedBox) -> bool {
    let (sin, cos) = body.yaw_rad.sin_cos();
    let local = |p: [f64; 2]| {
        let (x, y) = (p[0] - body.x_m, p[1] - body.y_m);
        [x * cos + y * sin, y * cos - x * sin]
    };
    let (a, b) = (local(a), local(b));
    let half = [body.length_m / 2.0, body.width_m / 2.0];
    let (mut from, mut to) = (0.0_f64, 1.0_f64);
    for axis in 0..2 {
        let step = b[axis] - a[axis];
        if step.abs() < 1e-12 {
            if a[axis].abs() > half[axis] {
                return false;
            }
            continue;
        }
        let (t, u) = (
            (-half[axis] - a[axis]) / step,
            (half[axis] - a[axis]) / step,
        );
        from = from.max(t.min(u));
        to = to.min(t.max(u));
    }
    from <= to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_hides_what_is_behind_it() {
        let wall = OrientedBox {
            x_m: 10.0,
            y_m: 0.0,
            yaw_rad: 0.3,
            length_m: 4.0,
            width_m: 2.0,
        };
        assert!(segment_crosses([0.0, 0.0], [20.0, 0.0], &wall));
        assert!(!segment_crosses([0.0, 0.0], [20.0, 9.0], &wall));
        assert!(!segment_crosses([0.0, 0.0], [7.0, 0.0], &wall));
    }
}

//! What the ego's sensors would see of somebody who was not there: range, and lines of sight over and past vehicles.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::maths::hypot;

use super::host::HostScene;
use super::react::Changed;
use crate::sensing::Occluder;

/// Range of tracked objects, as of the simulated sensors.
const RANGE_MAX_M: f64 = 100.0;
/// Least angle at which the height of a thing is seen: 5 cm at 20 m, as Pinggera et al., "Lost and Found: Detecting small road
/// hazards for self-driving vehicles" (IROS 2016), found with two cameras of 2 megapixels.
const HEIGHT_ANGLE_MIN_RAD: f64 = 0.05 / 20.0;

/// How far away a thing of a height is seen.
pub(crate) fn range_m(height_m: f64) -> f64 {
    (height_m / HEIGHT_ANGLE_MIN_RAD).min(RANGE_MAX_M)
}

/// A body: its box seen from above, and the height of its top in the map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body {
    pub(crate) footprint: OrientedBox,
    pub(crate) height_m: f64,
    pub(crate) top_z_m: f64,
}

/// The vehicles of an instant, seen from the roof of the ego.
pub(crate) struct Sight {
    eye: [f64; 3],
    occluders: Vec<(Occluder, f64)>,
}

impl Sight {
    /// From the ego past others.
    pub(crate) fn new(ego: Body, others: impl IntoIterator<Item = Body>) -> Self {
        let occluder = |body: Body| (Occluder::new(0, body.footprint), body.top_z_m);
        Self {
            eye: [ego.footprint.x_m, ego.footprint.y_m, ego.top_z_m],
            occluders: others.into_iter().map(occluder).collect(),
        }
    }

    /// At a step of the grid: where everybody is as recorded, but for what has changed.
    pub(crate) fn at_step(host: &HostScene, changed: &Changed, step: usize) -> Option<Self> {
        let ego = host.body(&host.ego_id, host.ego(), step)?;
        let others = host.vehicles.iter().filter(|(id, _)| **id != host.ego_id);
        let recorded = others.filter(|(id, _)| !changed.contains_key(*id));
        let moved = changed.iter().filter(|(_, mover)| mover.hides);
        let all = recorded.chain(moved.map(|(id, mover)| (id, &mover.track)));
        Some(Self::new(
            ego,
            all.filter_map(|(id, track)| host.body(id, track, step)),
        ))
    }

    /// Whether a ray to the upper edge reaches the middle or a corner of the body without passing through a vehicle.
    pub(crate) fn sees(&self, body: &Body) -> bool {
        let [x_m, y_m, _] = self.eye;
        let centre = [body.footprint.x_m, body.footprint.y_m];
        let distance_m = hypot(centre[0] - x_m, centre[1] - y_m);
        distance_m <= range_m(body.height_m) && self.reaches(body)
    }

    /// As [`Sight::sees`], whatever the range.
    pub(crate) fn reaches(&self, body: &Body) -> bool {
        let centre = [body.footprint.x_m, body.footprint.y_m];
        let mut points = body.footprint.corners().into_iter().chain([centre]);
        points.any(|point| !self.is_blocked(point, body.top_z_m))
    }

    fn is_blocked(&self, point: [f64; 2], z_m: f64) -> bool {
        let [x_m, y_m, eye_z_m] = self.eye;
        self.occluders.iter().any(|(occluder, top_z_m)| {
            let height_m = |share: f64| eye_z_m + share * (z_m - eye_z_m);
            occluder
                .clip([x_m, y_m], point)
                .is_some_and(|[from, to]| height_m(from).min(height_m(to)) < *top_z_m)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(x_m: f64, size: [f64; 3]) -> Body {
        Body {
            footprint: OrientedBox {
                x_m,
                y_m: 0.0,
                yaw_rad: 0.0,
                length_m: size[0],
                width_m: size[1],
            },
            height_m: size[2],
            top_z_m: size[2],
        }
    }

    #[test]
    fn a_car_hides_a_child_but_not_a_grown_up() {
        let sight = Sight::new(body(0.0, [4.6, 1.9, 1.8]), [body(20.0, [4.6, 1.9, 1.5])]);
        assert!(!sight.sees(&body(24.0, [0.45, 0.3, 1.15])));
        assert!(sight.sees(&body(24.0, [0.6, 0.5, 1.8])));
        assert!(sight.sees(&body(10.0, [0.45, 0.3, 1.15])), "before the car");
    }

    #[test]
    fn small_things_are_seen_late() {
        let sight = Sight::new(body(0.0, [4.6, 1.9, 1.8]), []);
        assert!(sight.sees(&body(55.0, [1.2, 0.8, 0.144])));
        assert!(!sight.sees(&body(60.0, [1.2, 0.8, 0.144])));
    }
}

//! What the log's own metadata says of the drive and of the ego.

use std::collections::BTreeMap;

use driveloop_schemas::Origin;
use driveloop_schemas::pose::Pose;

use crate::decoded::About;

/// The ego's extent where the log does not give it: that of the Argoverse 2 vehicle.
const EGO_SIZE_M: [f64; 3] = [4.877, 2.0, 1.473];
/// From the rear axle, which is the origin of `base_link`, to the centre of the box, where the log does not give it.
const REAR_AXLE_TO_CENTRE_M: f64 = 1.42;

/// The drive, as its metadata describes it.
pub(super) fn about(metadata: &BTreeMap<String, String>) -> About {
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

/// The ego's box: its size, and its centre in the ego frame, whose origin lies on the ground below the rear axle.
pub(super) struct EgoBox {
    pub(super) size_m: [f64; 3],
    pub(super) rear_axle_to_centre_m: f64,
}

impl EgoBox {
    pub(super) fn of(metadata: &BTreeMap<String, String>) -> Self {
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
    pub(super) fn pose(&self) -> Pose {
        Pose {
            translation: [self.rear_axle_to_centre_m, 0.0, self.size_m[2] / 2.0],
            ..Pose::IDENTITY
        }
    }
}

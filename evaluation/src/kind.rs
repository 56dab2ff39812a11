//! What an actor is, as far as metrics ask.

/// The kind of an actor: some figures have a meaning for one that drives on the road alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// Cars, trucks, buses and motorcycles, the ego included.
    MotorVehicle,
    /// Pedestrians, cyclists, and what does not move by itself.
    Other,
}

/// The categories of motor vehicles.
const MOTOR_VEHICLES: [&str; 12] = [
    "ARTICULATED_BUS",
    "BOX_TRUCK",
    "BUS",
    "EGO_VEHICLE",
    "LARGE_VEHICLE",
    "MOTORCYCLE",
    "MOTORCYCLIST",
    "REGULAR_VEHICLE",
    "SCHOOL_BUS",
    "TRUCK",
    "TRUCK_CAB",
    "VEHICULAR_TRAILER",
];

impl ActorKind {
    /// The kind of a category of `object_track`.
    #[must_use]
    pub fn from_category(category: &str) -> Self {
        if MOTOR_VEHICLES.contains(&category) {
            Self::MotorVehicle
        } else {
            Self::Other
        }
    }
}

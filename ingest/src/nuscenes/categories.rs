//! The classes of nuScenes as categories of driveloop.

/// The 23 classes of nuScenes, and the category of each.
///
/// Classes: <https://github.com/nutonomy/nuscenes-devkit/blob/master/docs/instructions_nuscenes.md>; categories: the annotation guide of
/// Argoverse 2, by which an ambulance is a truck, and a scooter with who stands on it a wheeled rider. What Argoverse 2 has no word for
/// keeps its own.
const CLASSES: [(&str, &str); 23] = [
    ("animal", "ANIMAL"),
    ("human.pedestrian.adult", "PEDESTRIAN"),
    ("human.pedestrian.child", "PEDESTRIAN"),
    ("human.pedestrian.construction_worker", "PEDESTRIAN"),
    ("human.pedestrian.personal_mobility", "WHEELED_RIDER"),
    ("human.pedestrian.police_officer", "PEDESTRIAN"),
    ("human.pedestrian.stroller", "STROLLER"),
    ("human.pedestrian.wheelchair", "WHEELCHAIR"),
    ("movable_object.barrier", "BARRIER"),
    ("movable_object.debris", "DEBRIS"),
    ("movable_object.pushable_pullable", "PUSHABLE_PULLABLE"),
    ("movable_object.trafficcone", "CONSTRUCTION_CONE"),
    ("static_object.bicycle_rack", "BICYCLE_RACK"),
    ("vehicle.bicycle", "BICYCLE"),
    ("vehicle.bus.bendy", "ARTICULATED_BUS"),
    ("vehicle.bus.rigid", "BUS"),
    ("vehicle.car", "REGULAR_VEHICLE"),
    ("vehicle.construction", "LARGE_VEHICLE"),
    ("vehicle.emergency.ambulance", "TRUCK"),
    ("vehicle.emergency.police", "REGULAR_VEHICLE"),
    ("vehicle.motorcycle", "MOTORCYCLE"),
    ("vehicle.trailer", "VEHICULAR_TRAILER"),
    ("vehicle.truck", "TRUCK"),
];

/// Names that T4 and Lyft datasets use besides, by the last part of the class.
const SHORT: [(&str, &str); 13] = [
    ("bicycle", "BICYCLE"),
    ("bus", "BUS"),
    ("car", "REGULAR_VEHICLE"),
    ("construction_vehicle", "LARGE_VEHICLE"),
    ("emergency_vehicle", "LARGE_VEHICLE"),
    ("motorcycle", "MOTORCYCLE"),
    ("other_vehicle", "LARGE_VEHICLE"),
    ("pedestrian", "PEDESTRIAN"),
    ("police_officer", "PEDESTRIAN"),
    ("traffic_cone", "CONSTRUCTION_CONE"),
    ("trailer", "VEHICULAR_TRAILER"),
    ("truck", "TRUCK"),
    ("unknown", "UNKNOWN"),
];

/// The category of a class; one that no table has is spelled in capitals.
pub(super) fn category_of(class: &str) -> String {
    let name = class.trim().to_lowercase().replace([' ', '-'], "_");
    let last = name.rsplit('.').next().unwrap_or(&name);
    let mapped = CLASSES.iter().find(|(class, _)| *class == name);
    let mapped = mapped.or_else(|| SHORT.iter().find(|(short, _)| *short == last));
    match mapped {
        Some((_, category)) => (*category).to_owned(),
        None if name.is_empty() => "UNKNOWN".to_owned(),
        None => name.to_uppercase().replace('.', "_"),
    }
}

#[cfg(test)]
mod tests {
    use super::category_of;

    #[test]
    fn classes_of_all_three_datasets_become_categories() {
        for (class, category) in [
            ("vehicle.car", "REGULAR_VEHICLE"),
            ("human.pedestrian.child", "PEDESTRIAN"),
            ("vehicle.bus.bendy", "ARTICULATED_BUS"),
            ("car", "REGULAR_VEHICLE"),
            ("other_vehicle", "LARGE_VEHICLE"),
            ("Traffic Cone", "CONSTRUCTION_CONE"),
            ("movable_object.kick board", "MOVABLE_OBJECT_KICK_BOARD"),
            ("", "UNKNOWN"),
        ] {
            assert_eq!(category_of(class), category, "{class}");
        }
    }
}

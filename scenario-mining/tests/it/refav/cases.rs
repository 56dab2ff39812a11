//! The benchmark's cases as calls of the selectors.

use std::path::Path;

use serde_json::{Map, Value};

/// One case that driveloop has a selector for.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// The call, in the mode `refav`.
    pub(super) call: String,
    /// Whether the case has track and related track the other way round.
    pub(super) is_reversed: bool,
    /// The tracks that are looked at, where the case asks for all of their stamps but those that the call finds.
    pub(super) all_but: Option<String>,
}

/// The cases of the file; those of selectors that driveloop does not have are left out.
pub(super) fn read(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    cases.iter().filter_map(case).collect()
}

fn case(case: &Value) -> Option<Case> {
    let function = case["function"].as_str().unwrap();
    let reversed = match function {
        "get_objects_in_relative_direction" => Some("has_objects_in_relative_direction"),
        "reverse_relationship(following)" => Some("following"),
        _ => None,
    };
    let negated = function
        .strip_prefix("scenario_not(")
        .and_then(|rest| rest.strip_suffix(')'));
    let params = case["params"].as_object().unwrap();
    let sets = case["sets"].as_array().unwrap();
    let sets: Vec<&str> = sets
        .iter()
        .map(|set| actors(set.as_str().unwrap()))
        .collect();
    let selector = negated.or(reversed).unwrap_or(function);
    let arguments = arguments(selector, params)?;
    let relations = match selector {
        "following" => "object_track, lane",
        _ => "object_track",
    };
    let mut call = format!("{selector}({relations}, tracks => '{}'", sets[0]);
    if let Some(related) = sets.get(1) {
        call.push_str(&format!(", related => '{related}'"));
    }
    for (name, value) in arguments {
        call.push_str(&format!(", {name} => {value}"));
    }
    Some(Case {
        name: case["case"].as_str().unwrap().to_owned(),
        call: format!("{call}, mode => 'refav')"),
        is_reversed: reversed.is_some(),
        all_but: negated.map(|_| sets[0].to_owned()),
    })
}

/// What driveloop calls a set of actors.
fn actors(set: &str) -> &str {
    match set {
        "VEH" => "VEHICLE",
        "BIC" => "BICYCLE",
        "PED" => "PEDESTRIAN",
        "EGO" => "EGO_VEHICLE",
        "CONE" => "CONSTRUCTION_CONE",
        "MOV" => "moving VEHICLE",
        set => set,
    }
}

/// What driveloop calls the parameters of a function; `None` where it has no such selector.
fn arguments(function: &str, params: &Map<String, Value>) -> Option<Vec<(&'static str, String)>> {
    let names: &[(&str, &'static str)] = match function {
        "has_velocity" => &[("min_velocity", "min_mps"), ("max_velocity", "max_mps")],
        "accelerating" | "has_lateral_acceleration" => {
            &[("min_accel", "min_mps2"), ("max_accel", "max_mps2")]
        }
        "stationary" | "following" => &[],
        "turning" | "heading_in_relative_direction_to" => &[("direction", "direction")],
        "near_objects" => &[
            ("distance_thresh", "distance_max_m"),
            ("min_objects", "count_min"),
            ("include_self", "itself"),
        ],
        "has_objects_in_relative_direction" => &[
            ("direction", "direction"),
            ("min_number", "count_min"),
            ("max_number", "count_max"),
            ("within_distance", "distance_max_m"),
            ("lateral_thresh", "beside_max_m"),
        ],
        "facing_toward" => &[
            ("within_angle", "angle_max_deg"),
            ("max_distance", "distance_max_m"),
        ],
        "heading_toward" => &[
            ("angle_threshold", "angle_max_deg"),
            ("minimum_speed", "speed_min_mps"),
            ("max_distance", "distance_max_m"),
        ],
        "being_crossed_by" => &[
            ("direction", "direction"),
            ("in_direction", "sense"),
            ("forward_thresh", "reach_m"),
            ("lateral_thresh", "beside_max_m"),
        ],
        _ => return None,
    };
    let argument = |(name, value): (&String, &Value)| {
        let (_, ours) = names.iter().find(|(theirs, _)| theirs == name).unwrap();
        let text = match value {
            Value::Null => "'any'".to_owned(),
            Value::Bool(counts) => if *counts { "'counts'" } else { "'left_out'" }.to_owned(),
            Value::String(text) if text.ends_with("inf") => "NULL".to_owned(),
            Value::String(text) => format!("'{text}'"),
            value => value.to_string(),
        };
        (*ours, text)
    };
    Some(params.iter().map(argument).collect())
}

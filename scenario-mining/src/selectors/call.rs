//! Calls of kinematics and selectors in SQL.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};

use crate::kinematics::LANE_COLUMNS;
use crate::operators::{Call, OperatorDoc, OperatorNode, STAMP_NS, TableFunction};

use super::actors::DISPLACEMENT_MAX_M;
use super::arguments::Arguments;
use super::lane_operator::{LaneOperator, LaneQuestion};
use super::operator::{Question, TrackOperator};
use super::{Heading, Selector, Side, Toward};

/// Kinematics and selectors, in the order of the documentation.
pub(crate) static TABLE_FUNCTIONS: [TableFunction; 15] = [
    function(
        "track_kinematics",
        "object_track, recipe => 'local_fit'",
        "Smoothed position, velocity, acceleration and heading of every track, in the map and in its own box; also by RefAV's recipe ('refav').",
        |call| plan(call, |arguments| Ok(Question::Motion(arguments.recipe()?))),
    ),
    function(
        "ego_pairs",
        "object_track, recipe => 'local_fit'",
        "Every track against the ego: distance of the boxes, place and velocity in the axes of the ego, the ego in the axes of the track, and how fast they part.",
        |call| {
            plan(call, |arguments| {
                Ok(Question::EgoPairs(arguments.recipe()?))
            })
        },
    ),
    function(
        "track_lanes",
        "object_track, lane, recipe => 'local_fit'",
        "The lane that every track is in, decided by the whole track where lanes overlap, and where lanes of an intersection lead.",
        |call| {
            with_lanes(call, |arguments| {
                Ok(LaneQuestion::LaneOfTrack(arguments.recipe()?))
            })
        },
    ),
    function(
        "has_velocity",
        "object_track, tracks => 'ANY', min_mps => 0.5, max_mps => NULL, mode => 'documented'",
        "Speed over ground within bounds.",
        |call| {
            selector(call, |arguments| {
                Ok(Selector::HasVelocity(
                    arguments.bounds(["min_mps", "max_mps"], 0.5)?,
                ))
            })
        },
    ),
    function(
        "accelerating",
        "object_track, tracks => 'ANY', min_mps2 => 0.65, max_mps2 => NULL, mode => 'documented'",
        "Acceleration along the heading within bounds.",
        |call| {
            selector(call, |arguments| {
                Ok(Selector::Accelerating(
                    arguments.bounds(["min_mps2", "max_mps2"], 0.65)?,
                ))
            })
        },
    ),
    function(
        "has_lateral_acceleration",
        "object_track, tracks => 'ANY', min_mps2 => NULL, max_mps2 => NULL, mode => 'documented'",
        "Acceleration to the left of the heading within bounds.",
        |call| {
            selector(call, |arguments| {
                let bounds = arguments.bounds(["min_mps2", "max_mps2"], f64::NEG_INFINITY)?;
                Ok(Selector::HasLateralAcceleration(bounds))
            })
        },
    ),
    function(
        "stationary",
        "object_track, tracks => 'ANY', displacement_max_m => 2.0, mode => 'documented'",
        "All rows of tracks that move less than a distance while they are seen.",
        |call| {
            selector(call, |arguments| {
                let displacement_max_m =
                    arguments.bound("displacement_max_m", DISPLACEMENT_MAX_M, f64::INFINITY)?;
                Ok(Selector::Stationary { displacement_max_m })
            })
        },
    ),
    function(
        "turning",
        "object_track, tracks => 'ANY', direction => 'any', mode => 'documented'",
        "In a turn by 45° or more to the 'left', the 'right' or 'any' side.",
        |call| {
            selector(call, |arguments| {
                let sides = [
                    ("any", None),
                    ("left", Some(Side::Left)),
                    ("right", Some(Side::Right)),
                ];
                Ok(Selector::Turning(arguments.choice(
                    "direction",
                    Some("any"),
                    &sides,
                )?))
            })
        },
    ),
    function(
        "near_objects",
        "object_track, tracks => 'ANY', related => 'ANY', distance_max_m => 10.0, count_min => 1, itself => 'left_out', mode => 'documented'",
        "At least so many boxes within a distance of the track's box.",
        |call| {
            selector(call, |arguments| {
                Ok(Selector::NearObjects(arguments.near()?))
            })
        },
    ),
    function(
        "has_objects_in_relative_direction",
        "object_track, tracks => 'ANY', related => 'ANY', direction => …, distance_max_m => 50.0, beside_max_m => NULL, count_min => 1, count_max => NULL, mode => 'documented'",
        "At least so many others 'forward', 'backward', 'left' or 'right' of the track's box, the nearest ones.",
        |call| {
            selector(call, |arguments| {
                Ok(Selector::HasObjectsInRelativeDirection(
                    arguments.in_direction()?,
                ))
            })
        },
    ),
    function(
        "facing_toward",
        "object_track, tracks => 'ANY', related => 'ANY', angle_max_deg => 22.5, distance_max_m => 50.0, mode => 'documented'",
        "The track's box points at others.",
        |call| {
            selector(call, |arguments| {
                Ok(Selector::FacingToward(Toward {
                    angle_max_rad: arguments.bound("angle_max_deg", 22.5, 180.0)?.to_radians(),
                    distance_max_m: arguments.bound("distance_max_m", 50.0, f64::INFINITY)?,
                    speed_min_mps: 0.0,
                }))
            })
        },
    ),
    function(
        "heading_toward",
        "object_track, tracks => 'ANY', related => 'ANY', angle_max_deg => 22.5, speed_min_mps => 0.5, distance_max_m => NULL, mode => 'documented'",
        "The track goes towards others.",
        |call| {
            selector(call, |arguments| {
                Ok(Selector::HeadingToward(Toward {
                    angle_max_rad: arguments.bound("angle_max_deg", 22.5, 180.0)?.to_radians(),
                    distance_max_m: arguments.bound(
                        "distance_max_m",
                        f64::INFINITY,
                        f64::INFINITY,
                    )?,
                    speed_min_mps: arguments.bound("speed_min_mps", 0.5, f64::NEG_INFINITY)?,
                }))
            })
        },
    ),
    function(
        "heading_in_relative_direction_to",
        "object_track, tracks => 'ANY', related => 'ANY', direction => …, mode => 'documented'",
        "The track travels in the 'same', the 'opposite' or a 'perpendicular' direction, compared with others.",
        |call| {
            selector(call, |arguments| {
                let headings = [
                    ("same", Heading::Same),
                    ("opposite", Heading::Opposite),
                    ("perpendicular", Heading::Perpendicular),
                ];
                let heading = arguments.choice("direction", None, &headings)?;
                Ok(Selector::HeadingInRelativeDirectionTo(heading))
            })
        },
    ),
    function(
        "being_crossed_by",
        "object_track, tracks => 'ANY', related => 'ANY', direction => 'forward', sense => 'either', reach_m => 10.0, beside_max_m => 5.0, mode => 'documented'",
        "Others pass across the axis of the track's box, 'clockwise', 'counterclockwise' or 'either' way round it.",
        |call| {
            selector(call, |arguments| {
                Ok(Selector::BeingCrossedBy(arguments.crossing()?))
            })
        },
    ),
    function(
        "following",
        "object_track, lane, tracks => 'ANY', related => 'ANY', mode => 'documented'",
        "The track is up to 25 m behind others in its lane, or behind what reaches into it, and goes the same way.",
        |call| {
            with_lanes(call, |arguments| {
                Ok(LaneQuestion::Select(
                    arguments.selection(|_| Ok(Selector::Following))?,
                ))
            })
        },
    ),
];

const fn function(
    name: &'static str,
    arguments: &'static str,
    doc: &'static str,
    plan: fn(&mut Call<'_>) -> Result<LogicalPlan>,
) -> TableFunction {
    TableFunction {
        doc: OperatorDoc {
            name,
            arguments,
            doc,
        },
        // Lanes come after the tracks where they are asked for.
        tables: 2,
        plan,
    }
}

/// The plan of a call: the relation comes first, all else by name.
fn plan(
    call: &mut Call<'_>,
    question: impl FnOnce(&mut Arguments<'_, '_>) -> Result<Question>,
) -> Result<LogicalPlan> {
    let relation = call.relation("a relation with the columns of object_track")?;
    let mut arguments = Arguments::new(call);
    let question = question(&mut arguments)?;
    let text = arguments.text();
    let operator = TrackOperator::new(text, question);
    OperatorNode::plan(Arc::new(operator), vec![relation], Vec::new())
}

/// The same with lanes after the relation. Lanes have no time; they get one, as all rows of operators do.
fn with_lanes(
    call: &mut Call<'_>,
    question: impl FnOnce(&mut Arguments<'_, '_>) -> Result<LaneQuestion>,
) -> Result<LogicalPlan> {
    let tracks = call.relation("a relation with the columns of object_track")?;
    let lanes = call.relation("a relation with the columns of lane after it")?;
    let mut arguments = Arguments::new(call);
    let question = question(&mut arguments)?;
    let text = arguments.text();
    let columns = LANE_COLUMNS.map(|name| Expr::Column(Column::new_unqualified(name)));
    let stamp = lit(0_i64).alias(STAMP_NS);
    let lanes = LogicalPlanBuilder::from(lanes)
        .project(columns.into_iter().chain([stamp]))?
        .build()?;
    let operator = LaneOperator::new(text, question);
    OperatorNode::plan(Arc::new(operator), vec![tracks, lanes], Vec::new())
}

fn selector(
    call: &mut Call<'_>,
    selector: impl FnOnce(&mut Arguments<'_, '_>) -> Result<Selector>,
) -> Result<LogicalPlan> {
    plan(call, |arguments| {
        Ok(Question::Select(arguments.selection(selector)?))
    })
}

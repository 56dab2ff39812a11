//! Places on the map of a drive: in which lane somebody is, and whether in a crossing, an intersection or a drivable area.
//!
//! The view `drive_map` has a row for each drive, with its lanes and its areas as one value each, which the functions here
//! look places up in through a spatial index. So a place costs about the same on any map, and the SQL is a join by `log_id`:
//!
//! ```sql
//! SELECT track_id, stamp_ns, lane_at(lanes, x_m, y_m, yaw_rad) AS lane_id, in_crossing(areas, x_m, y_m) AS in_crossing
//! FROM object_track JOIN drive_map USING (log_id)
//! ```
//!
//! * [`value`] writes the rows of a map as one value, and reads it.
//! * [`lanes`] and [`areas`] are what the functions ask.
//! * [`build`] and [`lookup`] are the functions of the query engine.

mod areas;
mod build;
mod lanes;
mod lookup;
mod shapes;
mod value;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use self::build::Build;
use self::lookup::{Lookup, Question};
use self::value::Kind;
use super::FunctionDoc;

/// The frame of the tables `lane` and `map_area`, and of the pose in `object_track`.
const MAP_FRAME: &str = "map";

/// The functions that look places up.
static LOOKUPS: [(Question, FunctionDoc); 6] = [
    (
        Question::LaneAt,
        FunctionDoc {
            name: "lane_at",
            arguments: &["lanes", "x_m", "y_m", "yaw_rad"],
            unit: "-",
            frame: MAP_FRAME,
            doc: "The `lane_id` of the lane that an actor is in, with `lanes` from `drive_map`: of the lanes between whose boundaries the point lies (within 1.75 m of the centre line where the map has no boundaries), the one with the least (offset from the centre line / 1 m)² + (heading difference / 0.2 rad)². A null heading is not asked.",
            null_when: "the point is in no lane, or the drive has no lanes; not where the heading is null",
            source: "lanes as in the Argoverse 2 map: Wilson et al., Argoverse 2 (2021)",
        },
    ),
    (
        Question::LanePlace,
        FunctionDoc {
            name: "lane_place",
            arguments: &["lanes", "lane_id", "x_m", "y_m"],
            unit: "m, rad",
            frame: MAP_FRAME,
            doc: "Where a point is relative to the centre line of a lane: a struct of `along_m` from its start, `offset_m` to its left (the lateral offset), and the line's direction `yaw_rad` there. The line goes on straight at both ends.",
            null_when: "the drive has no such lane",
            source: "plane geometry",
        },
    ),
    (
        Question::LaneRelation,
        FunctionDoc {
            name: "lane_relation",
            arguments: &["lanes", "lane_id", "other_lane_id"],
            unit: "-",
            frame: "-",
            doc: "What another lane is to a lane: `same`, `left` or `right` (its neighbour that goes the same way), `oncoming` (its neighbour that goes the other way), `ahead` (it leads into it), `behind` (the other leads into it), or `apart`.",
            null_when: "the drive lacks one of the lanes",
            source: "neighbours and successors of the table `lane`",
        },
    ),
    (
        Question::InIntersection,
        FunctionDoc {
            name: "in_intersection",
            arguments: &["lanes", "x_m", "y_m"],
            unit: "-",
            frame: MAP_FRAME,
            doc: "Whether the point is in a lane that lies in an intersection.",
            null_when: "the drive has no lanes, or they do not say whether they lie in an intersection",
            source: "`is_intersection` of the table `lane`; even-odd rule",
        },
    ),
    (
        Question::InCrossing,
        FunctionDoc {
            name: "in_crossing",
            arguments: &["areas", "x_m", "y_m"],
            unit: "-",
            frame: MAP_FRAME,
            doc: "Whether the point is in a pedestrian crossing, with `areas` from `drive_map`.",
            null_when: "the drive has no areas",
            source: "`pedestrian_crossing` of the table `map_area`; even-odd rule",
        },
    ),
    (
        Question::InDrivableArea,
        FunctionDoc {
            name: "in_drivable_area",
            arguments: &["areas", "x_m", "y_m"],
            unit: "-",
            frame: MAP_FRAME,
            doc: "Whether the point is in a drivable area, with `areas` from `drive_map`.",
            null_when: "the drive has no areas",
            source: "`drivable` of the table `map_area`; even-odd rule",
        },
    ),
];

/// The functions that make what places are looked up in.
static MAKERS: [(Kind, FunctionDoc); 2] = [
    (
        Kind::Lanes,
        FunctionDoc {
            name: "lane_map",
            arguments: &["lanes"],
            unit: "-",
            frame: MAP_FRAME,
            doc: "A list of structs with columns of the table `lane`, as one value: what `drive_map` makes of each drive's lanes.",
            null_when: "-",
            source: "-",
        },
    ),
    (
        Kind::Areas,
        FunctionDoc {
            name: "area_map",
            arguments: &["areas"],
            unit: "-",
            frame: MAP_FRAME,
            doc: "A list of structs with columns of the table `map_area`, as one value: what `drive_map` makes of each drive's areas.",
            null_when: "-",
            source: "-",
        },
    ),
];

/// What the functions are.
pub(super) fn docs() -> impl Iterator<Item = &'static FunctionDoc> {
    let lookups = LOOKUPS.iter().map(|(_, doc)| doc);
    lookups.chain(MAKERS.iter().map(|(_, doc)| doc))
}

/// Makes the functions known to a session.
pub(super) fn register(context: &SessionContext) -> datafusion::error::Result<()> {
    for (question, doc) in &LOOKUPS {
        context.register_udf(ScalarUDF::new_from_impl(Lookup::new(*question, doc)?));
    }
    for (kind, doc) in &MAKERS {
        context.register_udf(ScalarUDF::new_from_impl(Build::new(*kind, doc)?));
    }
    Ok(())
}

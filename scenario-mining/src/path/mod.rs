//! Places on a polyline, a list `[x0, y0, x1, y1, …]` of doubles as in the table `lane`: how far along it and how far beside
//! it somebody is. Null where an argument is null or not finite.

mod polyline;
mod udf;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

pub(crate) use polyline::{Place, length_m, place};
pub(crate) use udf::{place_type, places};

use crate::functions::FunctionDoc;

const LINE_FRAME: &str = "any, one for line and point";

/// What the functions are.
pub(crate) static DOCS: &[FunctionDoc] = &[
    FunctionDoc {
        name: "polyline_place",
        arguments: &["line", "x_m", "y_m"],
        unit: "m, rad",
        frame: LINE_FRAME,
        doc: "Where a point is relative to a line `[x0, y0, x1, y1, …]`, at the nearest point of it: a struct of `along_m` from its start, `offset_m` to its left, and the line's direction `yaw_rad` there. The line goes on straight at both ends.",
        null_when: "the line has fewer than two different points",
        source: "plane geometry",
    },
    FunctionDoc {
        name: "polyline_length_m",
        arguments: &["line"],
        unit: "m",
        frame: LINE_FRAME,
        doc: "The length of a line `[x0, y0, x1, y1, …]`.",
        null_when: "-",
        source: "plane geometry",
    },
];

/// Makes both functions known to a session.
pub(crate) fn register(context: &SessionContext) -> datafusion::error::Result<()> {
    context.register_udf(ScalarUDF::new_from_impl(udf::PolylinePlace::new()?));
    context.register_udf(ScalarUDF::new_from_impl(udf::Length::new()?));
    Ok(())
}

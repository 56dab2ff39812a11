//! Places on a polyline, for the view `scene`: how far along a lane and how far beside it somebody is.
//!
//! * `polyline_place(line, x_m, y_m)` gives `{along_m, offset_m, yaw_rad}`: see [`polyline::place`].
//! * `polyline_length_m(line)` gives the length.
//!
//! A line is a list `[x0, y0, x1, y1, …]` of doubles, as in the table `lane`. Null where an argument is null or not finite,
//! or where the line has fewer than two different points.

mod polyline;
mod udf;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

/// Makes both functions known to a session.
pub(crate) fn register(context: &SessionContext) {
    context.register_udf(ScalarUDF::new_from_impl(udf::Place::new()));
    context.register_udf(ScalarUDF::new_from_impl(udf::Length::new()));
}

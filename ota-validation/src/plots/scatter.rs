//! Before and after, scene by scene.

use plotters::prelude::*;

use super::{Area, Drawn, FAINT, FONT, INK, WIDTH, draw};
use crate::error::Result;

/// Before and after of each scene: baseline to the right, candidate upwards, with the line of no change.
pub(crate) fn scatter(points: &[(f64, f64)], name: &str) -> Result<String> {
    draw("scatter plot", WIDTH, |area| {
        draw_scatter(area, points, name)
    })
}

fn draw_scatter(area: &Area<'_>, points: &[(f64, f64)], name: &str) -> Drawn {
    let values = || points.iter().flat_map(|(x, y)| [*x, *y]);
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    let pad = if high > low { 0.03 * (high - low) } else { 1.0 };
    let range = (low - pad)..(high + pad);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(54)
        .build_cartesian_2d(range.clone(), range.clone())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(6)
        .y_labels(6)
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 16))
        .x_desc(format!("baseline, {name}"))
        .y_desc(format!("candidate, {name}"))
        .draw()?;
    chart.draw_series(LineSeries::new(
        [(range.start, range.start), (range.end, range.end)],
        FAINT,
    ))?;
    let dots = points
        .iter()
        .map(|point| Circle::new(*point, 2, INK.mix(0.5).stroke_width(1)));
    chart.draw_series(dots)?;
    Ok(())
}

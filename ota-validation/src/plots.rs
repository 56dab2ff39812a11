//! Plots as inline SVG. Drawn for the width of a phone; shapes and words carry the meaning, not colour.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};
use crate::verdict::Finding;

/// Width of every plot, in units of the SVG; it scales with the page.
const WIDTH: u32 = 400;
const INK: RGBColor = RGBColor(26, 26, 26);
const FAINT: RGBColor = RGBColor(150, 150, 150);
const ALARM: RGBColor = RGBColor(160, 0, 30);
const FONT: &str = "sans-serif";
/// Size of texts: on a phone a unit is about a pixel.
const TEXT: u32 = 17;
const ROW: i32 = 44;
const TOP: i32 = 28;
const SIDE: i32 = 12;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// One interval of the forest plot. A worsening: right of zero is worse.
pub(crate) struct ForestRow {
    pub(crate) label: String,
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
    pub(crate) margin: Option<f64>,
    pub(crate) finding: Finding,
    pub(crate) text: String,
}

/// Newly failing and mended scenes of one metric.
pub(crate) struct BarRow {
    pub(crate) label: String,
    pub(crate) new: u64,
    pub(crate) mended: u64,
}

fn failed(part: &'static str) -> impl Fn(DrawingAreaErrorKind<std::io::Error>) -> Error {
    move |error| Error::Render {
        part,
        message: error.to_string(),
    }
}

/// Side of the point at which a text ends.
#[derive(Clone, Copy)]
enum Anchor {
    Left,
    Right,
}

fn text(area: &Area<'_>, at: (i32, i32), anchor: Anchor, colour: RGBColor, text: &str) -> Drawn {
    let side = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Right => HPos::Right,
    };
    let style = (FONT, TEXT)
        .into_font()
        .color(&colour)
        .pos(Pos::new(side, VPos::Top));
    area.draw(&Text::new(text.to_owned(), at, style))
}

type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn line(area: &Area<'_>, from: (i32, i32), to: (i32, i32), style: ShapeStyle) -> Drawn {
    area.draw(&PathElement::new([from, to], style))
}

/// Intervals of worsenings, one under the other, with zero and the margins.
pub(crate) fn forest(rows: &[ForestRow]) -> Result<String> {
    let mut svg = String::new();
    let height = TOP + ROW * rows.len() as i32 + 10;
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height as u32)).into_drawing_area();
        draw_forest(&area, rows, height).map_err(failed("forest plot"))?;
    }
    Ok(svg)
}

fn draw_forest(area: &Area<'_>, rows: &[ForestRow], height: i32) -> Drawn {
    let reach = reach(rows);
    let centre = WIDTH as i32 / 2;
    let half = f64::from(centre - SIDE);
    let x = |value: f64| centre + (half * (value / reach).clamp(-1.0, 1.0)).round() as i32;
    text(area, (SIDE, 4), Anchor::Left, INK, "◂ better")?;
    text(
        area,
        (WIDTH as i32 - SIDE, 4),
        Anchor::Right,
        INK,
        "worse ▸",
    )?;
    line(
        area,
        (centre, TOP - 4),
        (centre, height - 6),
        FAINT.stroke_width(1),
    )?;
    for (at, row) in rows.iter().enumerate() {
        let top = TOP + ROW * at as i32;
        let y = top + 31;
        let colour = if row.finding == Finding::Worse {
            ALARM
        } else {
            INK
        };
        text(area, (SIDE, top + 2), Anchor::Left, colour, &row.label)?;
        text(
            area,
            (WIDTH as i32 - SIDE, top + 2),
            Anchor::Right,
            colour,
            &row.text,
        )?;
        if let Some(margin) = row.margin {
            let at = x(margin);
            for dash in [-7, -1, 5] {
                line(
                    area,
                    (at, y + dash),
                    (at, y + dash + 3),
                    INK.stroke_width(1),
                )?;
            }
        }
        line(
            area,
            (x(row.low), y),
            (x(row.high), y),
            colour.stroke_width(2),
        )?;
        for (end, inwards) in [(row.low, 1), (row.high, -1)] {
            let at = x(end);
            if end.abs() > reach {
                // The interval goes on beyond the plot.
                let head = [
                    (at + 6 * inwards, y - 5),
                    (at, y),
                    (at + 6 * inwards, y + 5),
                ];
                area.draw(&PathElement::new(head, colour.stroke_width(2)))?;
            } else {
                line(area, (at, y - 4), (at, y + 4), colour.stroke_width(2))?;
            }
        }
        mark(area, (x(row.middle), y), row.finding, colour)?;
    }
    Ok(())
}

/// The scale: what was observed and the margins lie inside; very wide intervals are cut.
fn reach(rows: &[ForestRow]) -> f64 {
    let observed = rows
        .iter()
        .flat_map(|row| [row.middle.abs(), row.margin.unwrap_or(0.0)]);
    let observed = observed.fold(0.0, f64::max);
    let ends = rows
        .iter()
        .flat_map(|row| [row.low.abs(), row.high.abs()])
        .fold(0.0, f64::max);
    let reach = ends.min(4.0 * observed) * 1.05;
    let reach = if reach > 0.0 { reach } else { ends };
    if reach > 0.0 { reach } else { 1.0 }
}

/// A filled square is worse, an open circle better, a dot neither.
fn mark(area: &Area<'_>, (x, y): (i32, i32), finding: Finding, colour: RGBColor) -> Drawn {
    match finding {
        Finding::Worse => area.draw(&Rectangle::new(
            [(x - 6, y - 6), (x + 6, y + 6)],
            colour.filled(),
        )),
        Finding::Better => {
            area.draw(&Circle::new((x, y), 6, WHITE.filled()))?;
            area.draw(&Circle::new((x, y), 6, colour.stroke_width(2)))
        }
        Finding::NoDifference | Finding::TooFew => {
            area.draw(&Circle::new((x, y), 3, colour.filled()))
        }
    }
}

/// Mended scenes to the left, newly failing ones to the right.
pub(crate) fn discordant_bars(rows: &[BarRow]) -> Result<String> {
    let mut svg = String::new();
    let height = TOP + ROW * rows.len() as i32 + 10;
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height as u32)).into_drawing_area();
        draw_bars(&area, rows, height).map_err(failed("bars"))?;
    }
    Ok(svg)
}

fn draw_bars(area: &Area<'_>, rows: &[BarRow], height: i32) -> Drawn {
    let most = rows
        .iter()
        .map(|row| row.new.max(row.mended))
        .max()
        .unwrap_or(0)
        .max(1);
    let centre = WIDTH as i32 / 2;
    let room = f64::from(centre - SIDE - 50);
    text(area, (SIDE, 4), Anchor::Left, INK, "◂ mended (open)")?;
    text(
        area,
        (WIDTH as i32 - SIDE, 4),
        Anchor::Right,
        INK,
        "newly failing (filled) ▸",
    )?;
    for (at, row) in rows.iter().enumerate() {
        let top = TOP + ROW * at as i32;
        let (y, end) = (top + 23, top + 37);
        text(area, (SIDE, top + 2), Anchor::Left, INK, &row.label)?;
        let length = |count: u64| (room * count as f64 / most as f64).round() as i32;
        let (left, right) = (centre - length(row.mended), centre + length(row.new));
        area.draw(&Rectangle::new(
            [(left, y), (centre, end)],
            INK.stroke_width(1),
        ))?;
        area.draw(&Rectangle::new([(centre, y), (right, end)], INK.filled()))?;
        text(
            area,
            (left - 6, y - 1),
            Anchor::Right,
            INK,
            &row.mended.to_string(),
        )?;
        text(
            area,
            (right + 6, y - 1),
            Anchor::Left,
            INK,
            &row.new.to_string(),
        )?;
    }
    line(
        area,
        (centre, TOP - 4),
        (centre, height - 6),
        INK.stroke_width(1),
    )
}

/// Before and after of each scene: baseline to the right, candidate upwards, with the line of no change.
pub(crate) fn scatter(points: &[(f64, f64)], name: &str) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, WIDTH)).into_drawing_area();
        draw_scatter(&area, points, name).map_err(failed("scatter plot"))?;
    }
    Ok(svg)
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

//! Intervals of worsenings, one under the other.

use plotters::prelude::*;

use super::{ALARM, Anchor, Area, Drawn, FAINT, INK, ROW, SIDE, TOP, WIDTH, draw, line, text};
use crate::error::Result;
use crate::verdict::Finding;

/// Height of the axis at the foot.
const AXIS: i32 = 54;

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

/// What the figures at the foot are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) title: &'static str,
    /// What a worsening is multiplied with: 100 where a share is shown in percentage points.
    pub(crate) scale: f64,
}

/// Intervals of worsenings, one under the other, with zero and the margins.
pub(crate) fn forest(rows: &[ForestRow], axis: Axis) -> Result<String> {
    let bottom = TOP + ROW * rows.len() as i32 + 6;
    draw("forest plot", (bottom + AXIS) as u32, |area| {
        draw_forest(area, rows, axis, bottom)
    })
}

fn draw_forest(area: &Area<'_>, rows: &[ForestRow], axis: Axis, bottom: i32) -> Drawn {
    let reach = reach(rows);
    let centre = WIDTH as i32 / 2;
    let half = f64::from(centre - SIDE);
    let x = |value: f64| centre + (half * (value / reach).clamp(-1.0, 1.0)).round() as i32;
    draw_axis(area, axis, reach, bottom, x)?;
    text(area, (SIDE, 4), Anchor::Left, INK, "◂ better")?;
    text(
        area,
        (WIDTH as i32 - SIDE, 4),
        Anchor::Right,
        INK,
        "worse ▸",
    )?;
    for (at, row) in rows.iter().enumerate() {
        draw_row(area, row, TOP + ROW * at as i32, reach, x)?;
    }
    Ok(())
}

fn draw_row(
    area: &Area<'_>,
    row: &ForestRow,
    top: i32,
    reach: f64,
    x: impl Fn(f64) -> i32,
) -> Drawn {
    let y = top + 31;
    let colour = if row.finding == Finding::Worse {
        ALARM
    } else {
        INK
    };
    let right = WIDTH as i32 - SIDE;
    text(area, (SIDE, top + 2), Anchor::Left, colour, &row.label)?;
    text(area, (right, top + 2), Anchor::Right, colour, &row.text)?;
    if let Some(margin) = row.margin {
        let at = x(margin);
        for dash in [-7, -1, 5] {
            let (from, to) = ((at, y + dash), (at, y + dash + 3));
            line(area, from, to, INK.stroke_width(1))?;
        }
    }
    let (low, high) = ((x(row.low), y), (x(row.high), y));
    line(area, low, high, colour.stroke_width(2))?;
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
    mark(area, (x(row.middle), y), row.finding, colour)
}

/// The line of no change, and figures at the foot with what they are.
fn draw_axis(
    area: &Area<'_>,
    axis: Axis,
    reach: f64,
    bottom: i32,
    x: impl Fn(f64) -> i32,
) -> Drawn {
    let centre = x(0.0);
    let (top, foot) = ((centre, TOP - 4), (centre, bottom));
    line(area, top, foot, FAINT.stroke_width(1))?;
    let (left, right) = ((SIDE, bottom), (WIDTH as i32 - SIDE, bottom));
    line(area, left, right, FAINT.stroke_width(1))?;
    let step = tick_step(reach * axis.scale);
    let digits = (-step.log10()).ceil().clamp(0.0, 9.0) as usize;
    for tick in -2..=2 {
        let value = f64::from(tick) * step;
        if value.abs() > 0.9 * reach * axis.scale {
            continue;
        }
        let at = x(value / axis.scale);
        line(area, (at, bottom), (at, bottom + 4), INK.stroke_width(1))?;
        let label = if tick == 0 {
            "0".to_owned()
        } else {
            format!("{value:+.digits$}")
        };
        text(area, (at, bottom + 7), Anchor::Middle, INK, &label)?;
    }
    text(area, (centre, bottom + 28), Anchor::Middle, INK, axis.title)
}

/// A round step of which two or fewer lie on each side: 1, 2 or 5 times a power of ten.
fn tick_step(reach: f64) -> f64 {
    let raw = reach / 2.2;
    let power = 10_f64.powf(raw.log10().floor());
    let times = [5.0, 2.0, 1.0]
        .into_iter()
        .find(|times| times * power <= 1.001 * raw);
    times.unwrap_or(1.0) * power
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (reach, step) in [
            (1.0, 0.2),
            (2.2, 1.0),
            (3.0, 1.0),
            (0.011, 0.005),
            (46.0, 20.0),
        ] {
            let actual = tick_step(reach);
            assert!((actual / step - 1.0).abs() < 1e-9, "{reach}: {actual}");
        }
    }
}

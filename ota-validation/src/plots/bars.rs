//! Newly failing and mended scenes as bars.

use plotters::prelude::*;

use super::{Anchor, Area, Drawn, INK, ROW, SIDE, TOP, WIDTH, draw, line, text};
use crate::error::Result;

/// Newly failing and mended scenes of one metric.
pub(crate) struct BarRow {
    pub(crate) label: String,
    pub(crate) new: u64,
    pub(crate) mended: u64,
}

/// Mended scenes to the left, newly failing ones to the right.
pub(crate) fn discordant_bars(rows: &[BarRow]) -> Result<String> {
    let height = TOP + ROW * rows.len() as i32 + 10;
    draw("bars", height as u32, |area| draw_bars(area, rows, height))
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

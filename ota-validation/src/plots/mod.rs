//! Plots as inline SVG. Drawn for the width of a phone; shapes and words carry the meaning, not colour.

mod bars;
mod forest;
mod from_above;
mod scatter;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};

pub(crate) use bars::{BarRow, discordant_bars};
pub(crate) use forest::{Axis, ForestRow, forest};
pub(crate) use from_above::from_above;
pub(crate) use scatter::scatter;

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
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Draws a plot of a height.
fn draw(part: &'static str, height: u32, on: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        on(&area).map_err(|error| Error::Render {
            part,
            message: error.to_string(),
        })?;
    }
    Ok(svg)
}

/// Side of the point at which a text ends.
#[derive(Clone, Copy)]
enum Anchor {
    Left,
    Middle,
    Right,
}

fn text(area: &Area<'_>, at: (i32, i32), anchor: Anchor, colour: RGBColor, text: &str) -> Drawn {
    let side = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    let style = (FONT, TEXT)
        .into_font()
        .color(&colour)
        .pos(Pos::new(side, VPos::Top));
    area.draw(&Text::new(text.to_owned(), at, style))
}

fn line(area: &Area<'_>, from: (i32, i32), to: (i32, i32), style: ShapeStyle) -> Drawn {
    area.draw(&PathElement::new([from, to], style))
}

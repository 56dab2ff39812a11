//! A scene from above: the actor's heading is up, metres have one scale.

use plotters::prelude::*;

use super::{Anchor, Area, Drawn, FAINT, INK, SIDE, WIDTH, draw, line, text};
use crate::error::Result;
use crate::scene_view::{Point, Role, SceneView};

/// Height of the legend at the top.
const LEGEND: i32 = 34;
/// Least and most metres that are seen across.
const SEEN_M: (f64, f64) = (24.0, 160.0);
/// Metres within which the ego must be seen.
const EGO_NEAR_M: f64 = 40.0;
/// Metres around what must be seen.
const PAD_M: f64 = 5.0;
/// Marks along a path: one that leads out of the world ends there.
const MARKS_MAX: usize = 2_000;
const LANE: RGBColor = RGBColor(205, 205, 205);
const EGO: RGBColor = RGBColor(225, 225, 225);

/// Draws the scene: the driven path solid, the baseline's dotted to a ring, the candidate's dashed to a square.
pub(crate) fn from_above(view: &SceneView) -> Result<String> {
    let height = WIDTH + LEGEND as u32;
    draw("scene from above", height, |area| {
        draw_scene(&area.margin(LEGEND, 0, 0, 0), view)?;
        draw_legend(area)
    })
}

/// From metres (x forward, y left) to the picture.
#[derive(Clone, Copy)]
struct Frame {
    middle_m: (f64, f64),
    per_m: f64,
}

impl Frame {
    /// All paths, the actor and an ego near by are seen; what lies around is as far as the room goes.
    fn of(view: &SceneView) -> Self {
        let paths = [&view.driven, &view.baseline, &view.candidate];
        let ego = view.bodies.iter().filter(|body| body.role == Role::Ego);
        let ego: Vec<Point> = ego.map(|body| body.centre).filter(is_near_by).collect();
        let points = || {
            let paths = paths.into_iter().flatten();
            paths.chain(&ego).copied().chain([(0.0, 0.0)])
        };
        let range = |pick: fn((f64, f64)) -> f64| {
            let values = || points().map(pick);
            (
                values().fold(f64::INFINITY, f64::min) - PAD_M,
                values().fold(f64::NEG_INFINITY, f64::max) + PAD_M,
            )
        };
        let (x, y) = (range(|point| point.0), range(|point| point.1));
        let seen_m = (x.1 - x.0).max(y.1 - y.0).clamp(SEEN_M.0, SEEN_M.1);
        Self {
            middle_m: ((x.0 + x.1) / 2.0, (y.0 + y.1) / 2.0),
            per_m: f64::from(WIDTH) / seen_m,
        }
    }

    fn pixel(self, (x_m, y_m): (f64, f64)) -> (i32, i32) {
        let half = f64::from(WIDTH) / 2.0;
        let right = half - self.per_m * (y_m - self.middle_m.1);
        let down = half - self.per_m * (x_m - self.middle_m.0);
        (right.round() as i32, down.round() as i32)
    }

    fn pixels(self, points: &[(f64, f64)]) -> Vec<(i32, i32)> {
        points.iter().map(|point| self.pixel(*point)).collect()
    }
}

/// Whether a part of the polyline can be seen.
fn is_seen(points: &[(i32, i32)]) -> bool {
    let within = |value: i32| (0..=WIDTH as i32).contains(&value);
    points.iter().any(|(x, y)| within(*x) && within(*y))
}

/// Near enough that the picture is not drawn smaller for it by much.
fn is_near_by((x_m, y_m): &Point) -> bool {
    x_m.hypot(*y_m) < EGO_NEAR_M
}

fn draw_scene(area: &Area<'_>, view: &SceneView) -> Drawn {
    let frame = Frame::of(view);
    for lane in &view.lanes {
        let points = frame.pixels(lane);
        if is_seen(&points) {
            area.draw(&PathElement::new(points, LANE.stroke_width(1)))?;
        }
    }
    for body in &view.bodies {
        draw_path(area, &frame.pixels(&body.path), FAINT.stroke_width(1))?;
        let corners = frame.pixels(&body.corners);
        if !is_seen(&corners) {
            continue;
        }
        let (fill, stroke) = match body.role {
            Role::Ego => (EGO, INK.stroke_width(1)),
            Role::Actor => (INK, INK.stroke_width(2)),
            Role::Other => (WHITE, INK.stroke_width(1)),
        };
        area.draw(&Polygon::new(corners.clone(), fill.filled()))?;
        let closed = corners.iter().chain(corners.first()).copied();
        area.draw(&PathElement::new(closed.collect::<Vec<_>>(), stroke))?;
        if let Role::Ego = body.role {
            let at = frame.pixel(body.centre);
            text(area, (at.0 + 10, at.1 - 9), Anchor::Left, INK, "ego")?;
        }
    }
    draw_path(area, &frame.pixels(&view.driven), INK.stroke_width(2))?;
    draw_baseline(area, &frame.pixels(&view.baseline))?;
    draw_candidate(area, &frame.pixels(&view.candidate))?;
    draw_scale(area, frame)
}

fn draw_path(area: &Area<'_>, points: &[(i32, i32)], style: ShapeStyle) -> Drawn {
    if points.len() < 2 {
        return Ok(());
    }
    area.draw(&PathElement::new(points.to_vec(), style))
}

/// Dots to a ring.
fn draw_baseline(area: &Area<'_>, points: &[(i32, i32)]) -> Drawn {
    for at in spaced(points, 7.0) {
        area.draw(&Circle::new(at, 1, INK.filled()))?;
    }
    let Some(end) = points.last() else {
        return Ok(());
    };
    area.draw(&Circle::new(*end, 5, WHITE.filled()))?;
    area.draw(&Circle::new(*end, 5, INK.stroke_width(2)))
}

/// Dashes to a filled square.
fn draw_candidate(area: &Area<'_>, points: &[(i32, i32)]) -> Drawn {
    for dash in spaced(points, 5.0).chunks(4) {
        if let [from, _, to, ..] = dash {
            line(area, *from, *to, INK.stroke_width(3))?;
        }
    }
    let Some((x, y)) = points.last().copied() else {
        return Ok(());
    };
    let square = [(x - 5, y - 5), (x + 5, y + 5)];
    area.draw(&Rectangle::new(square, INK.filled()))
}

/// Points along a polyline at equal distances.
fn spaced(points: &[(i32, i32)], every: f64) -> Vec<(i32, i32)> {
    let mut out = Vec::new();
    let mut until_next = 0.0;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (dx, dy) = (
            f64::from(to.0) - f64::from(from.0),
            f64::from(to.1) - f64::from(from.1),
        );
        let length = dx.hypot(dy);
        while until_next < length && out.len() < MARKS_MAX {
            let share = until_next / length;
            let x = f64::from(from.0) + share * dx;
            let y = f64::from(from.1) + share * dy;
            out.push((x.round() as i32, y.round() as i32));
            until_next += every;
        }
        until_next -= length;
    }
    out
}

/// A bar of round length at the lower left.
fn draw_scale(area: &Area<'_>, frame: Frame) -> Drawn {
    let length_m = if frame.per_m > 5.0 { 5.0 } else { 20.0 };
    let length = (length_m * frame.per_m).round() as i32;
    let y = WIDTH as i32 - 10;
    let (from, to) = ((SIDE, y), (SIDE + length, y));
    line(area, from, to, INK.stroke_width(2))?;
    for (x, _) in [from, to] {
        line(area, (x, y - 4), (x, y + 4), INK.stroke_width(2))?;
    }
    let label = format!("{length_m} m");
    text(area, (SIDE + length + 8, y - 11), Anchor::Left, INK, &label)
}

fn draw_legend(area: &Area<'_>) -> Drawn {
    let y = 14;
    let path = |x: i32| [(x, y), (x + 34, y)];
    draw_path(area, &path(SIDE), INK.stroke_width(2))?;
    text(area, (SIDE + 40, y - 10), Anchor::Left, INK, "driven")?;
    draw_baseline(area, &path(SIDE + 112))?;
    text(area, (SIDE + 158, y - 10), Anchor::Left, INK, "baseline")?;
    draw_candidate(area, &path(SIDE + 244))?;
    text(area, (SIDE + 290, y - 10), Anchor::Left, INK, "candidate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_is_up_and_left_is_left() {
        let frame = Frame {
            middle_m: (0.0, 0.0),
            per_m: 10.0,
        };
        assert_eq!(frame.pixel((0.0, 0.0)), (200, 200));
        assert_eq!(frame.pixel((5.0, 0.0)), (200, 150));
        assert_eq!(frame.pixel((0.0, 5.0)), (150, 200));
    }

    #[test]
    fn points_are_spaced_evenly_round_corners() {
        let points = spaced(&[(0, 0), (10, 0), (10, 10)], 6.0);
        assert_eq!(points, [(0, 0), (6, 0), (10, 2), (10, 8)]);
        assert!(spaced(&[(1, 1), (1, 1)], 6.0).is_empty());
    }

    #[test]
    fn a_standing_actor_and_a_wild_prediction_are_drawn() {
        let mut view = SceneView::default();
        from_above(&view).unwrap();
        view.candidate = vec![(0.0, 0.0), (1e9, -1e9)];
        view.baseline = vec![(f64::NAN, 0.0)];
        from_above(&view).unwrap();
    }
}

//! What must not change a figure: the order of rows, the names of tracks, the epoch, the axes of the map.

use driveloop_evaluation::{Forecaster, Metric, Road, Scene, Scores, Tally, score_scene};
use driveloop_schemas::{MapArea, ObjectTrack, Prediction, Sample};

use crate::fixtures::{area, prediction, samples, tracks};

struct World {
    rows: Vec<ObjectTrack>,
    area: MapArea,
    samples: Vec<Sample>,
    predictions: Vec<Prediction>,
}

impl World {
    /// A model that steers the car towards the lane of the ego, where it meets it.
    fn new() -> Self {
        let samples = samples("d1");
        let off_m = |sample: &Sample| if sample.track_id == "car" { -2.6 } else { 1.1 };
        let predictions = samples
            .iter()
            .map(|s| prediction("m", s, off_m(s)))
            .collect();
        Self {
            rows: tracks("d1"),
            area: area("d1"),
            samples,
            predictions,
        }
    }

    fn score(self) -> Tally {
        let model = Forecaster::from_rows(self.predictions).unwrap();
        score_scene(
            self.samples,
            &Scene::from_rows(self.rows).with_road(Road::from_map(&[self.area], &[])),
            &model,
            &Forecaster::ConstantVelocity,
        )
    }
}

#[track_caller]
fn assert_same_figures(changed: World) {
    let figures = |tally: &Tally| -> Vec<Option<f64>> {
        let of = |s: &driveloop_evaluation::Scored| {
            let value = |scores: Option<Scores>, m| scores.and_then(|scores| scores.value(m));
            Metric::ALL
                .into_iter()
                .flat_map(|m| [value(s.model, m), value(s.baseline, m)])
                .collect::<Vec<_>>()
        };
        tally.scored.iter().flat_map(of).collect()
    };
    let (expected, actual) = (figures(&World::new().score()), figures(&changed.score()));
    assert_eq!(expected.len(), actual.len());
    for (expected, actual) in expected.iter().zip(&actual) {
        assert_eq!(expected.is_some(), actual.is_some());
        let off = expected.unwrap_or(0.0) - actual.unwrap_or(0.0);
        assert!(off.abs() < 1e-6, "expected {expected:?}, got {actual:?}");
    }
}

#[test]
fn the_world_has_each_kind_of_figure() {
    let tally = World::new().score();
    assert_eq!(tally.scored.len(), 20);
    let any = |metric| {
        let scores = tally.scored.iter().filter_map(|s| s.model);
        let mut figures = scores.filter_map(|scores| scores.value(metric));
        figures.any(|value| value > 0.0)
    };
    assert!(Metric::ALL.into_iter().all(any));
    let scores = tally.scored.iter().filter_map(|s| s.model);
    assert!(scores.into_iter().any(|scores| !scores.collision));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut world = World::new();
    world.rows.reverse();
    let half = world.rows.len() / 2;
    world.rows.swap(0, half);
    world.predictions.reverse();
    assert_same_figures(world);
}

#[test]
fn the_names_of_tracks_do_not_matter() {
    let mut world = World::new();
    // The order of the names turns round too.
    let renamed = |name: &str| format!("{}-{name}", if name == "ego" { "z" } else { "a" });
    for row in &mut world.rows {
        row.track_id = renamed(&row.track_id).into();
    }
    for sample in &mut world.samples {
        sample.track_id = renamed(&sample.track_id).into();
    }
    assert_same_figures(world);
}

#[test]
fn a_shift_of_time_does_not_matter() {
    let mut world = World::new();
    let shift_ns = -1_699_999_999_123_456_789;
    for row in &mut world.rows {
        row.stamp_ns += shift_ns;
    }
    for sample in &mut world.samples {
        sample.stamp_ns += shift_ns;
    }
    assert_same_figures(world);
}

#[test]
fn the_axes_of_the_map_do_not_matter() {
    let mut world = World::new();
    let (sin, cos) = 2.3_f64.sin_cos();
    let turn = |x: f64, y: f64| (x * cos - y * sin, x * sin + y * cos);
    let place = |x: f64, y: f64| (turn(x, y).0 + 1_234.5, turn(x, y).1 - 987.6);
    for row in &mut world.rows {
        (row.x_m, row.y_m) = place(row.x_m, row.y_m);
        let (vx, vy) = turn(row.vx_mps.unwrap(), row.vy_mps.unwrap());
        (row.vx_mps, row.vy_mps) = (Some(vx), Some(vy));
        row.yaw_rad = driveloop_schemas::pose::wrap_rad(row.yaw_rad + 2.3);
    }
    for point in world.area.polygon.chunks_exact_mut(2) {
        (point[0], point[1]) = place(point[0], point[1]);
    }
    for row in &mut world.predictions {
        for (x, y) in row.x_m.iter_mut().zip(&mut row.y_m) {
            (*x, *y) = place(*x, *y);
        }
    }
    assert_same_figures(world);
}

#[test]
fn left_and_right_do_not_matter() {
    let mut world = World::new();
    for row in &mut world.rows {
        row.y_m = -row.y_m;
        row.vy_mps = row.vy_mps.map(|vy| -vy);
        row.yaw_rad = -row.yaw_rad;
    }
    for point in world.area.polygon.chunks_exact_mut(2) {
        point[1] = -point[1];
    }
    for row in &mut world.predictions {
        row.y_m.iter_mut().for_each(|y| *y = -*y);
    }
    assert_same_figures(world);
}

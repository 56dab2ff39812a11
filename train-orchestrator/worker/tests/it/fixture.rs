//! Samples of actors that turn at a constant rate: constant velocity is wrong about them, their past says how.

use std::fs::File;
use std::path::Path;

use arrow::ipc::writer::FileWriter;
use driveloop_schemas::Row;
use driveloop_schemas::forecast::{
    ForecastSample, HISTORY_STEPS, HORIZON_STEPS, LANE_CHANNELS, LANE_POINTS, NEIGHBOUR_CHANNELS,
    NEIGHBOURS, inputs_file, key_file,
};

/// Writes `train.arrow` and `validation.arrow` with so many samples each, and beside them the inputs of the validation and test
/// samples with their key.
pub fn write_dataset(folder: &Path, [train, validation, test]: [usize; 3]) {
    let rows = |from: usize, count: usize, split: &str| -> Vec<_> {
        (from..from + count)
            .map(|index| sample(index, split))
            .collect()
    };
    let known = rows(train, validation, "validation");
    let unknown = rows(train + validation, test, "test");
    write_samples(&folder.join("train.arrow"), &rows(0, train, "train"));
    write_samples(&folder.join("validation.arrow"), &known);
    let to_predict = known.iter().chain(&unknown).enumerate();
    let (inputs, keys): (Vec<_>, Vec<_>) = to_predict
        .map(|(place, sample)| sample.input(input_id(train + place)))
        .unzip();
    write_rows(&inputs_file(folder), &inputs);
    write_rows(&key_file(folder), &keys);
    std::fs::write(folder.join("manifest.json"), "{}").unwrap();
}

/// The name under which a sample is to be predicted.
pub fn input_id(index: usize) -> String {
    format!("input-{index:06}")
}

/// Writes samples in batches of 100.
pub fn write_samples(path: &Path, rows: &[ForecastSample]) {
    write_rows(path, rows);
}

fn write_rows<R: Row>(path: &Path, rows: &[R]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = R::SPEC.schema();
    let mut writer = FileWriter::try_new(File::create(path).unwrap(), &schema).unwrap();
    for rows in rows.chunks(100) {
        writer.write(&R::to_batch(rows).unwrap()).unwrap();
    }
    writer.finish().unwrap();
}

/// A value in [0, 1) from an index: a Weyl sequence, so that no generator is needed.
fn spread(index: usize, irrational: f64) -> f64 {
    (index as f64 * irrational).fract()
}

/// An actor at 3 to 15 m/s that turns at -0.4 to 0.4 rad/s.
pub fn sample(index: usize, split: &str) -> ForecastSample {
    let speed_mps = 3.0 + 12.0 * spread(index, 0.618_033_988_75);
    let rate_radps = 0.8 * spread(index, 0.414_213_562_37) - 0.4;
    // Position and heading, `t` seconds from the present, in the actor's frame.
    let pose = |t: f64| {
        let yaw = rate_radps * t;
        let half = yaw / 2.0;
        let chord = if half.abs() < 1e-9 {
            1.0
        } else {
            half.sin() / half
        };
        let distance = speed_mps * t * chord;
        (distance * half.cos(), distance * half.sin(), yaw)
    };
    let history = (0..HISTORY_STEPS).flat_map(|step| {
        let (x, y, yaw) = pose((step as f64 + 1.0 - HISTORY_STEPS as f64) * 0.1);
        [
            x,
            y,
            yaw.cos(),
            yaw.sin(),
            speed_mps * yaw.cos(),
            speed_mps * yaw.sin(),
        ]
    });
    let future = (1..=HORIZON_STEPS).flat_map(|step| {
        let (x, y, _) = pose(step as f64 * 0.1);
        [x, y]
    });
    let mut neighbours = vec![0.0; NEIGHBOURS * NEIGHBOUR_CHANNELS];
    neighbours[..NEIGHBOUR_CHANNELS]
        .copy_from_slice(&[1.0, 12.0, 3.5, 1.0, 0.0, 8.0, 0.0, 4.5, 1.9, 0.0]);
    ForecastSample {
        sample_id: format!("drive/track/{index:06}"),
        split: split.to_owned(),
        weight: 1.0,
        anchor_x_m: 1000.0 + index as f64,
        anchor_y_m: -500.0,
        anchor_yaw_rad: std::f64::consts::TAU * spread(index, 0.732_050_807_57),
        history: history.map(|value| value as f32).collect(),
        actor: vec![4.5, 1.9, 0.0, 0.0, 0.0],
        neighbours,
        lane: vec![0.0; LANE_POINTS * LANE_CHANNELS],
        future: future.map(|value| value as f32).collect(),
    }
}

/// A path of the actor's frame in the map frame.
#[allow(
    dead_code,
    reason = "the orchestrator, whose tests share this file, does it itself"
)]
pub fn in_map(sample: &ForecastSample, x_m: &[f64], y_m: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (sin, cos) = sample.anchor_yaw_rad.sin_cos();
    let points = x_m.iter().zip(y_m).map(|(x, y)| {
        let map_x_m = sample.anchor_x_m + x * cos - y * sin;
        (map_x_m, sample.anchor_y_m + x * sin + y * cos)
    });
    points.unzip()
}

/// Mean displacement of a path in the map frame, metres.
pub fn ade_m(sample: &ForecastSample, x_m: &[f64], y_m: &[f64]) -> f64 {
    let (sin, cos) = sample.anchor_yaw_rad.sin_cos();
    let errors = sample
        .future
        .chunks_exact(2)
        .zip(x_m.iter().zip(y_m))
        .map(|(p, (x, y))| {
            let (px, py) = (f64::from(p[0]), f64::from(p[1]));
            let map = [
                sample.anchor_x_m + px * cos - py * sin,
                sample.anchor_y_m + px * sin + py * cos,
            ];
            (map[0] - x).hypot(map[1] - y)
        });
    errors.sum::<f64>() / HORIZON_STEPS as f64
}

/// Mean displacement of constant velocity, metres.
pub fn constant_velocity_ade_m(sample: &ForecastSample) -> f64 {
    let present = &sample.history[sample.history.len() - 2..];
    let path = driveloop_schemas::forecast::constant_velocity(present[0].into(), present[1].into());
    let errors = sample
        .future
        .chunks_exact(2)
        .zip(path)
        .map(|(p, q)| (f64::from(p[0]) - q[0]).hypot(f64::from(p[1]) - q[1]));
    errors.sum::<f64>() / HORIZON_STEPS as f64
}

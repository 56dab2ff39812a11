//! What NumPy, Shapely and SciPy say of the same predictions.

use std::io::Write as _;
use std::process::{Command, Stdio};

use driveloop_evaluation::{ActorKind, Metric, Road, State, Truth, score};
use driveloop_schemas::MapArea;
use driveloop_schemas::forecast::HORIZON_STEPS;
use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::time::Day;
use driveloop_statistics::{Cluster, interval};
use serde_json::{Value, json};

/// Cases: enough for some of each outcome.
const CASES: usize = 400;

/// Numbers that need no generator: a Weyl sequence for each use.
struct Spread(u64);

impl Spread {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// An actor that starts at a place, with a speed, an acceleration and a yaw rate.
fn path(start: &OrientedBox, speed: f64, accel: f64, rate: f64) -> Vec<OrientedBox> {
    let mut at = *start;
    let mut speed = speed;
    (0..HORIZON_STEPS)
        .map(|_| {
            speed = (speed + 0.1 * accel).max(0.0);
            at.yaw_rad += 0.1 * rate;
            at.x_m += 0.1 * speed * at.yaw_rad.cos();
            at.y_m += 0.1 * speed * at.yaw_rad.sin();
            at
        })
        .collect()
}

struct Case {
    present: OrientedBox,
    future: Vec<OrientedBox>,
    predicted: Vec<[f64; 2]>,
    others: Vec<Vec<Option<OrientedBox>>>,
    areas: Vec<Vec<[f64; 2]>>,
}

fn case(spread: &mut Spread) -> Case {
    let mut any = |low, high| spread.between(low, high);
    let start = |any: &mut dyn FnMut(f64, f64) -> f64, reach_m: f64| OrientedBox {
        x_m: any(-reach_m, reach_m),
        y_m: any(-reach_m, reach_m),
        yaw_rad: any(-3.1, 3.1),
        length_m: any(0.5, 6.0),
        width_m: any(0.5, 2.5),
    };
    let present = start(&mut any, 3.0);
    let (speed, accel, rate) = (any(0.0, 14.0), any(-2.0, 1.5), any(-0.3, 0.3));
    let future = path(&present, speed, accel, rate);
    let guess = path(
        &present,
        speed + any(-1.0, 1.0),
        accel + any(-3.0, 2.0),
        rate + any(-0.3, 0.3),
    );
    let others = (0..3)
        .map(|_| {
            let other = start(&mut any, 25.0);
            let (speed, rate) = (any(0.0, 9.0), any(-0.3, 0.3));
            let steps = path(&other, speed, 0.0, rate);
            let lost = any(0.0, 60.0) as usize;
            let all = std::iter::once(other).chain(steps);
            all.enumerate()
                .map(|(k, b)| (k < lost).then_some(b))
                .collect()
        })
        .collect();
    let areas = [any(8.0, 45.0), any(8.0, 45.0)].map(|reach_m| {
        // A quadrangle with a dent, around the start.
        let corners = [
            [1.0, 1.0],
            [-1.0, 1.0],
            [-0.5, 0.0],
            [-1.0, -1.0],
            [1.0, -1.0],
        ];
        corners
            .map(|[x, y]| [x * reach_m, y * any(6.0, 30.0)])
            .to_vec()
    });
    Case {
        present,
        future,
        predicted: guess.iter().map(|b| [b.x_m, b.y_m]).collect(),
        others,
        areas: areas.to_vec(),
    }
}

fn as_json(case: &Case) -> Value {
    let one = |b: &OrientedBox| json!([b.x_m, b.y_m, b.yaw_rad, b.length_m, b.width_m]);
    let others: Vec<Vec<Value>> = case
        .others
        .iter()
        .map(|steps| {
            steps
                .iter()
                .map(|b| b.as_ref().map_or(Value::Null, one))
                .collect()
        })
        .collect();
    json!({
        "present": one(&case.present),
        "future": case.future.iter().map(one).collect::<Vec<_>>(),
        "predicted": case.predicted,
        "others": others,
        "areas": case.areas,
    })
}

/// Our figures, in the order of the metrics.
fn figures(case: &Case) -> Vec<Option<f64>> {
    let state = |footprint: &OrientedBox| State {
        stamp_ns: 0,
        kind: ActorKind::MotorVehicle,
        footprint: *footprint,
        velocity_mps: None,
    };
    let area = |outline: &Vec<[f64; 2]>| MapArea {
        log_id: "d".into(),
        day: Day(0),
        area_id: "a".into(),
        kind: "drivable".into(),
        polygon: outline.as_flattened().to_vec(),
        composed: Some(false),
    };
    let road = Road::from_map(&case.areas.iter().map(area).collect::<Vec<_>>(), &[]);
    let present = state(&case.present);
    let future: Vec<State> = case.future.iter().map(state).collect();
    let others: Vec<Vec<Option<State>>> = case
        .others
        .iter()
        .map(|steps| steps.iter().map(|b| b.as_ref().map(state)).collect())
        .collect();
    let truth = Truth {
        present: &present,
        future: future.iter().collect(),
        others: others.iter().map(Vec::as_slice).collect(),
        road: &road,
    };
    let scores = score(&truth, &case.predicted);
    Metric::ALL.map(|metric| scores.value(metric)).to_vec()
}

/// Fifty drives of different size and difference.
fn drives() -> Vec<Cluster> {
    let mut spread = Spread(11);
    (0..50)
        .map(|_| {
            let samples = spread.between(3.0, 60.0).floor();
            let off = spread.between(-0.8, 0.4);
            Cluster {
                scenes: samples,
                sum: off * samples,
            }
        })
        .collect()
}

/// The answers of the program of others; `None` where its packages are absent.
fn ask(question: &Value) -> Option<Value> {
    let Some(peers) = std::env::var_os("DRIVELOOP_PEERS").filter(|folder| !folder.is_empty())
    else {
        eprintln!("skipped: DRIVELOOP_PEERS names no folder with Python packages");
        return None;
    };
    let mut child = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers.py"))
        .env("PYTHONPATH", peers)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = question.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn figures_and_intervals_are_those_of_other_programs() {
    let mut spread = Spread(3);
    let cases: Vec<Case> = (0..CASES).map(|_| case(&mut spread)).collect();
    let drives = drives();
    let column = |pick: fn(&Cluster) -> f64| drives.iter().map(pick).collect::<Vec<_>>();
    let question = json!({
        "cases": cases.iter().map(as_json).collect::<Vec<_>>(),
        "drives": {
            "sum": column(|d| d.sum),
            "samples": column(|d| d.scenes),
        },
    });
    let Some(answers) = ask(&question) else {
        return;
    };
    let mut outcomes = [[0_usize; 3]; 6]; // none, no, yes
    for (index, (case, answer)) in cases
        .iter()
        .zip(answers["cases"].as_array().unwrap())
        .enumerate()
    {
        let ours = figures(case);
        for ((metric, ours), outcomes) in Metric::ALL.iter().zip(ours).zip(&mut outcomes) {
            let theirs = answer[metric.as_str()].as_f64();
            assert_eq!(
                ours.is_some(),
                theirs.is_some(),
                "case {index}, {}",
                metric.as_str()
            );
            let off = ours.unwrap_or(0.0) - theirs.unwrap_or(0.0);
            assert!(
                off.abs() < 1e-9,
                "case {index}, {}: {ours:?}, {theirs:?}",
                metric.as_str()
            );
            outcomes[ours.map_or(0, |value| 1 + usize::from(value > 0.0))] += 1;
        }
    }
    eprintln!("none, no, yes for each metric: {outcomes:?}");
    let yes_or_no = &outcomes[2..];
    assert!(
        yes_or_no.iter().all(|o| o[1] > 20 && o[2] > 20),
        "{outcomes:?}"
    );

    let (low, high) = interval(&drives, 0.025, 20_000, 5).unwrap();
    for (index, ours) in [low, high].into_iter().enumerate() {
        let theirs = answers["interval"][index].as_f64().unwrap();
        assert!(
            (ours - theirs).abs() < 0.05 * (high - low),
            "{ours}, {theirs}, width {}",
            high - low
        );
    }
}

//! What a scene of the lake looked like: who was where, what was driven, and what both models expected.

use std::collections::BTreeMap;

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::forecast::{HORIZON_STEPS, STEP_NS, STEP_TOLERANCE_NS};
use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::{EGO_CATEGORY, Lane, ObjectTrack, Prediction, Sample};

use crate::error::Result;

/// Metres around the actor within which others and lanes are kept.
const AROUND_M: f64 = 120.0;
/// Lanes and bodies of one picture: a map or a crowd beyond it would make a report of megabytes.
const SHAPES_MAX: usize = 400;

/// A point in metres in the frame of the actor at the stamp of the sample: x forward, y left.
pub(crate) type Point = (f64, f64);

/// A scene from above.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SceneView {
    pub(crate) bodies: Vec<Body>,
    pub(crate) lanes: Vec<Vec<Point>>,
    pub(crate) driven: Vec<Point>,
    pub(crate) baseline: Vec<Point>,
    pub(crate) candidate: Vec<Point>,
}

/// Someone on the road.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Body {
    pub(crate) role: Role,
    pub(crate) centre: Point,
    pub(crate) corners: [Point; 4],
    /// Where it went until the end of the horizon.
    pub(crate) path: Vec<Point>,
}

/// Who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ego,
    Actor,
    Other,
}

/// The models that are compared, and the dataset of their predictions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Models<'a> {
    pub(crate) candidate: &'a str,
    pub(crate) baseline: &'a str,
    pub(crate) dataset: &'a str,
}

/// Looks a scene up; `None` where the lake has no track of the actor.
pub(crate) async fn look_up(
    lake: &Lake,
    sample: &Sample,
    models: Models<'_>,
) -> Result<Option<SceneView>> {
    let from_ns = sample.stamp_ns.saturating_sub(STEP_TOLERANCE_NS);
    let horizon_ns = STEP_NS * HORIZON_STEPS as i64;
    let to_ns = sample
        .stamp_ns
        .saturating_add(horizon_ns + STEP_TOLERANCE_NS);
    let of_drive = format!("log_id = {}", sql_literal(&sample.log_id));
    let filter = format!("{of_drive} AND stamp_ns BETWEEN {from_ns} AND {to_ns}");
    let tracks: Vec<ObjectTrack> = lake.read(Some(&filter)).await?;
    let Some(frame) = Frame::of(sample, &tracks) else {
        return Ok(None);
    };
    let lanes: Vec<Lane> = lake.read(Some(&of_drive)).await?;
    Ok(Some(SceneView {
        bodies: bodies(sample, &tracks, frame),
        lanes: lane_lines(&lanes, frame),
        driven: path(&tracks, &sample.track_id, frame),
        baseline: predicted(lake, models.baseline, sample, models.dataset, frame).await?,
        candidate: predicted(lake, models.candidate, sample, models.dataset, frame).await?,
    }))
}

/// The frame of the actor in the map.
#[derive(Debug, Clone, Copy)]
struct Frame {
    x_m: f64,
    y_m: f64,
    yaw_rad: f64,
}

impl Frame {
    fn of(sample: &Sample, tracks: &[ObjectTrack]) -> Option<Self> {
        let actor = present(sample, tracks).find(|row| row.track_id == sample.track_id)?;
        let frame = Self {
            x_m: actor.x_m,
            y_m: actor.y_m,
            yaw_rad: actor.yaw_rad,
        };
        let is_finite = frame.x_m.is_finite() && frame.y_m.is_finite() && frame.yaw_rad.is_finite();
        is_finite.then_some(frame)
    }

    fn point(self, x_m: f64, y_m: f64) -> Point {
        let (sin, cos) = self.yaw_rad.sin_cos();
        let (dx, dy) = (x_m - self.x_m, y_m - self.y_m);
        (cos * dx + sin * dy, cos * dy - sin * dx)
    }
}

/// The rows at the stamp of the sample, one a track.
fn present<'a>(
    sample: &Sample,
    tracks: &'a [ObjectTrack],
) -> impl Iterator<Item = &'a ObjectTrack> {
    let mut nearest: BTreeMap<&str, &ObjectTrack> = BTreeMap::new();
    let off_ns = |row: &ObjectTrack| row.stamp_ns.abs_diff(sample.stamp_ns);
    for row in tracks {
        if off_ns(row) > STEP_TOLERANCE_NS.unsigned_abs() {
            continue;
        }
        let kept = nearest.entry(row.track_id.as_str()).or_insert(row);
        if off_ns(row) < off_ns(kept) {
            *kept = row;
        }
    }
    nearest.into_values()
}

fn bodies(sample: &Sample, tracks: &[ObjectTrack], frame: Frame) -> Vec<Body> {
    let body = |row: &ObjectTrack| {
        let footprint = OrientedBox {
            x_m: row.x_m,
            y_m: row.y_m,
            yaw_rad: row.yaw_rad,
            length_m: row.length_m,
            width_m: row.width_m,
        };
        let role = if row.track_id == sample.track_id {
            Role::Actor
        } else if row.category == EGO_CATEGORY {
            Role::Ego
        } else {
            Role::Other
        };
        let path = match role {
            Role::Actor => Vec::new(),
            Role::Ego | Role::Other => path(tracks, &row.track_id, frame),
        };
        Body {
            role,
            centre: frame.point(row.x_m, row.y_m),
            corners: footprint.corners().map(|[x_m, y_m]| frame.point(x_m, y_m)),
            path,
        }
    };
    let near = |body: &Body| is_near(body.centre);
    present(sample, tracks)
        .map(body)
        .filter(near)
        .take(SHAPES_MAX)
        .collect()
}

/// Not a number is not near.
fn is_near((x_m, y_m): Point) -> bool {
    x_m.hypot(y_m) <= AROUND_M
}

/// Where a track went; rows are ordered by track and stamp.
fn path(tracks: &[ObjectTrack], track_id: &str, frame: Frame) -> Vec<Point> {
    let rows = tracks
        .iter()
        .filter(|row| row.track_id.as_str() == track_id);
    let points = rows.map(|row| frame.point(row.x_m, row.y_m));
    points.filter(|point| is_near(*point)).collect()
}

fn lane_lines(lanes: &[Lane], frame: Frame) -> Vec<Vec<Point>> {
    let boundaries = lanes
        .iter()
        .flat_map(|lane| [&lane.left_boundary, &lane.right_boundary]);
    boundaries
        .map(|line| {
            let points = line.chunks_exact(2).map(|at| frame.point(at[0], at[1]));
            points.filter(|point| is_near(*point)).collect()
        })
        .filter(|line: &Vec<Point>| line.len() > 1)
        .take(SHAPES_MAX)
        .collect()
}

/// What a model expected, from where the actor was.
async fn predicted(
    lake: &Lake,
    model_id: &str,
    sample: &Sample,
    dataset: &str,
    frame: Frame,
) -> Result<Vec<Point>> {
    let filter = format!(
        "model_id = {} AND dataset = {} AND sample_id = {}",
        sql_literal(model_id),
        sql_literal(dataset),
        sql_literal(&sample.sample_id)
    );
    let rows: Vec<Prediction> = lake.read(Some(&filter)).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(Vec::new());
    };
    let points = row.x_m.iter().zip(&row.y_m);
    let points = points.map(|(x_m, y_m)| frame.point(*x_m, *y_m));
    let expected = points.filter(|point| is_near(*point));
    Ok(std::iter::once((0.0, 0.0)).chain(expected).collect())
}

//! The samples that one drive offers.

use driveloop_lake::digest;
use driveloop_schemas::forecast::STEP_TOLERANCE_NS;
use driveloop_schemas::maths::hypot;
use driveloop_schemas::{Drive, ObjectTrack, Sample};

use super::freeze::FreezeOptions;
use super::selection::{EpisodesOfDrive, Selected};
use super::tracks::{Tracks, window};

/// Categories whose motion is forecast.
const CATEGORIES: [&str; 17] = [
    "REGULAR_VEHICLE",
    "LARGE_VEHICLE",
    "BUS",
    "BOX_TRUCK",
    "TRUCK",
    "TRUCK_CAB",
    "VEHICULAR_TRAILER",
    "SCHOOL_BUS",
    "ARTICULATED_BUS",
    "MOTORCYCLE",
    "MOTORCYCLIST",
    "BICYCLIST",
    "WHEELED_RIDER",
    "PEDESTRIAN",
    "STROLLER",
    "WHEELCHAIR",
    "EGO_VEHICLE",
];
/// An actor that keeps within this distance over past and future is still.
const STILL_M: f64 = 0.5;

/// A drive as the dataset sees it.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) drive: &'a Drive,
    pub(super) host_log_id: &'a str,
    /// For a composed drive: from when on, and whose tracks, it is worth a sample.
    pub(super) edit: Option<Edit<'a>>,
}

/// What composition changed.
#[derive(Debug)]
pub(super) struct Edit<'a> {
    pub(super) from_ns: i64,
    pub(super) tracks: &'a [String],
}

/// A sample that a drive offers.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Without its split and its weight.
    pub(super) sample: Sample,
    /// Whether episodes or query select it.
    pub(super) is_chosen: bool,
}

/// The samples of a drive, ordered by track and stamp.
pub(super) fn samples(
    source: &Source<'_>,
    tracks: &Tracks,
    episodes: &EpisodesOfDrive,
    selected: &Selected,
    options: &FreezeOptions,
) -> Vec<Candidate> {
    let mut samples = Vec::new();
    for track in tracks.iter() {
        let wanted = track.first().is_some_and(|row| {
            let edited = |edit: &Edit<'_>| edit.tracks.iter().any(|track| row.track_id == *track);
            CATEGORIES.contains(&row.category.as_str()) && source.edit.as_ref().is_none_or(edited)
        });
        if wanted {
            samples.extend(samples_of_track(source, track, episodes, selected, options));
        }
    }
    samples
}

fn samples_of_track<'a>(
    source: &'a Source<'_>,
    track: &'a [ObjectTrack],
    episodes: &'a EpisodesOfDrive,
    selected: &'a Selected,
    options: &'a FreezeOptions,
) -> impl Iterator<Item = Candidate> + 'a {
    let stride_ns = options.stride_ns() - STEP_TOLERANCE_NS;
    let from_ns = source.edit.as_ref().map_or(i64::MIN, |edit| edit.from_ns);
    let mut last_ns: Option<i64> = None;
    track
        .iter()
        .filter(move |row| row.stamp_ns >= from_ns)
        .filter_map(move |row| {
            if last_ns.is_some_and(|last| row.stamp_ns.saturating_sub(last) < stride_ns) {
                return None;
            }
            let (vx_mps, vy_mps) = (row.vx_mps?, row.vy_mps?);
            let ego_distance_m = hypot(row.ego_x_m, row.ego_y_m);
            if ego_distance_m > options.ego_distance_max_m {
                return None;
            }
            let window = window(track, row.stamp_ns)?;
            // The stride counts from every stamp that could be a sample, so that what is drawn does not shift the rest.
            last_ns = Some(row.stamp_ns);
            let is_still = window
                .past
                .iter()
                .chain(&window.future)
                .all(|other| hypot(other.x_m - row.x_m, other.y_m - row.y_m) <= STILL_M);
            let scenarios = episodes.scenarios(&row.track_id, row.stamp_ns);
            let is_chosen = if selected.is_some() {
                selected.contains(&row.log_id, &row.track_id, row.stamp_ns)
            } else {
                !scenarios.is_empty()
            };
            let sample_id = format!("{}/{}/{}", row.log_id, row.track_id, row.stamp_ns);
            let fraction = background_fraction(source, is_still, options);
            let is_sample = is_chosen || is_drawn(&sample_id, fraction, options.seed);
            let sample = || Sample {
                dataset: options.name.clone(),
                dataset_digest: String::new(),
                sample_id: sample_id.into(),
                split: String::new(),
                source: if source.edit.is_some() {
                    "synthetic"
                } else {
                    "real"
                }
                .into(),
                log_id: row.log_id.clone(),
                host_log_id: source.host_log_id.into(),
                day: source.drive.day,
                track_id: row.track_id.clone(),
                stamp_ns: row.stamp_ns,
                category: row.category.clone(),
                ego_distance_m,
                speed_mps: hypot(vx_mps, vy_mps),
                scenarios: scenarios.iter().map(|name| (*name).to_owned()).collect(),
                weight: 1.0,
                composed: Some(source.drive.composed),
            };
            is_sample.then(|| Candidate {
                sample: sample(),
                is_chosen,
            })
        })
}

/// The share of such samples that is kept though nothing selects them.
///
/// Background is what driving is like, of which nothing composed is an example: where a query or named scenarios select, they decide
/// about composed drives alone. Without either, an edited track is what the edit is about, still or not.
fn background_fraction(source: &Source<'_>, is_still: bool, options: &FreezeOptions) -> f64 {
    let selects = options.from_sql.is_some() || !options.scenarios.is_empty();
    match (source.edit.is_some(), selects) {
        (true, true) => 0.0,
        (false, _) if is_still => options.background_fraction * options.still_fraction,
        _ => options.background_fraction,
    }
}

/// Whether a background sample is kept: a hash of the seed and its name against the fraction.
fn is_drawn(sample_id: &str, fraction: f64, seed: i64) -> bool {
    let hash = digest(["background", seed.to_string().as_str(), sample_id]);
    let draw = u64::from_str_radix(&hash[..13], 16).unwrap_or(0) as f64 / (1_u64 << 52) as f64;
    draw < fraction
}

//! The suite of two models of a lake: the test samples of a dataset, and what each model answered of them.
//!
//! Scenes are counted against `sample`, not against what a model has figures for: a sample without an answer is unanswered, whether
//! or not the other model has one.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::forecast::{HORIZON_STEPS, STEP_NS, STEP_TOLERANCE_NS};
use driveloop_schemas::{ObjectTrack, Sample, SampleMetric};

use crate::error::{Error, Result};
use crate::paired::{Paired, PairedMetric, Scene, Units};
use crate::reasons::count_text;
use crate::verdict::{Decision, Reason, ReasonKind, Verdict};

/// The split that judges.
pub(crate) const SPLIT: &str = "test";
/// The split of figures that were written before splits were recorded.
const UNKNOWN_SPLIT: &str = "unknown";
/// The source of samples of composed drives.
const SYNTHETIC: &str = "synthetic";
/// Drives that are searched for the future of samples that nobody answered, at most: with more of them unanswered the verdict is the
/// same, and each costs a read.
const DRIVES_LOOKED_UP_MAX: usize = 64;
/// Edges of the distance slices, in metres, with their names.
const DISTANCES: [(f64, &str); 3] = [
    (20.0, "distance=0-20m"),
    (50.0, "distance=20-50m"),
    (f64::INFINITY, "distance=50m+"),
];

/// Values of a model by metric and sample.
pub(crate) type Values = BTreeMap<String, BTreeMap<String, f64>>;

/// The test samples of recorded and simulated drives, and how many of composed drives there are beside them: what was made up trains
/// a model, it does not release one.
pub(crate) fn without_composed(samples: Vec<Sample>) -> (Vec<Sample>, usize) {
    let all = samples.len();
    let recorded: Vec<_> = samples
        .into_iter()
        .filter(|sample| sample.source != SYNTHETIC)
        .collect();
    let composed = all - recorded.len();
    (recorded, composed)
}

/// What a model has figures for on the test split.
pub(crate) async fn values(lake: &Lake, model_id: &str, dataset: &str) -> Result<Values> {
    let [model, suite] = [model_id, dataset].map(sql_literal);
    let of_model = format!("dataset = {suite} AND model_id = {model}");
    let rows = |split: &str| format!("{of_model} AND split = {}", sql_literal(split));
    let figures: Vec<SampleMetric> = lake.read(Some(&rows(SPLIT))).await?;
    if figures.is_empty() {
        let before: Vec<SampleMetric> = lake.read(Some(&rows(UNKNOWN_SPLIT))).await?;
        let why = if before.is_empty() {
            format!("it was not evaluated on the test split of dataset {suite}: evaluate it first")
        } else {
            format!(
                "it was evaluated on dataset {suite} before splits were recorded: evaluate it again"
            )
        };
        return Err(Error::NoScenes {
            subject: format!("model `{model_id}`"),
            expected: why,
        });
    }
    let mut values = Values::new();
    for row in figures {
        let metric = values.entry(row.metric).or_default();
        if metric
            .insert(row.sample_id.to_string(), row.value)
            .is_some()
        {
            return Err(Error::Duplicate {
                what: "scene",
                subject: format!("model `{model_id}`"),
                key: row.sample_id.into_string(),
            });
        }
    }
    Ok(values)
}

/// The suite with what became of each sample.
pub(crate) struct Answers {
    /// Samples that both answered, and those that the candidate left out.
    pub(crate) paired: Paired,
    /// Of the samples that the candidate left out, how many the baseline left out too.
    neither: usize,
    /// Samples that the candidate answered and the baseline did not; one of them is named.
    baseline_missing: Vec<String>,
    /// Samples whose actor has no whole future in `object_track`: nobody can be scored on them.
    without_truth: usize,
    /// Samples of composed drives.
    composed: usize,
    /// Whether `object_track` was asked.
    pub(crate) reads_tracks: bool,
}

/// Pairs the answers of both, sample by sample. `models` are the names of candidate and baseline.
pub(crate) async fn pair(
    lake: &Lake,
    (samples, composed): (&[Sample], usize),
    (candidate, baseline): (&Values, &Values),
    models: [&str; 2],
) -> Result<Answers> {
    let (candidates, baselines) = (answered(candidate), answered(baseline));
    let (mut scenes, mut unanswered, mut baseline_missing) = (Vec::new(), Vec::new(), Vec::new());
    let mut unknown = Vec::new();
    for sample in samples {
        let id = sample.sample_id.as_str();
        match (candidates.contains(id), baselines.contains(id)) {
            (true, true) => scenes.push(scene(sample)),
            (false, true) => unanswered.push(id.to_owned()),
            (true, false) => baseline_missing.push(id.to_owned()),
            (false, false) => unknown.push(sample),
        }
    }
    let reads_tracks = !unknown.is_empty();
    let without_truth = samples_without_truth(lake, &unknown).await?;
    let neither = unknown.len() - without_truth.len();
    let left_out = unknown
        .iter()
        .map(|sample| sample.sample_id.as_str())
        .filter(|id| !without_truth.contains(*id));
    unanswered.extend(left_out.map(str::to_owned));
    if scenes.is_empty() {
        return Err(Error::NoScenes {
            subject: format!("models `{}` and `{}`", models[0], models[1]),
            expected: format!(
                "no test sample of recorded or simulated drives has figures of both; the suite has {}",
                samples.len()
            ),
        });
    }
    let metrics = metrics(&scenes, candidate, baseline);
    Ok(Answers {
        paired: Paired::new(scenes, metrics, unanswered)?.with_units(Units::DrivesByColumn),
        neither,
        baseline_missing,
        without_truth: without_truth.len(),
        composed,
        reads_tracks,
    })
}

impl Answers {
    /// Adds to a verdict what it was not reached on, and takes back a `PASS` on a part of the suite.
    pub(crate) fn add_to(&self, verdict: &mut Verdict) {
        let suite = self.paired.scenes().len()
            + self.paired.unanswered().len()
            + self.baseline_missing.len();
        let mut push = |kind: ReasonKind, text: String| {
            verdict.reasons.push(Reason {
                kind,
                metric: None,
                slice: None,
                text,
                shortfall: None,
            });
        };
        let of_suite = |number: usize| {
            format!(
                "{} of the suite's {} samples",
                count_text(number as u64),
                count_text(suite as u64)
            )
        };
        if let Some(first) = self.baseline_missing.first() {
            let text = format!(
                "the baseline has no figures for {}, for example {first}, so that nothing is compared there: evaluate it on them",
                of_suite(self.baseline_missing.len())
            );
            push(ReasonKind::Unanswered, text);
        }
        if self.neither > 0 {
            let text = format!(
                "neither model has figures for {}; the candidate is held to have left them out",
                of_suite(self.neither)
            );
            push(ReasonKind::Note, text);
        }
        if self.without_truth > 0 {
            let text = format!(
                "samples without a whole future in the tracks of the lake, which count for neither model: {}",
                count_text(self.without_truth as u64)
            );
            push(ReasonKind::Note, text);
        }
        if self.composed > 0 {
            let text = format!(
                "samples of composed drives, which are in no comparison, as drives that were made up release nothing: {}",
                count_text(self.composed as u64)
            );
            push(ReasonKind::Note, text);
        }
        if verdict.decision == Decision::Pass && !self.baseline_missing.is_empty() {
            verdict.decision = Decision::Inconclusive;
        }
        // Stable: within a kind, the order stays.
        verdict.reasons.sort_by_key(|reason| reason.kind);
    }
}

/// The samples with a figure of any metric.
fn answered(values: &Values) -> BTreeSet<&str> {
    let ids = values.values().flat_map(BTreeMap::keys);
    ids.map(String::as_str).collect()
}

fn metrics(scenes: &[Scene], candidate: &Values, baseline: &Values) -> Vec<PairedMetric> {
    let names: BTreeSet<&String> = candidate.keys().chain(baseline.keys()).collect();
    let series = |values: &Values, name: &String| -> Vec<Option<f64>> {
        let values = values.get(name);
        scenes
            .iter()
            .map(|scene| values?.get(&scene.key).copied())
            .collect()
    };
    names
        .into_iter()
        .map(|name| PairedMetric {
            name: name.clone(),
            candidate: series(candidate, name),
            baseline: series(baseline, name),
        })
        .collect()
}

fn scene(sample: &Sample) -> Scene {
    let mut slices: Vec<String> = sample
        .scenarios
        .iter()
        .map(|scenario| format!("scenario={scenario}"))
        .collect();
    slices.push(format!("category={}", sample.category));
    let distance = DISTANCES
        .iter()
        .find(|(below, _)| sample.ego_distance_m < *below);
    slices.extend(distance.map(|(_, name)| (*name).to_owned()));
    Scene {
        key: sample.sample_id.to_string(),
        drive: sample.host_log_id.to_string(),
        slices,
    }
}

/// Those of the samples whose actor is not in `object_track` at the present and at each step of the horizon: the definition of
/// `evaluation`, by which it can score nobody there.
async fn samples_without_truth(lake: &Lake, samples: &[&Sample]) -> Result<BTreeSet<String>> {
    let mut of_drive: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        of_drive.entry(&sample.log_id).or_default().push(sample);
    }
    let mut without_truth = BTreeSet::new();
    for (log_id, samples) in of_drive.into_iter().take(DRIVES_LOOKED_UP_MAX) {
        let names: BTreeSet<&str> = samples.iter().map(|s| s.track_id.as_str()).collect();
        let names: Vec<_> = names.into_iter().map(sql_literal).collect();
        let filter = format!(
            "log_id = {} AND track_id IN ({})",
            sql_literal(log_id),
            names.join(", ")
        );
        let mut stamps: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for row in lake.read::<ObjectTrack>(Some(&filter)).await? {
            let of_track = stamps.entry(row.track_id.to_string()).or_default();
            of_track.insert(row.stamp_ns);
        }
        let nowhere = BTreeSet::new();
        let lacks = samples.iter().filter(|sample| {
            let stamps = stamps.get(sample.track_id.as_str()).unwrap_or(&nowhere);
            !has_future(stamps, sample.stamp_ns)
        });
        without_truth.extend(lacks.map(|sample| sample.sample_id.to_string()));
    }
    Ok(without_truth)
}

/// Whether a track has a stamp near the present and near each step after it.
fn has_future(stamps: &BTreeSet<i64>, present_ns: i64) -> bool {
    (0..=HORIZON_STEPS as i64).all(|step| {
        let stamp_ns = present_ns.saturating_add(step * STEP_NS);
        let from_ns = stamp_ns.saturating_sub(STEP_TOLERANCE_NS);
        let to_ns = stamp_ns.saturating_add(STEP_TOLERANCE_NS);
        stamps.range(from_ns..=to_ns).next().is_some()
    })
}

//! Two models of the lake, compared on the test split of a frozen dataset.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Lake, Versions, sql_literal};
use driveloop_schemas::{Checkpoint, Row, Sample, SampleMetric, TrainingRun};

use crate::error::{Error, Result};
use crate::evidence::Artifact;
use crate::exposure::check_suite_unseen;
use crate::gate::gate;
use crate::paired::{Paired, PairedMetric, Scene};
use crate::releases::standing;
use crate::rules::Rules;
use crate::scene_view::{Models, SceneView, look_up};
use crate::update_record::UpdateRecord;
use crate::validation::{Question, Validation, validate};
use crate::verdict::Verdict;

/// Newly failing scenes that are drawn from above: each is a few reads of the lake.
const VIEWS_MAX: usize = 6;
/// Edges of the distance slices, in metres, with their names.
const DISTANCES: [(f64, &str); 3] = [
    (20.0, "distance=0-20m"),
    (50.0, "distance=20-50m"),
    (f64::INFINITY, "distance=50m+"),
];

/// What two models are validated with.
#[derive(Debug, Clone)]
pub struct ValidateOptions {
    /// Model that wants to be released.
    pub candidate: String,
    /// Model that it would replace.
    pub baseline: String,
    /// Dataset whose test split is the suite.
    pub suite: String,
    /// Rules; [`Rules::lake_models`] where there are none.
    pub rules: Option<Rules>,
    /// Seed.
    pub seed: u64,
    /// Run that the commit belongs to. It is not in the evidence.
    pub run_id: String,
    /// What is known of the update.
    pub update: UpdateRecord,
}

impl ValidateOptions {
    /// Options with the built-in rules and seed 0.
    #[must_use]
    pub fn new(
        candidate: impl Into<String>,
        baseline: impl Into<String>,
        suite: impl Into<String>,
        run_id: impl Into<String>,
    ) -> Self {
        Self {
            candidate: candidate.into(),
            baseline: baseline.into(),
            suite: suite.into(),
            rules: None,
            seed: 0,
            run_id: run_id.into(),
            update: UpdateRecord::default(),
        }
    }
}

/// Validates a model of the lake against another, and records verdict, evidence and report there.
///
/// Reads `sample` and `sample_metric` (both models must have been evaluated on the suite), writes `release_verdict`, and `release`
/// where the candidate passes. The first reason says what the baseline is; against one that is not the last release
/// ([`release_baseline`](crate::release_baseline)) nothing passes.
/// Samples of one recorded drive are not independent, so drives are the units of every test and interval: with one
/// test drive nothing can be shown, and the verdict is `INCONCLUSIVE` however many samples it holds.
///
/// # Errors
/// When the suite has no test samples, a model was not evaluated on it, the candidate was made with drives of it, another model was
/// released in the meantime, or the lake fails.
pub async fn validate_models(lake: &Lake, options: &ValidateOptions) -> Result<Validation> {
    let rules = match &options.rules {
        Some(rules) => rules.clone(),
        None => Rules::lake_models()?,
    };
    let input_versions = read_versions(lake).await?;
    let suite = sql_literal(&options.suite);
    let filter = format!("dataset = {suite} AND split = 'test'");
    let samples: Vec<Sample> = lake.read(Some(&filter)).await?;
    let Some(first) = samples.first() else {
        return Err(Error::NoScenes {
            subject: format!("dataset `{}`", options.suite),
            expected: "it has no test samples".to_owned(),
        });
    };
    let suite_digest = Some(first.dataset_digest.clone());
    check_suite_unseen(lake, &options.candidate, &options.suite).await?;
    let candidate = values(lake, &options.candidate, &suite).await?;
    let baseline = values(lake, &options.baseline, &suite).await?;
    let paired = pair(&samples, &candidate, &baseline, options)?;
    let verdict = gate(&paired, &rules, options.seed);
    let standing = standing(lake, &options.candidate, &options.baseline, &rules).await?;
    let verdict = verdict.led_by(standing);
    let views = views(lake, &samples, &verdict, options).await?;
    let question = Question {
        candidate: artifact(lake, &options.candidate).await?,
        baseline: artifact(lake, &options.baseline).await?,
        suite_name: options.suite.clone(),
        suite_digest,
        left_out: None,
        input_versions,
        seed: options.seed,
        update: options.update.clone(),
    };
    let validation = validate(&paired, rules, question, verdict, &views)?;
    validation.record(lake, &options.run_id).await?;
    Ok(validation)
}

/// The worst scenes from above, by key; a lake without their tracks has none. They are for the report alone: the tables
/// that they come from are no input of the verdict.
async fn views(
    lake: &Lake,
    samples: &[Sample],
    verdict: &Verdict,
    options: &ValidateOptions,
) -> Result<BTreeMap<String, SceneView>> {
    let models = Models {
        candidate: &options.candidate,
        baseline: &options.baseline,
        dataset: &options.suite,
    };
    let mut views = BTreeMap::new();
    for worst in verdict.newly_failing.iter().take(VIEWS_MAX) {
        let sample = samples
            .iter()
            .find(|sample| sample.sample_id.as_str() == worst.key);
        let Some(sample) = sample else { continue };
        if let Some(view) = look_up(lake, sample, models).await? {
            views.insert(worst.key.clone(), view);
        }
    }
    Ok(views)
}

/// Versions of the tables that are read, taken before they are.
async fn read_versions(lake: &Lake) -> Result<Versions> {
    let read = [
        Sample::SPEC.name,
        SampleMetric::SPEC.name,
        Checkpoint::SPEC.name,
        TrainingRun::SPEC.name,
    ];
    let mut versions = lake.versions().await?;
    versions.retain(|table, _| read.contains(&table.as_str()));
    Ok(versions)
}

/// Values of a model by metric and sample.
type Values = BTreeMap<String, BTreeMap<String, f64>>;

async fn values(lake: &Lake, model_id: &str, suite_literal: &str) -> Result<Values> {
    let filter = format!(
        "dataset = {suite_literal} AND model_id = {}",
        sql_literal(model_id)
    );
    let rows: Vec<SampleMetric> = lake.read(Some(&filter)).await?;
    if rows.is_empty() {
        return Err(Error::NoScenes {
            subject: format!("model `{model_id}`"),
            expected: format!("it was not evaluated on dataset {suite_literal}: evaluate it first"),
        });
    }
    let mut values = Values::new();
    for row in rows {
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

async fn artifact(lake: &Lake, model_id: &str) -> Result<Artifact> {
    let of_model = format!("model_id = {}", sql_literal(model_id));
    let mut artifact = Artifact {
        id: model_id.to_owned(),
        ..Artifact::default()
    };
    let checkpoints: Vec<Checkpoint> = lake.read(Some(&of_model)).await?;
    let Some(checkpoint) = checkpoints.into_iter().next() else {
        return Ok(artifact);
    };
    let of_run = format!("run_id = {}", sql_literal(&checkpoint.run_id));
    let runs: Vec<TrainingRun> = lake.read(Some(&of_run)).await?;
    if let Some(run) = runs.into_iter().next() {
        artifact
            .lineage
            .insert("training_spec_digest".to_owned(), run.spec_digest);
    }
    artifact.digest = Some(checkpoint.weights_digest);
    artifact
        .lineage
        .insert("training_run".to_owned(), checkpoint.run_id);
    artifact
        .lineage
        .insert("training_dataset".to_owned(), checkpoint.dataset);
    artifact.lineage.insert(
        "training_dataset_digest".to_owned(),
        checkpoint.dataset_digest,
    );
    Ok(artifact)
}

fn pair(
    samples: &[Sample],
    candidate: &Values,
    baseline: &Values,
    options: &ValidateOptions,
) -> Result<Paired> {
    let scored =
        |values: &Values, sample_id: &str| values.values().any(|m| m.contains_key(sample_id));
    let mut scenes = Vec::new();
    let mut unanswered = Vec::new();
    for sample in samples {
        match (
            scored(candidate, &sample.sample_id),
            scored(baseline, &sample.sample_id),
        ) {
            (true, true) => scenes.push(scene(sample)),
            (false, true) => unanswered.push(sample.sample_id.to_string()),
            _ => {}
        }
    }
    if scenes.is_empty() {
        return Err(Error::NoScenes {
            subject: format!("models `{}` and `{}`", options.candidate, options.baseline),
            expected: format!(
                "no test sample of dataset `{}` has metrics of both",
                options.suite
            ),
        });
    }
    let names: BTreeSet<&String> = candidate.keys().chain(baseline.keys()).collect();
    let series = |values: &Values, name: &String| -> Vec<Option<f64>> {
        let values = values.get(name);
        scenes
            .iter()
            .map(|scene| values?.get(&scene.key).copied())
            .collect()
    };
    let metrics = names
        .into_iter()
        .map(|name| PairedMetric {
            name: name.clone(),
            candidate: series(candidate, name),
            baseline: series(baseline, name),
        })
        .collect();
    Paired::new(scenes, metrics, unanswered)
}

fn scene(sample: &Sample) -> Scene {
    let mut slices: Vec<String> = sample
        .scenarios
        .iter()
        .map(|scenario| format!("scenario={scenario}"))
        .collect();
    slices.push(format!("category={}", sample.category));
    slices.push(format!("source={}", sample.source));
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

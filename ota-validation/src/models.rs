//! Two models of the lake, compared on the test split of a frozen dataset.

use std::collections::BTreeMap;

use driveloop_lake::{Lake, Versions, sql_literal};
use driveloop_schemas::{Checkpoint, ObjectTrack, Row, Sample, SampleMetric, TrainingRun};

use crate::error::{Error, Result};
use crate::evidence::Artifact;
use crate::exposure::check_suite_unseen;
use crate::gate::gate;
use crate::releases::standing;
use crate::rules::Rules;
use crate::scene_view::{Models, SceneView, look_up};
use crate::suite::{SPLIT, pair, values, without_composed};
use crate::update_record::UpdateRecord;
use crate::validation::{Question, Validation, validate};
use crate::verdict::Verdict;

/// Newly failing scenes that are drawn from above: each is a few reads of the lake.
const VIEWS_MAX: usize = 6;
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
/// The suite is every test sample of recorded and simulated drives. One that the candidate has no answer for is unanswered, also where
/// the baseline has none; samples of composed drives are in no comparison.
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
    let mut input_versions = read_versions(lake).await?;
    let suite = sql_literal(&options.suite);
    let filter = format!("dataset = {suite} AND split = {}", sql_literal(SPLIT));
    let samples: Vec<Sample> = lake.read(Some(&filter)).await?;
    let (samples, composed) = without_composed(samples);
    let Some(first) = samples.first() else {
        return Err(Error::NoScenes {
            subject: format!("dataset `{}`", options.suite),
            expected: "it has no test samples of recorded or simulated drives".to_owned(),
        });
    };
    let suite_digest = Some(first.dataset_digest.clone());
    check_suite_unseen(lake, &options.candidate, &options.suite).await?;
    let candidate = values(lake, &options.candidate, &options.suite).await?;
    let baseline = values(lake, &options.baseline, &options.suite).await?;
    let models = [options.candidate.as_str(), options.baseline.as_str()];
    let answers = pair(lake, (&samples, composed), (&candidate, &baseline), models).await?;
    let mut verdict = gate(&answers.paired, &rules, options.seed);
    answers.add_to(&mut verdict);
    if !answers.reads_tracks {
        input_versions.remove(ObjectTrack::SPEC.name);
    }
    let standing = standing(lake, &options.candidate, &options.baseline, &rules).await?;
    let verdict = verdict.led_by(standing);
    let views = views(lake, &samples, &verdict, options).await?;
    let question = Question {
        candidate: artifact(lake, &options.candidate).await?,
        baseline: artifact(lake, &options.baseline).await?,
        suite_name: options.suite.clone(),
        suite_digest,
        left_out: None,
        reading: Vec::new(),
        input_versions,
        seed: options.seed,
        update: options.update.clone(),
    };
    let validation = validate(&answers.paired, rules, question, verdict, &views)?;
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
        ObjectTrack::SPEC.name,
        Checkpoint::SPEC.name,
        TrainingRun::SPEC.name,
    ];
    let mut versions = lake.versions().await?;
    versions.retain(|table, _| read.contains(&table.as_str()));
    Ok(versions)
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

//! `ROUND.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::stages::STAGES;

/// `train.start_from`: the model of the round before.
pub(crate) const PREVIOUS: &str = "previous";
/// `train.start_from`: no model.
pub(crate) const NOTHING: &str = "nothing";

/// A round: its stages' parameters. What is left out has the default that is documented here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoundConfig {
    /// Name: of the round's journal, the start of its dataset's name, and of its model.
    pub(crate) name: String,
    /// The round before it, on the same lake: what its feedback is short of is composed, and its model stands beside the baseline.
    #[serde(default)]
    pub(crate) after: Option<String>,
    /// Where the logs are: a folder, file or object-store URI. With `[[simulate]]`, where the simulated ones go: a folder
    /// beside the lake by default. A round `after` another may name none, and goes on with the drives of the lake.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// Fleets to simulate before the round.
    #[serde(default)]
    pub(crate) simulate: Vec<FleetConfig>,
    /// Ingest.
    #[serde(default)]
    pub(crate) ingest: IngestConfig,
    /// Scenario search.
    #[serde(default)]
    pub(crate) mine: MineConfig,
    /// Composition.
    #[serde(default)]
    pub(crate) synth: SynthConfig,
    /// The frozen dataset.
    #[serde(default)]
    pub(crate) dataset: DatasetConfig,
    /// Training.
    #[serde(default)]
    pub(crate) train: TrainConfig,
    /// Evaluation.
    #[serde(default)]
    pub(crate) evaluate: EvaluateConfig,
    /// The release gate.
    #[serde(default)]
    pub(crate) ota: OtaConfig,
    /// The searches for the next round.
    #[serde(default)]
    pub(crate) feedback: FeedbackConfig,
    /// Commands that take the place of stages, by the stage's name; see the documentation of [`super::command`].
    #[serde(default)]
    pub(crate) commands: BTreeMap<String, Vec<String>>,
    /// Prices, in any currency.
    #[serde(default)]
    pub(crate) cost: CostConfig,
}

/// Simulated drives of one fleet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FleetConfig {
    /// Drives.
    pub(crate) drives: usize,
    /// Length of each, seconds.
    pub(crate) seconds: f64,
    /// Seed; it is in the drives' names, so that each fleet of a round has its own.
    pub(crate) seed: u64,
    /// Events around the ego per minute.
    #[serde(default)]
    pub(crate) events_per_min: Option<f64>,
    /// Kinds of event that are caused; all where empty.
    #[serde(default)]
    pub(crate) events: Vec<String>,
}

/// Ingest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IngestConfig {
    /// Drives decoded at once.
    pub(crate) jobs: usize,
    /// What becomes of logs that changed since the lake took them up, or that are to be read otherwise now: `refuse` leaves the lake as it is
    /// and counts them as failed, `replace` puts them in the place of what the lake has of them.
    pub(crate) changed: Changed,
    /// A file with the mapping of topics to tables; the built-in mapping by default.
    pub(crate) mapping: Option<PathBuf>,
    /// CAN databases, each as `[TOPIC=]FILE`.
    pub(crate) dbc: Vec<PathBuf>,
    /// Whether every number in topics that the mapping passes over becomes a signal.
    pub(crate) all_signals: bool,
}

/// What becomes of logs that changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Changed {
    #[default]
    Refuse,
    Replace,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            jobs: 2,
            changed: Changed::Refuse,
            mapping: None,
            dbc: Vec::new(),
            all_signals: false,
        }
    }
}

/// Scenario search.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MineConfig {
    /// Scenarios; all of the catalogue where empty.
    pub(crate) scenarios: Vec<String>,
    /// A folder of `.sql` files that add to the catalogue.
    pub(crate) folder: Option<String>,
}

/// Composition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SynthConfig {
    /// Recipes; all where empty. In a round `after` another, the searches of that one say which.
    pub(crate) recipes: Vec<String>,
    /// Scenarios whose episodes are edited; where empty, those of all, and each drive as a whole; so in a round `after` another.
    pub(crate) scenarios: Vec<String>,
    /// How parameters are chosen: `grid` points, or `sampled` from their ranges.
    pub(crate) draw: String,
    /// Candidates for each episode and recipe.
    pub(crate) candidates_per_episode: usize,
    /// Candidates in all, at most; 0 composes nothing.
    pub(crate) candidates_max: usize,
    /// In a round `after` another: candidates for each episode that it is short of. Some are rejected.
    pub(crate) candidates_per_missing: usize,
    /// Seed.
    pub(crate) seed: u64,
}

impl Default for SynthConfig {
    fn default() -> Self {
        let scenarios = ["lead_hard_brake", "cut_in"].map(str::to_owned).to_vec();
        Self {
            recipes: Vec::new(),
            scenarios,
            draw: "grid".to_owned(),
            candidates_per_episode: 1,
            candidates_max: 60,
            candidates_per_missing: 3,
            seed: 1,
        }
    }
}

/// The frozen dataset.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatasetConfig {
    /// Time between samples of one actor, seconds.
    pub(crate) stride_s: f64,
    /// Weight of samples within an episode, relative to others.
    pub(crate) scenario_weight: f64,
    /// Drives that are held out, as a condition on `drive` in SQL: the test split, and no host of composed drives. By default
    /// a drive keeps the split of earlier datasets of the lake, and of the others a hash makes about a fifth test drives.
    pub(crate) test: Option<String>,
    /// Drives that the model, and what to search for next, are chosen on, as a condition on `drive` in SQL: the validation split,
    /// and no host of composed drives. By default a share of the others that the seed chooses.
    pub(crate) validation: Option<String>,
    /// Seed of the splits of drives that no dataset had before.
    pub(crate) seed: u64,
}

impl Default for DatasetConfig {
    fn default() -> Self {
        Self {
            stride_s: 0.5,
            scenario_weight: 2.0,
            test: None,
            validation: None,
            seed: 1,
        }
    }
}

/// Training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TrainConfig {
    /// A command of yours in place of the built-in trainer; see `train-orchestrator/CONTRACT.md`.
    pub(crate) command: Vec<String>,
    /// The command that predicts with what `command` left. Without it, a round with a `command` ends before its evaluation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) predict: Vec<String>,
    /// What the training starts from: a model of the lake; `previous`, the model of the round `after` which this one comes;
    /// or `nothing`. By default `previous` in a round after another, else `nothing`.
    pub(crate) start_from: Option<String>,
    /// Hyperparameters, handed to the trainer as they are.
    pub(crate) params: toml::Table,
    /// Seed.
    pub(crate) seed: u32,
    /// `auto`, `cpu` or `cuda:N`.
    pub(crate) device: String,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            predict: Vec::new(),
            start_from: None,
            params: toml::Table::new(),
            seed: 1,
            device: "auto".into(),
        }
    }
}

/// Evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EvaluateConfig {
    /// Bootstrap resamples.
    pub(crate) resamples: usize,
    /// Seed of the bootstrap.
    pub(crate) seed: u64,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            resamples: 2000,
            seed: 1,
        }
    }
}

/// The release gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OtaConfig {
    /// What the candidate is compared with: a model of the lake, or `constant-velocity`. By default the last release, and before the
    /// first one the reference model of the rules; against another one nothing passes.
    pub(crate) baseline: Option<String>,
    /// A rules file in place of the built-in rules.
    pub(crate) rules: Option<String>,
    /// What is known of the update, for the evidence: a file as `driveloop ota validate --release` takes it.
    pub(crate) release: Option<String>,
    /// A private key of `driveloop ota keygen`: the evidence is signed with it.
    pub(crate) sign: Option<String>,
    /// Days after which the signature holds no more.
    pub(crate) expires_days: u32,
    /// Seed of the bootstrap.
    pub(crate) seed: u64,
}

impl Default for OtaConfig {
    fn default() -> Self {
        Self {
            baseline: None,
            rules: None,
            release: None,
            sign: None,
            expires_days: 90,
            seed: 1,
        }
    }
}

/// The searches for the next round.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FeedbackConfig {
    /// Episodes of a scenario, or drives of another slice, that training should have.
    pub(crate) wanted: u32,
}

impl Default for FeedbackConfig {
    fn default() -> Self {
        Self { wanted: 40 }
    }
}

/// Prices.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CostConfig {
    /// Price of a GPU hour: trainers reserve them.
    pub(crate) per_gpu_hour: f64,
    /// Price of a CPU hour: stages pay for the CPU time that was measured, training runs (`training_run.cost`) for what they reserve.
    pub(crate) per_cpu_hour: f64,
}

impl RoundConfig {
    /// Reads a round file.
    pub(crate) fn read(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read round file `{path}`"))?;
        let config: Self = toml::from_str(&text).with_context(|| format!("round file `{path}`"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        anyhow::ensure!(
            !config.name.is_empty() && config.name.chars().all(plain),
            "round file `{path}`: `name` must be letters, digits, `-` and `_`, got `{}`",
            config.name
        );
        config
            .check()
            .with_context(|| format!("round file `{path}`"))?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let after = self.after.as_deref();
        anyhow::ensure!(
            after != Some(&self.name),
            "a round cannot come `after` itself"
        );
        let seeds: BTreeSet<u64> = self.simulate.iter().map(|fleet| fleet.seed).collect();
        anyhow::ensure!(
            seeds.len() == self.simulate.len(),
            "two fleets of `[[simulate]]` have one seed, and so drives of the same names"
        );
        anyhow::ensure!(
            after.is_some() || self.train.start_from.as_deref() != Some(PREVIOUS),
            "`train.start_from` is `{PREVIOUS}`, but the round comes `after` no other"
        );
        anyhow::ensure!(
            self.train.predict.is_empty() || !self.train.command.is_empty(),
            "`train.predict` is the predict step of `train.command`, which is not there; the built-in trainer predicts itself"
        );
        for (stage, command) in &self.commands {
            let known = STAGES.iter().map(|stage| stage.name);
            anyhow::ensure!(
                known.clone().any(|name| name == stage),
                "`[commands]` names no stage `{stage}`; there are {}",
                known.collect::<Vec<_>>().join(", ")
            );
            anyhow::ensure!(!command.is_empty(), "the command of `{stage}` is empty");
        }
        Ok(())
    }
}

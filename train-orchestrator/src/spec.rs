//! What to train.

use std::time::Duration;

use driveloop_lake::digest;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::params::write_json;
use crate::trainer::Trainer;

/// Hexadecimal digits of a run id: 64 bits.
const RUN_ID_DIGITS: usize = 16;
/// Characters of a job's name at most: it is part of object names.
const NAME_MAX: usize = 64;
/// Processes of a gang at most: a bound on what a slip of the pen starts.
const PROCESSES_MAX: u32 = 1024;
/// Other jobs that one comes after at most.
const AFTER_MAX: usize = 64;

/// A training job. Text form: TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Name; models are called `<name>-<digest of run and weights>`. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Frozen dataset to train on.
    pub dataset: String,
    /// Who trains, and who predicts.
    #[serde(default)]
    pub trainer: Trainer,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u32,
    /// `auto`, `cpu` or `cuda:N`.
    #[serde(default = "auto")]
    pub device: String,
    /// Steps between checkpoints.
    #[serde(default = "checkpoint_every_steps")]
    pub checkpoint_every_steps: u64,
    /// Seconds without a new line of metrics after which a worker counts as hung.
    #[serde(default = "heartbeat_timeout_s")]
    pub heartbeat_timeout_s: f64,
    /// Seconds between the request to end (`SIGTERM`) and `SIGKILL`, where a job is cancelled or makes room for another.
    #[serde(default = "grace_s")]
    pub grace_s: f64,
    /// Jobs of the same queue, by name, that must have succeeded before. Their weights are handed to the trainer.
    #[serde(default)]
    pub after: Vec<String>,
    /// Model of the lake that the training starts from; anew where there is none. Its weights are handed to the trainer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<String>,
    /// Who goes first where slots are scarce: the larger number. A running job makes room for one of a higher priority.
    #[serde(default)]
    pub priority: i32,
    /// Processes that are started together, and stopped together when one dies. They find each other as under `torchrun`.
    #[serde(default = "one")]
    pub processes: u32,
    /// How often a failed attempt is made again.
    #[serde(default)]
    pub retries: Retries,
    /// What each process occupies.
    #[serde(default)]
    pub resources: Resources,
    /// What an hour costs.
    #[serde(default)]
    pub price: Price,
    /// Hyperparameters, handed to the trainer as JSON.
    #[serde(default)]
    pub params: toml::Table,
}

/// Budgets of repeated attempts. They bound what a broken trainer or machine can cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retries {
    /// Repetitions after an attempt that ended with a status other than zero.
    pub user_errors: u32,
    /// Repetitions after a worker that was killed or hung.
    pub lost_workers: u32,
    /// Repetitions after an attempt that was killed because memory had run out: the next one may well do the same.
    pub out_of_memory: u32,
    /// Repetitions after a worker that was asked to end: by a job of a higher priority, or by the machine (`SIGTERM`).
    /// A job that has used them up makes room for no other job.
    pub preemptions: u32,
    /// Wait before the first repetition; it doubles each time. After a preemption there is none.
    pub backoff_s: f64,
    /// The longest wait.
    pub backoff_max_s: f64,
    /// Share of a wait that is left to chance, so that jobs which failed together do not come back together. The chance is
    /// a function of the run and the attempt.
    pub jitter: f64,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            user_errors: 1,
            lost_workers: 3,
            out_of_memory: 1,
            preemptions: 10,
            backoff_s: 1.0,
            backoff_max_s: 60.0,
            jitter: 0.25,
        }
    }
}

/// What a process occupies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// CPU cores.
    pub cpus: u32,
    /// GPUs. Where it is not said: one for a device `cuda:N`, one for `auto` on a machine that has one, otherwise none.
    pub gpus: Option<u32>,
    /// Memory, MiB; none is set aside where it is zero.
    pub memory_mib: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpus: 1,
            gpus: None,
            memory_mib: 0,
        }
    }
}

/// What an hour costs, in a currency of the user's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// An hour of a GPU.
    pub per_gpu_hour: f64,
    /// An hour of a CPU core.
    pub per_cpu_hour: f64,
}

fn auto() -> String {
    "auto".to_owned()
}

fn checkpoint_every_steps() -> u64 {
    200
}

fn heartbeat_timeout_s() -> f64 {
    300.0
}

fn grace_s() -> f64 {
    10.0
}

fn one() -> u32 {
    1
}

impl JobSpec {
    /// A job of the built-in trainer with the defaults of the text form.
    #[must_use]
    pub fn new(name: impl Into<String>, dataset: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            dataset: dataset.into(),
            trainer: Trainer::Builtin,
            seed: 0,
            device: auto(),
            checkpoint_every_steps: checkpoint_every_steps(),
            heartbeat_timeout_s: heartbeat_timeout_s(),
            grace_s: grace_s(),
            after: Vec::new(),
            start_from: None,
            priority: 0,
            processes: 1,
            retries: Retries::default(),
            resources: Resources::default(),
            price: Price::default(),
            params: toml::Table::new(),
        }
    }

    /// Reads and checks the text form.
    ///
    /// # Errors
    /// [`Error::Spec`] with the place and what is wrong.
    pub fn from_toml(text: &str) -> Result<Self> {
        let spec: Self = toml::from_str(text).map_err(|error| Error::Spec {
            reason: error.to_string().trim_end().to_owned(),
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// Checks a specification that was not read by [`JobSpec::from_toml`].
    ///
    /// # Errors
    /// [`Error::Spec`] with the field and what it admits.
    pub fn check(&self) -> Result<()> {
        let seconds = |value: f64| Duration::try_from_secs_f64(value).is_ok();
        let Retries {
            backoff_s,
            backoff_max_s,
            jitter,
            ..
        } = self.retries;
        let prices = [self.price.per_gpu_hour, self.price.per_cpu_hour];
        let checks = [
            (
                is_plain(&self.name),
                "`name`: expected 1 to 64 letters, digits, `-`, `_` and `.`",
            ),
            (
                !self.dataset.is_empty(),
                "`dataset`: expected the name of a dataset",
            ),
            (
                self.checkpoint_every_steps > 0,
                "`checkpoint_every_steps`: expected at least 1",
            ),
            (
                seconds(self.heartbeat_timeout_s) && seconds(self.grace_s),
                "`heartbeat_timeout_s`, `grace_s`: expected seconds, zero or more",
            ),
            (
                seconds(backoff_s) && seconds(backoff_max_s) && (0.0..=1.0).contains(&jitter),
                "`retries`: expected waits of zero or more, and a jitter from 0 to 1",
            ),
            (self.trainer.has_programs(), "`trainer`: expected a program"),
            (
                (1..=PROCESSES_MAX).contains(&self.processes),
                "`processes`: expected 1 to 1024",
            ),
            (
                self.processes == 1 || self.trainer != Trainer::Builtin,
                "`processes`: the built-in trainer is one process",
            ),
            (
                self.after.len() <= AFTER_MAX && !self.after.contains(&self.name),
                "`after`: expected at most 64 names of other jobs",
            ),
            (
                self.start_from.as_deref() != Some(""),
                "`start_from`: expected a model of the lake",
            ),
            (
                prices
                    .iter()
                    .all(|price| price.is_finite() && *price >= 0.0),
                "`price`: expected prices of zero or more",
            ),
            (
                is_device(&self.device),
                "`device`: expected `auto`, `cpu` or `cuda:N`",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, reason)) => Err(Error::Spec {
                reason: (*reason).to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The GPU that the job names: `N` of `cuda:N`.
    #[must_use]
    pub fn pinned_gpu(&self) -> Option<u32> {
        self.device.strip_prefix("cuda:")?.parse().ok()
    }

    /// Digest of what determines the result: name, dataset, trainer (and the version of the built-in one), seed,
    /// device, processes, parameters and the model that it starts from. Priority, slots, retries, checkpoints and prices change nothing.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut parts = vec![
            self.name.clone(),
            self.dataset.clone(),
            self.seed.to_string(),
            self.device.clone(),
            self.params_json(),
        ];
        if self.processes > 1 {
            parts.push(format!("processes {}", self.processes));
        }
        if let Some(model_id) = &self.start_from {
            parts.push(format!("start from {model_id}"));
        }
        parts.extend(self.trainer.parts());
        digest(parts)
    }

    /// Identity of the run of this job on a dataset, where it comes after no other.
    #[must_use]
    pub fn run_id(&self, dataset_digest: &str) -> String {
        self.run_id_after(dataset_digest, &[])
    }

    /// The same after other runs: their weights determine the result too.
    #[must_use]
    pub fn run_id_after(&self, dataset_digest: &str, runs: &[&str]) -> String {
        let own = self.digest();
        let parts = [own.as_str(), dataset_digest];
        let mut run_id = digest(parts.iter().chain(runs));
        run_id.truncate(RUN_ID_DIGITS);
        run_id
    }

    /// The hyperparameters as JSON, keys sorted.
    #[must_use]
    pub fn params_json(&self) -> String {
        let mut json = String::new();
        write_json(&toml::Value::Table(self.params.clone()), &mut json);
        json
    }
}

/// Whether a text can be part of an object's name.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_MAX
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn is_device(device: &str) -> bool {
    ["auto", "cpu"].contains(&device)
        || device
            .strip_prefix("cuda:")
            .is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_is_read_with_its_defaults() {
        let spec = JobSpec::from_toml(
            "name = 'a'\ndataset = 'd'\ntrainer = { command = ['python', 'train.py'] }\n[params]\nz = 1\na = [true, 0.5]",
        )
        .unwrap();
        assert_eq!(
            spec.trainer,
            Trainer::Command(vec!["python".into(), "train.py".into()])
        );
        assert_eq!(spec.params_json(), r#"{"a":[true,0.5],"z":1}"#);
        assert_eq!(spec.retries, Retries::default());
        let builtin = JobSpec::from_toml("name = 'a'\ndataset = 'd'\ntrainer = 'builtin'").unwrap();
        assert_eq!(builtin, JobSpec::new("a", "d"));
    }

    #[test]
    fn a_wrong_specification_says_where() {
        for (text, expected) in [
            ("name = 'a/b'\ndataset = 'd'", "`name`"),
            ("name = 'a'", "dataset"),
            ("name = 'a'\ndataset = 'd'\nsede = 1", "sede"),
            ("name = 'a'\ndataset = 'd'\nafter = ['a']", "`after`"),
            ("name = 'a'\ndataset = 'd'\ndevice = 'gpu'", "`device`"),
            ("name = 'a'\ndataset = 'd'\nprocesses = 2", "`processes`"),
            ("name = 'a'\ndataset = 'd'\nstart_from = ''", "`start_from`"),
            (
                "name = 'a'\ndataset = 'd'\nheartbeat_timeout_s = 1e300",
                "`heartbeat_timeout_s`",
            ),
            (
                "name = 'a'\ndataset = 'd'\n[price]\nper_gpu_hour = -1.0",
                "`price`",
            ),
            (
                "name = 'a'\ndataset = 'd'\n[retries]\njitter = 2.0",
                "`retries`",
            ),
            ("name = 'a'\ndataset = 'd'\n[resources]\ncpus = -1", "cpus"),
            (
                "name = 'a'\ndataset = 'd'\ntrainer = { command = [] }",
                "`trainer`",
            ),
            (
                "name = 'a'\ndataset = 'd'\ncheckpoint_every_steps = 0",
                "`checkpoint_every_steps`",
            ),
            (
                "name = 'a'\ndataset = 'd'\n[retries]\nbackoff_s = nan",
                "`retries`",
            ),
        ] {
            let error = JobSpec::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn only_what_changes_the_result_changes_the_run() {
        let spec = JobSpec::new("a", "d");
        let run_id = spec.run_id("x");
        assert_ne!(run_id, spec.run_id("y"));
        assert_ne!(
            run_id,
            JobSpec {
                seed: 1,
                ..spec.clone()
            }
            .run_id("x")
        );
        let start_from = Some("b-0123".to_owned());
        assert_ne!(
            run_id,
            JobSpec {
                start_from,
                ..spec.clone()
            }
            .run_id("x")
        );
        let retries = Retries {
            user_errors: 9,
            ..Retries::default()
        };
        assert_eq!(
            run_id,
            JobSpec {
                retries,
                checkpoint_every_steps: 7,
                priority: 5,
                ..spec.clone()
            }
            .run_id("x")
        );
        assert_ne!(run_id, spec.run_id_after("x", &["another"]));
    }
}

//! What to train.

use driveloop_lake::digest;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Hexadecimal digits of a run id: 64 bits.
const RUN_ID_DIGITS: usize = 16;
/// Characters of a job's name at most: it is part of object names.
const NAME_MAX: usize = 64;

/// A training job. Text form: TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Name; models are called `<name>-<digest of the weights>`. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Frozen dataset to train on.
    pub dataset: String,
    /// Who trains.
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
    /// How often a failed attempt is made again.
    #[serde(default)]
    pub retries: Retries,
    /// What an attempt occupies, for the accounting.
    #[serde(default)]
    pub resources: Resources,
    /// Hyperparameters, handed to the trainer as JSON.
    #[serde(default)]
    pub params: toml::Table,
}

/// Who trains: `"builtin"`, or `{ command = ["python", "train.py"] }`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trainer {
    /// `driveloop-worker`.
    #[default]
    Builtin,
    /// A program and its arguments; it keeps the contract of `CONTRACT.md`.
    Command(Vec<String>),
}

/// Budgets of repeated attempts. They bound what a broken trainer or machine can cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retries {
    /// Repetitions after an attempt that ended with a status other than zero.
    pub user_errors: u32,
    /// Repetitions after a worker that was killed or hung.
    pub lost_workers: u32,
    /// Wait before the first repetition; it doubles each time.
    pub backoff_s: f64,
    /// The longest wait.
    pub backoff_max_s: f64,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            user_errors: 1,
            lost_workers: 3,
            backoff_s: 1.0,
            backoff_max_s: 60.0,
        }
    }
}

/// What an attempt occupies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// CPU cores.
    pub cpus: f64,
    /// GPUs; at least one is counted where the trainer says that it runs on `cuda`.
    pub gpus: f64,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpus: 1.0,
            gpus: 0.0,
        }
    }
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
            retries: Retries::default(),
            resources: Resources::default(),
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
        let name_is_plain = !self.name.is_empty()
            && self.name.len() <= NAME_MAX
            && !self.name.starts_with('.')
            && self
                .name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let seconds = |value: f64| value.is_finite() && value >= 0.0;
        let Retries {
            backoff_s,
            backoff_max_s,
            ..
        } = self.retries;
        let checks = [
            (
                name_is_plain,
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
                seconds(self.heartbeat_timeout_s),
                "`heartbeat_timeout_s`: expected zero or more",
            ),
            (
                seconds(backoff_s) && seconds(backoff_max_s),
                "`retries`: expected waits of zero or more",
            ),
            (
                self.trainer != Trainer::Command(Vec::new()),
                "`trainer`: expected a program",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, reason)) => Err(Error::Spec {
                reason: (*reason).to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Digest of what determines the result: name, dataset, trainer (and the version of the built-in one), seed,
    /// device and parameters. How often to retry or to write checkpoints changes nothing.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut parts = vec![
            self.name.clone(),
            self.dataset.clone(),
            self.seed.to_string(),
            self.device.clone(),
            self.params_json(),
        ];
        match &self.trainer {
            Trainer::Builtin => parts.push(env!("CARGO_PKG_VERSION").to_owned()),
            Trainer::Command(command) => parts.extend(command.iter().cloned()),
        }
        digest(parts)
    }

    /// Identity of the run of this job on a dataset.
    #[must_use]
    pub fn run_id(&self, dataset_digest: &str) -> String {
        let mut run_id = digest([self.digest().as_str(), dataset_digest]);
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

/// JSON with sorted keys, whatever order maps have in this build. Dates are texts.
fn write_json(value: &toml::Value, json: &mut String) {
    match value {
        toml::Value::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            write_sequence(json, "{}", entries, |(key, value), json| {
                json.push_str(&serde_json::Value::from(key.as_str()).to_string());
                json.push(':');
                write_json(value, json);
            });
        }
        toml::Value::Array(values) => write_sequence(json, "[]", values, write_json),
        toml::Value::String(text) => {
            json.push_str(&serde_json::Value::from(text.as_str()).to_string());
        }
        toml::Value::Integer(number) => json.push_str(&number.to_string()),
        toml::Value::Float(number) => json.push_str(&serde_json::Value::from(*number).to_string()),
        toml::Value::Boolean(truth) => json.push_str(if *truth { "true" } else { "false" }),
        toml::Value::Datetime(date) => {
            json.push_str(&serde_json::Value::from(date.to_string()).to_string());
        }
    }
}

fn write_sequence<T>(
    json: &mut String,
    brackets: &str,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    let (open, close) = brackets.split_at(1);
    json.push_str(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(item, json);
    }
    json.push_str(close);
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
        let retries = Retries {
            user_errors: 9,
            ..Retries::default()
        };
        assert_eq!(
            run_id,
            JobSpec {
                retries,
                checkpoint_every_steps: 7,
                ..spec
            }
            .run_id("x")
        );
    }
}

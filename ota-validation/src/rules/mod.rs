//! The gate's rules: a readable TOML file, parsed once into a type that can be applied.

mod check;
mod names;
mod score_columns;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub(crate) use names::{Says, says, words};
pub use score_columns::ScoreColumns;

/// What the gate tests, and what a finding means. `rules/default.toml` explains each setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Name, for the report.
    pub name: String,
    /// What the first release is compared with: a model of the lake, or `constant-velocity`. Later ones are compared with the last
    /// release.
    pub reference: String,
    /// Chance that a candidate which is worse nowhere is blocked, over all metrics that block and all slices; and, apart
    /// from it, that one is held back for a person. One-sided.
    pub worse_alpha: f64,
    /// Chance that a candidate which is worse nowhere is held back by a slice that looks worse than the margin.
    pub slice_alpha: f64,
    /// False discovery rate among what is called better, and among what is worse and only reported.
    pub fdr: f64,
    /// One-sided level of the non-inferiority tests; intervals are at twice this level.
    pub noninferiority_alpha: f64,
    /// Chance of a decision that counts of missing scenes are computed for.
    pub power: f64,
    /// A slice with fewer scenes is not tested.
    pub scenes_min: u64,
    /// With fewer drives there is no interval of a continuous metric.
    pub drives_min: u64,
    /// Largest share of its scenes that is taken to newly fail in a drive that is bad for the candidate.
    pub bad_drive_share: f64,
    /// Where non-inferiority must be shown.
    pub slice_scope: SliceScope,
    /// Share of the baseline's scenes that the candidate may leave unanswered.
    pub unanswered_share_max: f64,
    /// Resamples of the bootstrap.
    pub resamples: u32,
    /// Continuous metrics that order the newly failing scenes.
    pub rank_by: Vec<String>,
    /// Columns of a score file that are no metrics.
    pub columns: Columns,
    /// Rules of the metrics, by name.
    pub metric: BTreeMap<String, MetricRule>,
    /// Limits that block whatever the statistics say.
    pub veto: Vec<Veto>,
}

/// Columns of a score file that are no metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Rows where it says `False` are left out.
    pub valid: String,
    /// Names the recorded drive of a scene. Empty: a column whose name says so, where there is one, else each scene is
    /// its own.
    pub drive: String,
    /// Columns whose values cut the scenes into slices.
    pub slices: Vec<String>,
    /// Columns that are neither a metric nor the drive.
    pub ignored: Vec<String>,
    /// Keys of rows that are an aggregate of the others and no scene.
    pub aggregates: Vec<String>,
    /// Keys of rows that are scenes, though they look like an aggregate.
    pub scenes: Vec<String>,
    /// Smallest and largest value of a column; another one is refused.
    pub range: BTreeMap<String, [f64; 2]>,
}

/// Where a safety-critical metric must be shown to be no worse than its margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceScope {
    /// Over all scenes only.
    Total,
    /// Over all scenes, and in each slice that looks worse than the margin, by more than chance among so many slices.
    Observed,
}

/// What a metric's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A scene passes or fails.
    PassFail,
    /// A number whose mean is compared.
    Continuous,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A higher value is better.
    #[default]
    HigherIsBetter,
    /// A lower value is better.
    LowerIsBetter,
}

/// What it means that a metric got significantly worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenWorse {
    /// The release is blocked.
    Block,
    /// The release does not pass: a person must weigh it.
    Review,
    /// It is said, and nothing follows.
    Report,
}

/// The rule of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricRule {
    /// What the values are.
    pub kind: Kind,
    /// Which way is better.
    #[serde(default)]
    pub direction: Direction,
    /// A value below this fails.
    #[serde(default)]
    pub fails_below: Option<f64>,
    /// A value above this fails.
    #[serde(default)]
    pub fails_above: Option<f64>,
    /// Whether it must be shown to be no worse than the margin.
    #[serde(default)]
    pub safety_critical: bool,
    /// Largest worsening that is no worsening: of the failing share, or of the mean.
    #[serde(default)]
    pub margin: Option<f64>,
    /// What significantly worse means.
    #[serde(default)]
    pub when_worse: Option<WhenWorse>,
}

/// A limit that blocks whatever the statistics say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Veto {
    /// The metric, a pass/fail one.
    pub metric: String,
    /// The slice.
    #[serde(default = "all")]
    pub slice: String,
    /// Scenes that the baseline passes and the candidate fails, at most.
    #[serde(default)]
    pub newly_failing_max: Option<u64>,
    /// Share of scenes that the candidate fails, at most.
    #[serde(default)]
    pub failing_share_max: Option<f64>,
}

fn all() -> String {
    crate::paired::ALL.to_owned()
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            valid: "valid".to_owned(),
            drive: String::new(),
            slices: Vec::new(),
            ignored: Vec::new(),
            aggregates: Vec::new(),
            scenes: Vec::new(),
            range: BTreeMap::new(),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            reference: "constant-velocity".to_owned(),
            worse_alpha: 0.025,
            slice_alpha: 0.1,
            fdr: 0.05,
            noninferiority_alpha: 0.025,
            power: 0.8,
            scenes_min: 30,
            drives_min: 10,
            bad_drive_share: 0.25,
            slice_scope: SliceScope::Observed,
            unanswered_share_max: 0.0,
            resamples: 4999,
            rank_by: Vec::new(),
            columns: Columns::default(),
            metric: BTreeMap::new(),
            veto: Vec::new(),
        }
    }
}

impl Rules {
    /// The commented rules file with every default.
    pub const DEFAULT_TOML: &'static str = include_str!("../../rules/default.toml");

    /// Reads a rules file.
    ///
    /// # Errors
    /// When it is no TOML, has an unknown field, a value that cannot be applied, or a metric that is named for what goes
    /// wrong (`collision`) without its direction.
    pub fn from_toml(text: &str) -> Result<Self> {
        let rules: Self = toml::from_str(text).map_err(|source| Error::Syntax {
            file: "rules",
            source: Box::new(source),
        })?;
        rules.check()?;
        score_columns::refuse_unsaid_directions(text)?;
        Ok(rules)
    }

    /// The built-in rules for per-scene scores of a driving policy.
    ///
    /// # Errors
    /// Never, unless the built-in file is broken: a test reads it.
    pub fn planner_scores() -> Result<Self> {
        Self::from_toml(include_str!("../../rules/planner-scores.toml"))
    }

    /// The built-in rules for two motion forecasters of the lake.
    ///
    /// # Errors
    /// Never, unless the built-in file is broken: a test reads it.
    pub fn lake_models() -> Result<Self> {
        Self::from_toml(include_str!("../../rules/lake-models.toml"))
    }

    /// The built-in rules that fit the columns of a score file: those for planner scores where all of their
    /// safety-critical metrics are there, those for lake models where all of their metrics are, else the defaults.
    ///
    /// # Errors
    /// Never, unless a built-in file is broken.
    pub fn for_columns(columns: &[&str]) -> Result<Self> {
        let has = |name: &String| columns.contains(&name.as_str());
        let planner = Self::planner_scores()?;
        let mut critical = planner
            .metric
            .iter()
            .filter(|(_, rule)| rule.safety_critical);
        if critical.all(|(name, _)| has(name)) {
            return Ok(planner);
        }
        let lake = Self::lake_models()?;
        // `collision` and `miss` alone are names that any evaluator may use, either way round.
        if lake.metric.keys().all(has) {
            return Ok(lake);
        }
        Ok(Self::default())
    }

    /// The rule of a metric; for one without, the documented default for its values.
    pub fn rule_for(&self, metric: &str, mut values: impl Iterator<Item = f64>) -> MetricRule {
        if let Some(rule) = self.metric.get(metric) {
            return rule.clone();
        }
        let graded = |value: f64| {
            [0.0, 0.5, 1.0]
                .iter()
                .any(|grade| value.total_cmp(grade).is_eq())
        };
        let kind = if values.all(graded) {
            Kind::PassFail
        } else {
            Kind::Continuous
        };
        MetricRule {
            kind,
            direction: Direction::HigherIsBetter,
            fails_below: None,
            fails_above: None,
            safety_critical: false,
            margin: None,
            when_worse: None,
        }
    }

    /// SHA-256 over the rules as they are applied, defaults included, in hexadecimal.
    ///
    /// # Errors
    /// When they cannot be written as JSON.
    pub fn digest(&self) -> Result<String> {
        crate::evidence::canonical_json(self).map(|json| crate::evidence::sha256_hex(&json))
    }
}

impl MetricRule {
    /// Whether a value fails.
    #[must_use]
    pub fn fails(&self, value: f64) -> bool {
        match (self.fails_below, self.fails_above, self.direction) {
            (Some(limit), _, _) => value < limit,
            (None, Some(limit), _) => value > limit,
            (None, None, Direction::HigherIsBetter) => value < 1.0,
            (None, None, Direction::LowerIsBetter) => value > 0.0,
        }
    }

    /// How much worse the candidate's value is; positive is worse.
    #[must_use]
    pub fn worsening(&self, candidate: f64, baseline: f64) -> f64 {
        match self.direction {
            Direction::HigherIsBetter => baseline - candidate,
            Direction::LowerIsBetter => candidate - baseline,
        }
    }

    /// What significantly worse means, with the default where the file says nothing.
    #[must_use]
    pub fn when_worse(&self) -> WhenWorse {
        let default = if self.safety_critical {
            WhenWorse::Block
        } else {
            WhenWorse::Review
        };
        self.when_worse.unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        assert_eq!(
            Rules::from_toml(Rules::DEFAULT_TOML).unwrap(),
            Rules::default()
        );
        Rules::planner_scores().unwrap();
        Rules::lake_models().unwrap();
    }

    #[test]
    fn what_cannot_be_applied_is_refused_by_name() {
        let cases = [
            ("fdr = 2.0", "`fdr`"),
            ("frd = 0.1", "unknown field `frd`"),
            (
                "[metric.a]\nkind = \"pass_fail\"\nsafety_critical = true",
                "metric.a.margin",
            ),
            ("[metric.a]\nkind = \"maybe\"", "unknown variant"),
            (
                "[metric.a]\nkind = \"continuous\"\nfails_below = 1.0",
                "no limit",
            ),
            ("[[veto]]\nmetric = \"a\"", "veto.metric"),
            (
                "[metric.a]\nkind = \"pass_fail\"\n[[veto]]\nmetric = \"a\"",
                "newly_failing_max or failing_share_max",
            ),
            ("drives_min = 9", "`drives_min`"),
            ("worse_alpha = 0.0", "`worse_alpha`"),
            ("slice_alpha = 0.01", "`slice_alpha`"),
            (
                "slice_scope = \"every_slice\"",
                "unknown variant `every_slice`, expected `total` or `observed`",
            ),
        ];
        for (text, expected) in cases {
            let error = Rules::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

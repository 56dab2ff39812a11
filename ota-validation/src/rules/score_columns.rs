//! The small file that says what the columns of a score file are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Columns, Direction, Kind, MetricRule, Rules, Says, says};
use crate::error::{Error, Result};

/// What the columns of a score file are. `rules/columns.toml` explains each setting.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoreColumns {
    /// Columns where a scene passes or fails.
    pub pass_fail: Vec<String>,
    /// Columns whose mean is compared.
    pub continuous: Vec<String>,
    /// Those of both where a lower value is better.
    pub lower_is_better: Vec<String>,
    /// Those of both where a higher value is better, though their name says otherwise.
    pub higher_is_better: Vec<String>,
    /// Those of both that must not get worse, with their margin.
    pub safety_critical: BTreeMap<String, f64>,
    /// Continuous columns that order the newly failing scenes, the largest worsening first.
    pub rank_by: Vec<String>,
    /// As in [`Columns`].
    pub valid: String,
    /// As in [`Columns`].
    pub drive: String,
    /// As in [`Columns`].
    pub slices: Vec<String>,
    /// As in [`Columns`].
    pub ignored: Vec<String>,
    /// As in [`Columns`].
    pub aggregates: Vec<String>,
    /// As in [`Columns`].
    pub scenes: Vec<String>,
    /// As in [`Columns`].
    pub range: BTreeMap<String, [f64; 2]>,
}

impl Default for ScoreColumns {
    fn default() -> Self {
        let Columns {
            valid,
            drive,
            slices,
            ignored,
            aggregates,
            scenes,
            range,
        } = Columns::default();
        Self {
            pass_fail: Vec::new(),
            continuous: Vec::new(),
            lower_is_better: Vec::new(),
            higher_is_better: Vec::new(),
            safety_critical: BTreeMap::new(),
            rank_by: Vec::new(),
            valid,
            drive,
            slices,
            ignored,
            aggregates,
            scenes,
            range,
        }
    }
}

impl ScoreColumns {
    /// An example with every setting and what it means.
    pub const EXAMPLE_TOML: &'static str = include_str!("../../rules/columns.toml");

    /// Reads a columns file.
    ///
    /// # Errors
    /// When it is no TOML, has an unknown field, or names a column twice, or as something that it is not; and when a
    /// column that is named for what goes wrong (`collision`) is in neither list of directions.
    pub fn from_toml(text: &str) -> Result<Self> {
        let columns: Self = toml::from_str(text).map_err(|source| Error::Syntax {
            file: "columns",
            source: Box::new(source),
        })?;
        columns.metrics()?;
        columns.check_directions()?;
        columns.check_ranges()?;
        Ok(columns)
    }

    /// Whether it says of no column that it is a metric: then the built-in rules that fit the files stay.
    #[must_use]
    pub fn names_no_metric(&self) -> bool {
        self.pass_fail.is_empty() && self.continuous.is_empty()
    }

    fn check_directions(&self) -> Result<()> {
        let mut both = self.lower_is_better.iter();
        if let Some(name) = both.find(|name| self.higher_is_better.contains(name)) {
            return Err(refused(
                "higher_is_better",
                "each column in one direction",
                name,
            ));
        }
        let said = |name: &String| {
            self.lower_is_better.contains(name) || self.higher_is_better.contains(name)
        };
        let mut named = self.pass_fail.iter().chain(&self.continuous);
        match named.find(|name| !said(name) && says(name) == Says::NamesAHarm) {
            Some(name) => Err(refused(
                "lower_is_better",
                "each column that is named for what goes wrong, there or in `higher_is_better`",
                name,
            )),
            None => Ok(()),
        }
    }

    fn check_ranges(&self) -> Result<()> {
        for (name, [low, high]) in &self.range {
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(refused(
                    "range",
                    "the smaller value before the larger",
                    name,
                ));
            }
            let passes_at_one =
                self.pass_fail.contains(name) && !self.lower_is_better.contains(name);
            if passes_at_one && (*low < 0.0 || *high > 1.0) {
                let expected = "a range within 0 to 1 where 1 passes and less fails";
                return Err(refused("range", expected, name));
            }
        }
        Ok(())
    }

    /// The rule of each column that is a metric.
    fn metrics(&self) -> Result<BTreeMap<String, MetricRule>> {
        let mut metrics = BTreeMap::new();
        let kinds = [
            ("pass_fail", Kind::PassFail, &self.pass_fail),
            ("continuous", Kind::Continuous, &self.continuous),
        ];
        for (field, kind, names) in kinds {
            for name in names {
                let direction = if self.lower_is_better.contains(name) {
                    Direction::LowerIsBetter
                } else {
                    Direction::HigherIsBetter
                };
                let margin = self.safety_critical.get(name).copied();
                let rule = MetricRule {
                    kind,
                    direction,
                    fails_below: None,
                    fails_above: None,
                    safety_critical: margin.is_some(),
                    margin,
                    when_worse: None,
                };
                if metrics.insert(name.clone(), rule).is_some() {
                    return Err(refused(field, "each column once", name));
                }
            }
        }
        let critical: Vec<String> = self.safety_critical.keys().cloned().collect();
        for (field, names) in [
            ("lower_is_better", &self.lower_is_better),
            ("higher_is_better", &self.higher_is_better),
            ("safety_critical", &critical),
        ] {
            if let Some(name) = names.iter().find(|name| !metrics.contains_key(*name)) {
                let expected = "a column that pass_fail or continuous names";
                return Err(refused(field, expected, name));
            }
        }
        Ok(metrics)
    }
}

impl Rules {
    /// The rules for files with these columns: what the columns file says takes the place of `[columns]`, and of the
    /// tables of the metrics that it names and the rules do not.
    ///
    /// # Errors
    /// When both have something to say of one metric, or the rules that result cannot be applied.
    pub fn with_columns(mut self, columns: &ScoreColumns) -> Result<Self> {
        for (name, rule) in columns.metrics()? {
            if self.metric.insert(name.clone(), rule).is_some() {
                let expected = "a column that has no table in the rules";
                return Err(refused("pass_fail or continuous", expected, &name));
            }
        }
        self.columns = Columns {
            valid: columns.valid.clone(),
            drive: columns.drive.clone(),
            slices: columns.slices.clone(),
            ignored: columns.ignored.clone(),
            aggregates: columns.aggregates.clone(),
            scenes: columns.scenes.clone(),
            range: columns.range.clone(),
        };
        if !columns.rank_by.is_empty() {
            self.rank_by.clone_from(&columns.rank_by);
        }
        self.check()?;
        Ok(self)
    }
}

/// Refuses a metric of a rules file that is named for what goes wrong and has no `direction`: 1 may be the collision, or
/// the pass. The parsed rules no longer tell a default from what somebody wrote.
pub(super) fn refuse_unsaid_directions(rules_text: &str) -> Result<()> {
    let written: toml::Table = toml::from_str(rules_text).map_err(|source| Error::Syntax {
        file: "rules",
        source: Box::new(source),
    })?;
    let metrics = written.get("metric").and_then(toml::Value::as_table);
    let mut unsaid = metrics.into_iter().flatten().filter(|(name, rule)| {
        rule.get("direction").is_none()
            && rule.get("fails_below").is_none()
            && rule.get("fails_above").is_none()
            && says(name) == Says::NamesAHarm
    });
    match unsaid.next() {
        Some((name, _)) => Err(Error::Setting {
            file: "rules",
            field: format!("metric.{name}.direction"),
            expected: "\"lower_is_better\" or \"higher_is_better\", as the metric is named for what goes wrong",
            actual: "nothing".to_owned(),
        }),
        None => Ok(()),
    }
}

fn refused(field: &str, expected: &'static str, actual: &str) -> Error {
    Error::Setting {
        file: "columns",
        field: field.to_owned(),
        expected,
        actual: format!("`{actual}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rules() {
        let columns = ScoreColumns::from_toml(ScoreColumns::EXAMPLE_TOML).unwrap();
        let rules = Rules::default().with_columns(&columns).unwrap();
        let collisions = &rules.metric["no_at_fault_collisions"];
        assert_eq!(
            (
                collisions.kind,
                collisions.safety_critical,
                collisions.margin
            ),
            (Kind::PassFail, true, Some(0.005))
        );
        let jerk = &rules.metric["mean_jerk_mps3"];
        assert_eq!(
            (jerk.kind, jerk.direction, jerk.safety_critical),
            (Kind::Continuous, Direction::LowerIsBetter, false)
        );
        assert_eq!(rules.columns.drive, "log_id");
    }

    #[test]
    fn a_harm_has_its_direction_declared() {
        for text in [
            "pass_fail = [\"collision\"]\nlower_is_better = [\"collision\"]",
            "pass_fail = [\"collision\"]\nhigher_is_better = [\"collision\"]",
            "pass_fail = [\"no_collision\", \"clean\"]",
            "pass_fail = [\"collisions\"]\nlower_is_better = [\"collisions\"]\n[range]\ncollisions = [0.0, 50.0]",
        ] {
            ScoreColumns::from_toml(text).unwrap();
        }
        let unsaid = "[metric.min_ade_6]\nkind = \"continuous\"\n";
        let error = Rules::from_toml(unsaid).unwrap_err().to_string();
        assert!(error.contains("`metric.min_ade_6.direction`"), "{error}");
        Rules::from_toml(&format!("{unsaid}direction = \"higher_is_better\"")).unwrap();
        let limited = "[metric.distance]\nkind = \"pass_fail\"\nfails_below = 0.5";
        Rules::from_toml(limited).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let cases = [
            (
                "pass_fail = [\"a\"]\ncontinuous = [\"a\"]",
                "each column once, got `a`",
            ),
            (
                "lower_is_better = [\"a\"]",
                "`lower_is_better`: expected a column that pass_fail",
            ),
            (
                "[safety_critical]\na = 0.1",
                "`safety_critical`: expected a column that pass_fail",
            ),
            ("pass_fial = [\"a\"]", "pass_fial"),
            (
                "pass_fail = [\"at_fault_collision\"]",
                "`lower_is_better`: expected each column that is named for what goes wrong, there or in \
                 `higher_is_better`, got `at_fault_collision`",
            ),
            (
                "pass_fail = [\"a\"]\nlower_is_better = [\"a\"]\nhigher_is_better = [\"a\"]",
                "`higher_is_better`: expected each column in one direction, got `a`",
            ),
            (
                "pass_fail = [\"a\"]\n[range]\na = [0.0, 100.0]",
                "`range`: expected a range within 0 to 1",
            ),
            ("[range]\na = [2.0, 1.0]", "the smaller value before"),
        ];
        for (text, expected) in cases {
            let error = ScoreColumns::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let collisions = "pass_fail = [\"no_at_fault_collisions\"]";
        let columns = ScoreColumns::from_toml(collisions).unwrap();
        let error = Rules::planner_scores().unwrap().with_columns(&columns);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("no table in the rules")
        );
        let endless = "pass_fail = [\"a\"]\n[safety_critical]\na = inf";
        let columns = ScoreColumns::from_toml(endless).unwrap();
        let error = Rules::default().with_columns(&columns).unwrap_err();
        assert!(error.to_string().contains("metric.a.margin"), "{error}");
    }
}

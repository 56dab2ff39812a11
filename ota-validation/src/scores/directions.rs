//! How each column is read: what rules declare, what values and names say, and what must be asked.

use std::collections::BTreeSet;

use super::aggregates::is_grade;
use super::table::Table;
use super::{shared_metrics, toml_text};
use crate::error::{Error, Result};
use crate::rules::{Direction, Kind, MetricRule, Rules, Says, says};

/// The rules with one for each column of both files, and a sentence for each column.
///
/// A column without a rule is pass/fail where both files hold only 0, 0.5 and 1, and continuous otherwise. Its direction
/// is assumed where its name cannot mean anything else; where it can, there is no verdict before it is declared.
pub(super) fn resolve(
    candidate: &Table<'_>,
    baseline: &Table<'_>,
    rules: &Rules,
) -> Result<(Rules, Vec<String>)> {
    let mut resolved = rules.clone();
    let mut sentences = Vec::new();
    let mut undeclared: Vec<(&str, Kind)> = Vec::new();
    let declared = if rules.name == Rules::default().name {
        " (declared)".to_owned()
    } else {
        format!(" (declared by the rules {})", rules.name)
    };
    for name in shared_metrics(candidate, baseline) {
        if let Some(rule) = rules.metric.get(name) {
            sentences.push(sentence(name, rule, "", &declared));
            continue;
        }
        let kind = kind(name, candidate, baseline);
        if says(name) != Says::HigherIsBetter {
            undeclared.push((name, kind));
            continue;
        }
        let rule = MetricRule {
            kind,
            direction: Direction::HigherIsBetter,
            fails_below: None,
            fails_above: None,
            safety_critical: false,
            margin: None,
            when_worse: None,
        };
        sentences.push(sentence(name, &rule, " (assumed)", ""));
        resolved.metric.insert(name.to_owned(), rule);
    }
    if undeclared.is_empty() {
        return Ok((resolved, sentences));
    }
    let names: Vec<String> = undeclared
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    Err(Error::Undeclared {
        subject: format!("{} and {}", candidate.file.name, baseline.file.name),
        expected: format!(
            "which way is better is not declared for {}, and {} not say it for certain",
            names.join(", "),
            if names.len() == 1 {
                "its name does"
            } else {
                "their names do"
            },
        ),
        lines: lines(&undeclared),
    })
}

/// Pass/fail where the values are grades. A file with grades beside one with other values has its scenes pass or fail
/// in one unit, and the other file is refused for its values.
fn kind(name: &str, candidate: &Table<'_>, baseline: &Table<'_>) -> Kind {
    let all =
        |table: &Table<'_>, is: fn(f64) -> bool| table.values(name).all(|(_, value)| is(value));
    let is_share = |value: f64| (0.0..=1.0).contains(&value);
    let graded = [all(candidate, is_grade), all(baseline, is_grade)];
    let shares = all(candidate, is_share) && all(baseline, is_share);
    match graded {
        [true, true] => Kind::PassFail,
        [false, false] => Kind::Continuous,
        _ if shares => Kind::Continuous,
        _ => Kind::PassFail,
    }
}

/// `collision: pass/fail, 0 = pass, higher is worse`.
fn sentence(name: &str, rule: &MetricRule, assumed: &str, declared: &str) -> String {
    let (worse, pass) = match rule.direction {
        Direction::HigherIsBetter => ("lower", "1 = pass"),
        Direction::LowerIsBetter => ("higher", "0 = pass"),
    };
    let kind = match (rule.kind, rule.fails_below, rule.fails_above) {
        (Kind::Continuous, _, _) => "continuous".to_owned(),
        (Kind::PassFail, Some(limit), _) => format!("pass/fail, below {limit} fails"),
        (Kind::PassFail, None, Some(limit)) => format!("pass/fail, above {limit} fails"),
        (Kind::PassFail, None, None) => format!("pass/fail, {pass}"),
    };
    format!("{name}: {kind}{assumed}, {worse} is worse{assumed}{declared}")
}

/// Lines for the columns file: what names of harms and unknown names most likely are, to be read before they are used.
fn lines(undeclared: &[(&str, Kind)]) -> String {
    let list = |field: &str, is: &dyn Fn(&str, Kind) -> bool| {
        let names: BTreeSet<&str> = undeclared
            .iter()
            .filter(|(name, kind)| is(name, *kind))
            .map(|(name, _)| *name)
            .collect();
        let names: Vec<String> = names.into_iter().map(toml_text).collect();
        format!("{field} = [{}]\n", names.join(", "))
    };
    let is_harm = |name: &str| says(name) == Says::NamesAHarm;
    let mut lines = list("pass_fail", &|_, kind| kind == Kind::PassFail);
    lines += &list("continuous", &|_, kind| kind == Kind::Continuous);
    lines += "# A lower value is better (of pass/fail, 0 passes):\n";
    lines += &list("lower_is_better", &|name, _| is_harm(name));
    lines += "# A higher value is better (of pass/fail, 1 passes):\n";
    lines += &list("higher_is_better", &|name, _| !is_harm(name));
    lines + "# Columns that are no metrics go from all of these lists into this one:\nignored = []"
}

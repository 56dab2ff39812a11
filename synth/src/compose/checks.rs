//! Validity checks, measured on the rows that a candidate would write: each has a name, a figure and a bound.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bounds;
use super::conflict;
use super::host::HostScene;
use super::insert::Inserted;
use super::measure::{Extremes, frame_gap_s, overlaps, rows_off_road};
use super::rows::Scene;

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was measured, with its unit.
    pub name: String,
    /// The figure.
    pub figure: f64,
    /// Its bound.
    pub bound: f64,
    /// Whether the bound is a lower or an upper one.
    pub side: Side,
}

/// Which side of a bound is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The figure may be the bound at most.
    AtMost,
    /// The figure must be the bound at least.
    AtLeast,
}

impl Check {
    pub(crate) fn at_most(name: &str, figure: f64, bound: f64) -> Self {
        Self {
            name: name.into(),
            figure,
            bound,
            side: Side::AtMost,
        }
    }

    pub(crate) fn at_least(name: &str, figure: f64, bound: f64) -> Self {
        Self {
            name: name.into(),
            figure,
            bound,
            side: Side::AtLeast,
        }
    }

    /// Whether the figure keeps the bound.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self.side {
            Side::AtMost => self.figure <= self.bound,
            Side::AtLeast => self.figure >= self.bound,
        }
    }
}

/// The checks of a candidate, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checks(pub Vec<Check>);

impl Checks {
    /// The first check that failed.
    #[must_use]
    pub fn failed(&self) -> Option<&Check> {
        self.0.iter().find(|check| !check.is_met())
    }

    /// A JSON object: each check's figure and bound, and the name of the one that failed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = serde_json::Map::new();
        for check in &self.0 {
            let bound = match check.side {
                Side::AtMost => "at_most",
                Side::AtLeast => "at_least",
            };
            let value = serde_json::json!({"figure": check.figure, bound: check.bound});
            object.insert(check.name.clone(), value);
        }
        if let Some(check) = self.failed() {
            object.insert("failed".into(), check.name.clone().into());
        }
        serde_json::Value::Object(object).to_string()
    }
}

/// Measures what was rebuilt, up to the first check that fails.
pub(crate) fn check(
    host: &HostScene,
    scene: &Scene,
    starts: &BTreeMap<&str, usize>,
    inserted: &[Inserted],
) -> Vec<Check> {
    let extremes = Extremes::of(host, scene, starts);
    let mut checks = vec![Check::at_most(
        "frame_gap_s",
        frame_gap_s(host),
        bounds::FRAME_GAP_MAX_S,
    )];
    checks.extend(extremes.checks());
    if let Some(subject) = inserted.first() {
        checks.push(conflict::check(host, scene, subject));
    }
    if checks.iter().all(Check::is_met) {
        let overlaps = overlaps(host, scene, starts) as f64;
        checks.push(Check::at_most("overlaps", overlaps, 0.0));
        let off_road = rows_off_road(host, scene, starts, inserted) as f64;
        checks.push(Check::at_most("rows_off_road", off_road, 0.0));
    }
    let failed = checks.iter().position(|check| !check.is_met());
    checks.truncate(failed.map_or(checks.len(), |index| index + 1));
    checks
}

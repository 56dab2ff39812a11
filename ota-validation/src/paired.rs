//! What the gate compares: the same scenes, seen by the candidate and by the baseline.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// The slice of every scene.
pub const ALL: &str = "all";

/// One scene that both were scored on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Identity.
    pub key: String,
    /// The recorded drive behind it: scenes of one drive are not independent.
    pub drive: String,
    /// The slices that it belongs to, besides `all`.
    pub slices: Vec<String>,
}

/// One metric of both, in the order of the scenes. `None` where there is no value.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedMetric {
    /// Name.
    pub name: String,
    /// Values of the candidate.
    pub candidate: Vec<Option<f64>>,
    /// Values of the baseline.
    pub baseline: Vec<Option<f64>>,
}

/// What the independent units of the tests are, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// Drives: the data says which drive each scene is of.
    DrivesByColumn,
    /// Drives, of which only the candidate's file says which one a scene is of.
    DrivesByCandidate,
    /// Scenes: nothing says which drive they are of, so that each is taken for a drive of its own.
    ScenesAssumedIndependent,
}

/// Largest value of a metric, either way: the squares of many such sum up without overflow.
const VALUE_MAX: f64 = 1e100;

/// Scenes and metrics of candidate and baseline, ordered by scene key and by metric name.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    scenes: Vec<Scene>,
    metrics: Vec<PairedMetric>,
    unanswered: Vec<String>,
    units: Units,
    /// Position of each scene's drive among the drives by name.
    drive_of: Vec<u32>,
    drives: usize,
}

impl Paired {
    /// Pairs scenes and values. Their order has no influence on anything that follows.
    /// `unanswered` are scenes of the suite, of score files those of the baseline, that the candidate does not answer.
    ///
    /// # Errors
    /// When a scene is there twice, a metric is not as long as the list of scenes, a value is not a number up to 1e100, or
    /// there is no scene.
    pub fn new(
        scenes: Vec<Scene>,
        metrics: Vec<PairedMetric>,
        mut unanswered: Vec<String>,
    ) -> Result<Self> {
        if scenes.is_empty() {
            return Err(Error::NoScenes {
                subject: "candidate and baseline".to_owned(),
                expected: "they share no scene".to_owned(),
            });
        }
        for metric in &metrics {
            for actual in [metric.candidate.len(), metric.baseline.len()] {
                if actual != scenes.len() {
                    let metric = metric.name.clone();
                    return Err(Error::Length {
                        metric,
                        expected: scenes.len(),
                        actual,
                    });
                }
            }
        }
        let mut order: Vec<usize> = (0..scenes.len()).collect();
        order.sort_by(|a, b| scenes[*a].key.cmp(&scenes[*b].key));
        if let Some(pair) = order
            .windows(2)
            .find(|pair| scenes[pair[0]].key == scenes[pair[1]].key)
        {
            let key = scenes[pair[0]].key.clone();
            return Err(Error::Duplicate {
                what: "scene",
                subject: "paired scenes".to_owned(),
                key,
            });
        }
        check_values(&scenes, &metrics)?;
        let sorted = |values: &[Option<f64>]| order.iter().map(|at| values[*at]).collect();
        let mut metrics: Vec<PairedMetric> = metrics
            .into_iter()
            .map(|metric| PairedMetric {
                candidate: sorted(&metric.candidate),
                baseline: sorted(&metric.baseline),
                name: metric.name,
            })
            .collect();
        metrics.sort_by(|a, b| a.name.cmp(&b.name));
        let mut scenes: Vec<Option<Scene>> = scenes.into_iter().map(Some).collect();
        let scenes: Vec<Scene> = order.iter().filter_map(|at| scenes[*at].take()).collect();
        unanswered.sort();
        let (drive_of, drives) = numbered_drives(&scenes);
        let units = if drives == scenes.len() {
            Units::ScenesAssumedIndependent
        } else {
            Units::DrivesByColumn
        };
        Ok(Self {
            scenes,
            metrics,
            unanswered,
            units,
            drive_of,
            drives,
        })
    }

    /// Says how it is known which drive a scene is of. Without it, scenes that are each a drive of their own are taken for
    /// scenes of which nobody knows.
    #[must_use]
    pub fn with_units(mut self, units: Units) -> Self {
        self.units = units;
        self
    }

    /// What the independent units are.
    #[must_use]
    pub fn units(&self) -> Units {
        self.units
    }

    /// The scenes, ordered by key.
    #[must_use]
    pub fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    /// The metrics, ordered by name.
    #[must_use]
    pub fn metrics(&self) -> &[PairedMetric] {
        &self.metrics
    }

    /// Scenes that the baseline answers and the candidate does not, ordered.
    #[must_use]
    pub fn unanswered(&self) -> &[String] {
        &self.unanswered
    }

    /// The drives behind the scenes.
    #[must_use]
    pub fn drives(&self) -> usize {
        self.drives
    }

    /// The drive of the scene at a position, as a number in the order of their names.
    pub(crate) fn drive_of(&self, scene: usize) -> u32 {
        self.drive_of[scene]
    }

    /// The slices with the positions of their scenes: `all` first, then by name.
    pub(crate) fn slices(&self) -> Vec<(String, Vec<usize>)> {
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, scene) in self.scenes.iter().enumerate() {
            for slice in scene.slices.iter().filter(|slice| *slice != ALL) {
                let members = named.entry(slice).or_default();
                if members.last() != Some(&at) {
                    members.push(at);
                }
            }
        }
        let total = (ALL.to_owned(), (0..self.scenes.len()).collect());
        let named = named
            .into_iter()
            .map(|(name, members)| (name.to_owned(), members));
        std::iter::once(total).chain(named).collect()
    }
}

/// No sum of squares may overflow, and a sentinel such as the largest number there is no measurement.
fn check_values(scenes: &[Scene], metrics: &[PairedMetric]) -> Result<()> {
    for metric in metrics {
        for (who, values) in [
            ("candidate", &metric.candidate),
            ("baseline", &metric.baseline),
        ] {
            let is_sane = |value: f64| value.is_finite() && value.abs() <= VALUE_MAX;
            let refused = |value: &Option<f64>| value.is_some_and(|value| !is_sane(value));
            if let Some(at) = values.iter().position(refused) {
                return Err(Error::Value {
                    metric: metric.name.clone(),
                    who,
                    scene: scenes[at].key.clone(),
                    actual: values[at].unwrap_or_default(),
                });
            }
        }
    }
    Ok(())
}

/// The number of each scene's drive, in the order of names, and how many drives there are.
fn numbered_drives(scenes: &[Scene]) -> (Vec<u32>, usize) {
    let mut names: Vec<&str> = scenes.iter().map(|scene| scene.drive.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let numbers: BTreeMap<&str, u32> = names.iter().copied().zip(0..).collect();
    let number = |scene: &Scene| numbers.get(scene.drive.as_str()).copied();
    (scenes.iter().filter_map(number).collect(), names.len())
}

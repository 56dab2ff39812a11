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

/// Scenes and metrics of candidate and baseline, ordered by scene key and by metric name.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    scenes: Vec<Scene>,
    metrics: Vec<PairedMetric>,
    unanswered: Vec<String>,
}

impl Paired {
    /// Pairs scenes and values. Their order has no influence on anything that follows.
    /// `unanswered` are scenes that the baseline answers and the candidate does not.
    ///
    /// # Errors
    /// When a scene is there twice, a metric is not as long as the list of scenes, or there is no scene.
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
        let scenes = order.iter().map(|at| scenes[*at].clone()).collect();
        unanswered.sort();
        Ok(Self {
            scenes,
            metrics,
            unanswered,
        })
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
        let mut drives: Vec<&str> = self
            .scenes
            .iter()
            .map(|scene| scene.drive.as_str())
            .collect();
        drives.sort_unstable();
        drives.dedup();
        drives.len()
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

//! What more data would decide an `INCONCLUSIVE` verdict, slice by slice, for the search that looks for it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::verdict::{Reason, Shortfall};

/// Identifies the shape of the JSON.
pub const WANTED_SCHEMA: &str = "driveloop/scenes-wanted/v1";

/// Further data of one slice that would decide every metric which is not decided there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// The slice; `all` where any scene helps.
    pub slice: String,
    /// Scenario of the catalogue whose episodes are the slice; null where the slice is no scenario.
    pub scenario: Option<String>,
    /// The metrics that are not decided.
    pub metrics: Vec<String>,
    /// Scenes at hand.
    pub scenes: u64,
    /// Further scenes: those of the metric that needs the most.
    pub more_scenes: u64,
    /// Drives at hand.
    pub drives: u64,
    /// Further drives that these scenes must come from.
    pub more_drives: u64,
}

/// The shortfalls of all reasons by slice, the slice that lacks the most drives first.
pub(crate) fn wanted(reasons: &[Reason]) -> Vec<Wanted> {
    let mut slices: BTreeMap<&str, Wanted> = BTreeMap::new();
    for shortfall in reasons
        .iter()
        .filter_map(|reason| reason.shortfall.as_ref())
    {
        let wanted = slices
            .entry(&shortfall.slice)
            .or_insert_with(|| nothing_of(shortfall));
        wanted.metrics.push(shortfall.metric.clone());
        wanted.scenes = wanted.scenes.max(shortfall.scenes);
        wanted.drives = wanted.drives.max(shortfall.drives);
        wanted.more_scenes = wanted.more_scenes.max(shortfall.more_scenes);
        wanted.more_drives = wanted.more_drives.max(shortfall.more_drives);
    }
    let mut wanted: Vec<Wanted> = slices.into_values().collect();
    for slice in &mut wanted {
        slice.metrics.sort();
    }
    // Stable: where as many are lacking, by name.
    wanted.sort_by_key(|slice| std::cmp::Reverse((slice.more_drives, slice.more_scenes)));
    wanted
}

fn nothing_of(shortfall: &Shortfall) -> Wanted {
    let scenario = shortfall.slice.strip_prefix("scenario=");
    Wanted {
        slice: shortfall.slice.clone(),
        scenario: scenario.map(str::to_owned),
        metrics: Vec::new(),
        scenes: 0,
        more_scenes: 0,
        drives: 0,
        more_drives: 0,
    }
}

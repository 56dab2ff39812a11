//! How many scenes and drives would decide a comparison, at the thresholds that will decide it.

use driveloop_statistics::{
    Discordance, Target, WORST_DEVIATIONS, drives_for_bound, drives_for_mean,
    drives_that_can_reject, drives_to_meet_a_bad_one, scenes_for_no_worse, scenes_for_worse,
    worst_share,
};

use crate::rules::Rules;
use crate::verdict::{Assumed, Comparison, Failing, Needed};

pub(crate) fn target(margin: f64, alpha: f64, rules: &Rules) -> Target {
    Target {
        margin,
        alpha,
        power: rules.power,
    }
}

/// Drives, not yet rounded to what can be counted, and scenes.
#[derive(Clone, Copy)]
struct Count {
    scenes: f64,
    drives: f64,
}

impl Count {
    fn most(self, other: Self) -> Self {
        Self {
            scenes: self.scenes.max(other.scenes),
            drives: self.drives.max(other.drives),
        }
    }

    /// `None` beyond what is worth counting.
    fn needed(self, assumes: Assumed) -> Option<Needed> {
        let countable = self.scenes <= Needed::COUNT_MAX as f64;
        countable.then_some(Needed {
            scenes: self.scenes.ceil() as u64,
            drives: self.drives.ceil() as u64,
            assumes,
        })
    }
}

/// Fills in the counts of a comparison with a margin. `threshold` is the level that the first step of Holm's procedure
/// tests "worse" at: the familywise level over the number of tests.
///
/// Where the worsening that was seen lies within the margin, the count suffices for both: to show that a candidate like
/// the baseline is no worse, and that one which is worse by the margin is. Where it lies beyond, the count is for a
/// candidate that is as bad as it looks, and stands beside the one for no difference.
pub(crate) fn plan(comparison: &mut Comparison, threshold: f64, rules: &Rules) {
    let Some(margin) = comparison.margin.filter(|_| comparison.scenes > 0) else {
        return;
    };
    let looks_worse = comparison.worsening > margin;
    let effect = if looks_worse {
        comparison.worsening
    } else {
        margin
    };
    let alike = target(margin, rules.noninferiority_alpha, rules);
    let worse = target(effect, threshold, rules);
    let counts = match comparison.failing {
        Some(failing) => shares(comparison, failing, alike, worse, rules),
        None => Some(means(comparison, alike, worse, rules)),
    };
    let Some((alike, worse)) = counts else {
        return;
    };
    comparison.needed_if_alike = alike.needed(Assumed::NoDifference);
    comparison.needed = if looks_worse {
        worse.needed(Assumed::SeenEffect)
    } else {
        alike.most(worse).needed(Assumed::NoDifferenceOrMargin)
    };
}

/// Counts of a pass/fail metric: for a candidate like the baseline, and for a worse one.
fn shares(
    comparison: &Comparison,
    failing: Failing,
    alike: Target,
    worse: Target,
    rules: &Rules,
) -> Option<(Count, Count)> {
    let scenes = comparison.scenes as f64;
    let discordance = Discordance {
        scenes,
        new: failing.new as f64,
        mended: failing.mended as f64,
    };
    let independent = comparison.drives == comparison.scenes;
    let per_drive = scenes / comparison.drives as f64;
    let effect = comparison.design_effect?;
    let least = rules.scenes_min as f64;
    let of_scenes = |scenes: f64| Count {
        scenes: scenes.max(least),
        drives: (scenes.max(least) / per_drive).ceil(),
    };
    let of_drives = |drives: f64| Count {
        scenes: (drives * per_drive).max(least),
        drives,
    };
    // The share of discordant scenes needs no independence; only their number does.
    let found = of_scenes(scenes_for_worse(discordance, worse) * effect);
    let found = found.most(of_drives(drives_that_can_reject(worse.alpha)));
    if independent {
        return Some((of_scenes(scenes_for_no_worse(discordance, alike)), found));
    }
    let discordant = (discordance.new + discordance.mended + 1.0) / (scenes + 2.0);
    let spread = (discordant * effect / per_drive).sqrt();
    let worst = worst_share(rules.bad_drive_share, per_drive);
    let drives = drives_for_bound(spread, worst, alike);
    let drives = drives.max(drives_to_meet_a_bad_one(rules.bad_drive_share, alike));
    Some((of_drives(drives), found))
}

/// Counts of a continuous metric.
fn means(comparison: &Comparison, alike: Target, worse: Target, rules: &Rules) -> (Count, Count) {
    let drives = comparison.drives as f64;
    let per_drive = comparison.scenes as f64 / drives;
    let least = rules.drives_min as f64;
    let of_drives = |needed: f64| {
        let drives = needed.max(least);
        Count {
            scenes: drives * per_drive,
            drives,
        }
    };
    // One drive has no error to plan with: the smallest number that has one.
    let Some(error) = comparison.worsening_error else {
        return (of_drives(least), of_drives(least));
    };
    let spread = error * drives.sqrt();
    let found = drives_for_mean(drives, error, worse).max(drives_that_can_reject(worse.alpha));
    let shown = drives_for_mean(drives, error, alike);
    let shown = shown.max(drives_for_bound(spread, WORST_DEVIATIONS * spread, alike));
    (of_drives(shown), of_drives(found))
}

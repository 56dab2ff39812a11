//! What the name of a metric says of its direction. Only a name that cannot mean anything else is believed.

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// A higher value is better: `no_at_fault_collisions`, `ego_progress`, `score`.
    HigherIsBetter,
    /// It names what goes wrong, so that a lower value is most likely better: `collision`, `min_ade_6`.
    NamesAHarm,
    /// Nothing.
    Nothing,
}

/// Words of what goes wrong, or that can be meant either way.
const HARMS: [&str; 60] = [
    "accel",
    "acceleration",
    "accident",
    "ade",
    "bad",
    "brake",
    "braking",
    "collision",
    "collide",
    "collided",
    "conflict",
    "contact",
    "cost",
    "crash",
    "delay",
    "departure",
    "deviation",
    "discomfort",
    "disengagement",
    "distance",
    "divergence",
    "error",
    "err",
    "fail",
    "failed",
    "failing",
    "failure",
    "false",
    "fault",
    "fde",
    "fn",
    "fp",
    "harsh",
    "incident",
    "infraction",
    "infringement",
    "intervention",
    "intrusion",
    "jerk",
    "lack",
    "latency",
    "loss",
    "low",
    "mae",
    "miss",
    "missed",
    "mse",
    "nll",
    "off",
    "offroad",
    "overlap",
    "penalty",
    "poor",
    "residual",
    "risk",
    "rmse",
    "stuck",
    "timeout",
    "violation",
    "worst",
];
/// Harms that are recognised inside of a longer word: `ttcviolation`, `atfaultcollisions`.
const HARMS_WITHIN: [&str; 11] = [
    "accident",
    "collision",
    "crash",
    "deviation",
    "error",
    "failure",
    "infraction",
    "jerk",
    "offroad",
    "penalty",
    "violation",
];
/// Harms that are done to another one, so that `no` before both says little: `no_collision_penalty`.
const HARMS_OF_HARMS: [&str; 8] = [
    "cost",
    "error",
    "failure",
    "infraction",
    "infringement",
    "loss",
    "penalty",
    "violation",
];
/// Words that take a harm away when they stand before it.
const NEGATIONS: [&str; 5] = ["no", "non", "not", "without", "zero"];
/// Words that take a harm away when they stand behind it.
const FREEDOMS: [&str; 4] = ["free", "avoidance", "avoided", "avoiding"];
/// Last words of names that a higher value is better for.
const MERITS: [&str; 40] = [
    "accuracy",
    "ap",
    "auc",
    "auroc",
    "comfort",
    "comfortable",
    "completed",
    "completion",
    "compliance",
    "compliant",
    "correct",
    "epdm",
    "epdms",
    "iou",
    "keeping",
    "miou",
    "nds",
    "ok",
    "pass",
    "passed",
    "passes",
    "passing",
    "pdm",
    "pdms",
    "precision",
    "progress",
    "reached",
    "recall",
    "reward",
    "safe",
    "satisfied",
    "score",
    "solved",
    "succeeded",
    "success",
    "successes",
    "successful",
    "succeed",
    "ttc",
    "won",
];
/// Words that say nothing of the direction.
const NEUTRAL: [&str; 38] = [
    "all",
    "at",
    "average",
    "avg",
    "combined",
    "ego",
    "eval",
    "final",
    "first",
    "frame",
    "has",
    "in",
    "is",
    "max",
    "mean",
    "median",
    "metric",
    "min",
    "norm",
    "normalised",
    "normalized",
    "of",
    "one",
    "overall",
    "pct",
    "per",
    "percent",
    "percentage",
    "rate",
    "ratio",
    "scene",
    "second",
    "share",
    "stage",
    "three",
    "total",
    "two",
    "weighted",
];
/// Whole names that a higher value is better for, of evaluators that are in use.
const NAMES: [&str; 2] = [
    "ego_progress_along_expert_route",
    "multiplicative_metrics_prod",
];

/// What the name says.
pub(crate) fn says(name: &str) -> Says {
    if NAMES.contains(&name) || MERITS.contains(&name.to_lowercase().as_str()) {
        return Says::HigherIsBetter;
    }
    let words = without_time_to_collision(words(name));
    let meaning: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !NEUTRAL.contains(word) && word.len() > 1)
        .collect();
    if let [.., "within", "bound" | "limit"] = meaning[..] {
        return Says::HigherIsBetter;
    }
    let is_negation = |word: &&&str| NEGATIONS.contains(*word);
    let harms: Vec<usize> = (0..meaning.len())
        .filter(|at| is_harm(meaning[*at]))
        .collect();
    let merit = |word: Option<&&str>| word.is_some_and(|word| MERITS.contains(word));
    let negations = meaning.iter().filter(is_negation).count();
    if harms.is_empty() {
        let any_merit = meaning.iter().any(|word| merit(Some(word)));
        return match negations {
            0 if merit(meaning.last()) => Says::HigherIsBetter,
            1.. if any_merit => Says::NamesAHarm,
            _ => Says::Nothing,
        };
    }
    let first_negation = meaning.iter().position(|word| is_negation(&word));
    let is_taken_away = |at: &usize| {
        let behind = meaning.get(at + 1);
        first_negation.is_some_and(|negation| negation < *at)
            || behind.is_some_and(|word| FREEDOMS.contains(word))
    };
    let last = meaning.last().copied().unwrap_or_default();
    let harm_of_harm = harms.len() > 1 && HARMS_OF_HARMS.contains(&last);
    // What follows the harm must be nothing, its freedom, or a merit: `no_collision_time` is neither.
    let ends = harms.last().is_some_and(|at| at + 1 == meaning.len())
        || FREEDOMS.contains(&last)
        || merit(meaning.last());
    if negations <= 1 && harms.iter().all(is_taken_away) && !harm_of_harm && ends {
        Says::HigherIsBetter
    } else {
        Says::NamesAHarm
    }
}

fn is_harm(word: &str) -> bool {
    HARMS.contains(&word) || HARMS_WITHIN.iter().any(|harm| word.contains(harm))
}

/// `time_to_collision` is a merit, as `ttc`.
fn without_time_to_collision(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        kept.push(word);
        if let [.., time, to, collision] = &kept[..]
            && (time == "time" && to == "to" && collision == "collision")
        {
            kept.truncate(kept.len() - 3);
            kept.push("ttc".to_owned());
        }
    }
    kept
}

/// The words of a name in lower case, each in the singular: at separators, digits and changes of case.
pub(crate) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let next_is_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        // `minADE` has its words at `A`, `TTCViolation` at `V`.
        let begins = before.is_some_and(|before| {
            (before.is_lowercase() && letter.is_uppercase())
                || (before.is_uppercase() && letter.is_uppercase() && next_is_small)
                || before.is_numeric() != letter.is_numeric()
        });
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && letter.is_alphanumeric()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words.into_iter().map(singular).collect()
}

/// `collisions` is `collision`, `penalties` is `penalty`; `progress`, `miss` and `pdms` stay.
fn singular(word: String) -> String {
    if word.ends_with("ss") || word.len() < 4 || MERITS.contains(&word.as_str()) {
        return word;
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    let plural = if word.ends_with("sses") { "es" } else { "s" };
    match word.strip_suffix(plural) {
        Some(stem) => stem.to_owned(),
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_mean_anything_else_are_believed() {
        for name in [
            "no_at_fault_collisions",
            "no_at_fault_collisions_stage_two",
            "no_ego_at_fault_collisions",
            "NoAtFaultCollisions",
            "no_collision",
            "collision_free",
            "collision_free_rate",
            "collision_avoidance",
            "without_violations",
            "drivable_area_compliance",
            "driving_direction_compliance_stage_one",
            "traffic_light_compliance",
            "speed_limit_compliance",
            "time_to_collision_within_bound",
            "planner_expert_average_l2_error_within_bound",
            "planner_miss_rate_within_bound",
            "ttc",
            "min_ttc_s",
            "time_to_collision",
            "ego_progress",
            "ego_progress_along_expert_route",
            "ego_is_making_progress",
            "ego_is_comfortable",
            "history_comfort",
            "two_frame_extended_comfort",
            "lane_keeping",
            "score",
            "pdm_score",
            "driving_score",
            "passed",
            "success_rate",
            "route_completion",
            "mIoU",
            "mAP",
        ] {
            assert_eq!(says(name), Says::HigherIsBetter, "{name}");
        }
    }

    #[test]
    fn names_of_harms_and_of_doubt_are_not() {
        for name in [
            "collision",
            "collisions",
            "collision(s)",
            "at_fault_collision",
            "atfaultcollisions",
            "collision_rate",
            "num_collisions",
            "CollisionRate",
            "error",
            "ade",
            "minADE",
            "min_ade_6",
            "ADE6",
            "fde_m",
            "miss",
            "miss_rate",
            "ttc_violation",
            "TTCViolation",
            "ttcviolation",
            "time_to_collision_violation",
            "time_to_collision_error",
            "jerk",
            "mean_jerk_mps3",
            "loss",
            "score_loss",
            "distance",
            "distance_to_lane",
            "infraction_score",
            "comfort_violation",
            "compliance_error",
            "no_collision_penalty",
            "no_collision_time",
            "no_progress",
            "not_passed",
            "failed",
            "off_road",
            "discomfort",
            "lane_departures",
            "progress_deviation",
        ] {
            assert_eq!(says(name), Says::NamesAHarm, "{name}");
        }
        for name in [
            "foo",
            "hit",
            "stamp_ns",
            "score_time",
            "comfort_gap",
            "x",
            "",
        ] {
            assert_eq!(says(name), Says::Nothing, "{name}");
        }
    }
}

//! The `release` table.

use crate::table::table;
table! {
    /// A model that passed the release gate. The last one is what the next candidate is compared with.
    Release = "release", version 1, key ["number"], partition_by [];
    /// Place in the order of releases, from 1.
    ["1"] number: i64,
    /// The model.
    ["-"] model_id: String,
    /// SHA-256 of its weights, in hexadecimal; null for a model without weights.
    ["-"] weights_digest: Option<String>,
    /// The verdict that it passed with.
    ["-"] verdict_id: String,
    /// What it was compared with: the release before it, or for the first one the reference model of the rules.
    ["-"] baseline_id: String,
    /// Dataset whose test split was the suite.
    ["-"] suite: String,
    /// Digest of the dataset.
    ["-"] suite_digest: String,
}

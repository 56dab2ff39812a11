//! The `search` table.

use crate::table::table;
table! {
    /// What the next round looks for: a slice that failed or was not decided, what drives hold of it, and what composes the rest.
    Search = "search", version 1, key ["model_id", "dataset", "slice"], partition_by [];
    /// Model whose evaluation or validation asks for it.
    ["-"] model_id: String,
    /// Dataset that it was evaluated on.
    ["-"] dataset: String,
    /// Slice, as in `slice_metric`.
    ["-"] slice: String,
    /// `regressed` or `worst`, as in `failure_slice` of the validation split; or `inconclusive` where the release gate lacked data.
    ["-"] reason: String,
    /// The most urgent metric of the slice, as in `sample_metric`.
    ["-"] metric: String,
    /// Place in the order of urgency, from 1.
    ["1"] rank: i32,
    /// Scenario whose episodes are the slice; null where the slice is no scenario.
    ["-"] scenario: Option<String>,
    /// SQL over the lake that finds more of it in recorded and simulated drives that the dataset does not have.
    ["-"] search_sql: String,
    /// What `wanted`, `at_hand`, `found` and `shortfall` count: `episodes` or `drives`.
    ["-"] unit: String,
    /// How many are wanted: for training, or where `inconclusive` for the test split.
    ["1"] wanted: i64,
    /// How many recorded or simulated ones the split has that it is wanted for.
    ["1"] at_hand: i64,
    /// How many the search found beyond the dataset.
    ["1"] found: i64,
    /// `wanted - at_hand - found`, at least zero.
    ["1"] shortfall: i64,
    /// Recipes of `synth` that compose such episodes, where there are any; nothing composed decides a release.
    ["-"] recipes: Vec<String>,
}

//! The `failure_slice` table.

use crate::table::table;
table! {
    /// A slice to mend next: one where the model is worst, or worse than the baseline. No slice of composed drives is one.
    FailureSlice = "failure_slice", version 2, key ["model_id", "dataset", "split", "slice", "metric"], partition_by [];
    /// Model.
    ["-"] model_id: String,
    /// Dataset.
    ["-"] dataset: String,
    /// Slice, as in `slice_metric`.
    ["-"] slice: String,
    /// Metric, as in `sample_metric`.
    ["-"] metric: String,
    /// `regressed` where `change` in `slice_metric` is `worse`, else `worst`.
    ["-"] reason: String,
    /// Mean of the model on the slice.
    ["see metric"] value: f64,
    /// Mean of the paired difference to the baseline.
    ["see metric"] difference: f64,
    /// Samples.
    ["1"] samples: i64,
    /// Place in the order of urgency, from 1.
    ["1"] rank: i32,
    /// Scenario whose episodes are the slice; null where the slice is no scenario.
    ["-"] scenario: Option<String>,
    /// SQL over the lake that finds more drives and episodes of the slice.
    ["-"] search_sql: String,
    /// Split that it failed on; `unknown` in rows that were written before splits were recorded.
    ["-"] split: String,
}

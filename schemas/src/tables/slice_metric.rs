//! The `slice_metric` table.

use crate::table::table;
table! {
    /// One figure of one model on one slice of a dataset, next to the baseline's on the same samples.
    SliceMetric = "slice_metric", version 1, key ["model_id", "dataset", "baseline_id", "slice", "metric"], partition_by ["model_id"];
    /// Model.
    ["-"] model_id: String,
    /// Dataset.
    ["-"] dataset: String,
    /// Model that it is compared with.
    ["-"] baseline_id: String,
    /// Slice: `all`, or `dimension=value` such as `scenario=cut_in`.
    ["-"] slice: String,
    /// Metric, as in `sample_metric`.
    ["-"] metric: String,
    /// Mean of the model.
    ["see metric"] value: f64,
    /// Lower end of its 95 % interval; null where there are too few drives for one.
    ["see metric"] low: Option<f64>,
    /// Upper end of its 95 % interval.
    ["see metric"] high: Option<f64>,
    /// Mean of the baseline.
    ["see metric"] baseline_value: f64,
    /// Mean of the paired difference, model minus baseline; negative is better.
    ["see metric"] difference: f64,
    /// Lower end of its 95 % interval, bootstrapped by drive; null where there are too few drives for one.
    ["see metric"] difference_low: Option<f64>,
    /// Upper end of its 95 % interval.
    ["see metric"] difference_high: Option<f64>,
    /// Samples that have the metric.
    ["1"] samples: i64,
    /// Drives behind them.
    ["1"] drives: i64,
}

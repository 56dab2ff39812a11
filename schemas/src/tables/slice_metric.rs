//! The `slice_metric` table.

use crate::table::table;
table! {
    /// One figure of one model on one slice of a split, next to the baseline's on the same samples: those that both answered.
    SliceMetric = "slice_metric", version 2, key ["model_id", "dataset", "split", "baseline_id", "slice", "metric"], partition_by ["model_id"];
    /// Model.
    ["-"] model_id: String,
    /// Dataset.
    ["-"] dataset: String,
    /// Model that it is compared with.
    ["-"] baseline_id: String,
    /// Slice: `all`, or `dimension=value` such as `scenario=cut_in`, of recorded and simulated drives; of composed drives
    /// `source=synthetic` and `composed/scenario=cut_in`.
    ["-"] slice: String,
    /// Metric, as in `sample_metric`.
    ["-"] metric: String,
    /// Mean of the model.
    ["see metric"] value: f64,
    /// Lower end of its 95 % interval, by drive; null where there are fewer than ten drives.
    ["see metric"] low: Option<f64>,
    /// Upper end of its 95 % interval.
    ["see metric"] high: Option<f64>,
    /// Mean of the baseline.
    ["see metric"] baseline_value: f64,
    /// Mean of the paired difference, model minus baseline; negative is better.
    ["see metric"] difference: f64,
    /// Lower end of its 95 % interval, by drive; null where there are fewer than ten drives.
    ["see metric"] difference_low: Option<f64>,
    /// Upper end of its 95 % interval.
    ["see metric"] difference_high: Option<f64>,
    /// Samples that have the metric of both.
    ["1"] samples: i64,
    /// Drives behind them.
    ["1"] drives: i64,
    /// Split; `unknown` in rows that were written before splits were recorded.
    ["-"] split: String,
    /// `real`, or `synthetic` where the slice is of composed drives; `unknown` in rows that were written before: their slices are of
    /// both.
    ["-"] source: String,
    /// Samples that the split has of the slice.
    ["1"] split_samples: Option<i64>,
    /// Those of them that the model answered, and that could be scored.
    ["1"] model_samples: Option<i64>,
    /// Those of them that the baseline answered, and that could be scored.
    ["1"] baseline_samples: Option<i64>,
    /// One-sided p-value of "no worse than the baseline", corrected for all slices and metrics of the source (Holm); null where
    /// there are fewer than ten drives.
    ["1"] p_worse: Option<f64>,
    /// The same of "no better than the baseline", corrected as a family of its own.
    ["1"] p_better: Option<f64>,
    /// What these say: `better`, `worse` or `unclear`; `too few drives`; `unknown` in rows that were written before.
    ["-"] change: String,
}

//! The `sample_metric` table.

use crate::ids::{LogId, SampleId};
use crate::table::table;
table! {
    /// One figure of one model on one sample: there are rows for every sample that the model answered, whatever it is compared with.
    SampleMetric = "sample_metric", version 2, key ["model_id", "dataset", "split", "metric", "sample_id"], partition_by ["model_id"];
    /// Model.
    ["-"] model_id: String,
    /// Dataset of the sample.
    ["-"] dataset: String,
    /// The sample.
    ["-"] sample_id: SampleId,
    /// The recorded drive behind the sample: the cluster of intervals.
    ["-"] host_log_id: LogId,
    /// `ade_m`, `fde_m`, `miss`, `collision`; of motor vehicles also `off_road` and `discomfort`.
    ["-"] metric: String,
    /// Value; for yes-or-no metrics 1 or 0, 1 being the failure.
    ["see metric"] value: f64,
    /// Split of the sample; `unknown` in rows that were written before splits were recorded.
    ["-"] split: String,
    /// `real` or `synthetic`, as in `sample`; `unknown` in rows that were written before it was recorded.
    ["-"] source: String,
}

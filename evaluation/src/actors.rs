//! Intervals by actor, for where there are too few drives for one by drive.

use std::collections::BTreeMap;

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::SampleMetric;

use crate::bootstrap::{ClusterSums, Interval, intervals, stream_from_names};
use crate::error::Result;
use crate::options::EvaluateOptions;

/// The 95 % interval of the mean paired difference (model minus baseline) over the samples that were evaluated, when
/// actors are resampled instead of drives; `None` where there are too few actors.
///
/// It says how much chance there is in the actors of these drives. It says nothing of other drives: their roads,
/// weather and traffic are not in it.
///
/// # Errors
/// When the lake fails.
pub async fn difference_by_actor(
    lake: &Lake,
    options: &EvaluateOptions,
    metric: &str,
) -> Result<Option<Interval>> {
    let mut actors: BTreeMap<String, ClusterSums> = BTreeMap::new();
    for row in read(lake, options, &options.model_id, metric).await? {
        let sums = actors.entry(actor_of(&row.sample_id)).or_default();
        sums.value += row.value;
        sums.samples += 1;
    }
    for row in read(lake, options, &options.baseline_id, metric).await? {
        actors.entry(actor_of(&row.sample_id)).or_default().baseline += row.value;
    }
    let sums: Vec<_> = actors.into_values().collect();
    let stream = stream_from_names(options.seed, "by actor", metric);
    Ok(intervals(&sums, options.resamples, stream).map(|found| found.difference))
}

async fn read(
    lake: &Lake,
    options: &EvaluateOptions,
    model_id: &str,
    metric: &str,
) -> Result<Vec<SampleMetric>> {
    let [model, dataset, metric] = [model_id, &options.dataset, metric].map(sql_literal);
    let filter = format!("model_id = {model} AND dataset = {dataset} AND metric = {metric}");
    Ok(lake.read(Some(&filter)).await?)
}

/// `log_id/track_id` of `log_id/track_id/stamp_ns`.
fn actor_of(sample_id: &str) -> String {
    let actor = sample_id
        .rsplit_once('/')
        .map_or(sample_id, |(actor, _)| actor);
    actor.to_owned()
}

#[cfg(test)]
mod tests {
    use super::actor_of;

    #[test]
    fn stamps_of_an_actor_are_one_cluster() {
        assert_eq!(actor_of("drive/a/1"), actor_of("drive/a/2"));
        assert_ne!(actor_of("drive/a/1"), actor_of("drive/b/1"));
    }
}

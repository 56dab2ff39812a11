//! Scans whose partitions hold whole drives.
//!
//! The lake writes the rows of a drive together, ordered, into one file. Stock plans do not know that: they cut files into
//! ranges of bytes, deal these to partitions, and hash and sort the rows afterwards. Here the scan below an operator is given
//! its files anew, each whole and read by one partition. Which drives a file has is learned from its footer.
//!
//! Nothing is believed: the operator checks the order as the rows pass, sorts a drive that lies otherwise, and fails where a
//! drive comes back after it was answered. Where the footers do not say enough, the engine moves and sorts the rows.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt as _, TryStreamExt as _};

use super::exec::{DriveExec, recompute};
use super::key::LOG_ID;
use super::limits::OperatorLimits;

/// Footers that are asked for at once.
const FOOTERS_AT_ONCE: usize = 16;
/// Delta's scan, which hands on the rows of the Parquet scan below it in their order.
const DELTA_SCAN: &str = "DeltaScanExec";

/// How drives should come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// In any order, spread over the partitions.
    Spread,
    /// In the order of their ids, all in the first partition: so that two inputs can be walked side by side.
    InOrder,
}

/// The same plan with whole drives in its partitions; `None` where that cannot be had without moving rows.
pub(super) async fn arranged(
    plan: &Arc<dyn ExecutionPlan>,
    layout: Layout,
    limits: OperatorLimits,
    session: &dyn Session,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut above = Vec::new();
    let mut scan = plan;
    while let Some(below) = below(scan) {
        above.push(scan);
        scan = below;
    }
    let Some(exec) = scan.downcast_ref::<DataSourceExec>() else {
        return Ok(None);
    };
    let Some((config, _)) = exec.downcast_to_file_source::<ParquetSource>() else {
        return Ok(None);
    };
    let partitions = session.config().target_partitions();
    let Some(groups) = groups(config, layout, partitions, limits, session).await? else {
        return Ok(None);
    };
    let count = groups.len();
    let config = FileScanConfigBuilder::from(config.clone())
        .with_file_groups(groups)
        // Both keep the engine from cutting the files, and from handing them to partitions that are idle.
        .with_output_partitioning(Some(Partitioning::UnknownPartitioning(count)))
        .with_preserve_order(true)
        .build();
    let mut plan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
    for parent in above.into_iter().rev() {
        plan = Arc::clone(parent).replace_children(vec![plan], recompute())?;
    }
    Ok(Some(plan))
}

/// The input of a step that leaves the rows of each partition in their order and the drive's column as it is.
fn below(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let passes = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        keeps_the_drive(projection.expr())
    } else if let Some(drives) = plan.downcast_ref::<DriveExec>() {
        drives.is_by_files()
    } else {
        plan.is::<FilterExec>() || plan.name() == DELTA_SCAN
    };
    match plan.children().as_slice() {
        [input] if passes => Some(*input),
        _ => None,
    }
}

/// Whether `log_id` is the input's `log_id`, and not another column by that name.
fn keeps_the_drive(expressions: &[ProjectionExpr]) -> bool {
    let mut named = expressions.iter().filter(|one| one.alias == LOG_ID);
    named.next().is_some_and(|one| {
        let column = (one.expr.as_ref() as &dyn Any).downcast_ref::<Column>();
        column.is_some_and(|column| column.name() == LOG_ID)
    })
}

/// The files of a scan, so that each drive is in one group.
async fn groups(
    config: &FileScanConfig,
    layout: Layout,
    partitions: usize,
    limits: OperatorLimits,
    session: &dyn Session,
) -> Result<Option<Vec<FileGroup>>> {
    let files = config.file_groups.iter().flat_map(FileGroup::iter);
    let files: Vec<_> = files.cloned().collect();
    let is_cut = files.iter().any(|file| file.range.is_some());
    let projection = config.file_source().projection();
    let keeps = projection.is_none_or(|projection| keeps_the_drive(projection.as_ref()));
    if is_cut || !keeps || files.len() > limits.files_max {
        return Ok(None);
    }
    let Some(spans) = spans(config, files, session).await? else {
        return Ok(None);
    };
    let (units, ascend) = units(spans);
    let groups = match layout {
        Layout::InOrder if !ascend => return Ok(None),
        Layout::InOrder => vec![units.into_iter().flatten().collect()],
        Layout::Spread => spread(units, partitions.max(1)),
    };
    let mut groups: Vec<_> = groups.into_iter().map(FileGroup::new).collect();
    // As many as the engine wants, so that it deals no rows out to make them more.
    groups.resize_with(partitions.max(1), || FileGroup::new(Vec::new()));
    Ok(Some(groups))
}

/// A file, and the first and last drive in it.
#[derive(Debug)]
struct Span<F> {
    file: F,
    first: ScalarValue,
    last: ScalarValue,
}

/// The files with their first and last drives; `None` where there are several and a footer does not say.
async fn spans(
    config: &FileScanConfig,
    files: Vec<PartitionedFile>,
    session: &dyn Session,
) -> Result<Option<Vec<Span<PartitionedFile>>>> {
    let Ok(field) = config.file_schema().field_with_name(LOG_ID) else {
        return Ok(None);
    };
    if let [_] = files.as_slice() {
        let span = |file| Span {
            file,
            first: ScalarValue::Null,
            last: ScalarValue::Null,
        };
        return Ok(Some(files.into_iter().map(span).collect()));
    }
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        other => other.clone(),
    };
    let schema = Arc::new(Schema::new(vec![Field::new(LOG_ID, data_type, true)]));
    let runtime = session.runtime_env();
    let store = runtime.object_store(&config.object_store_url)?;
    let cache = runtime.cache_manager.get_file_metadata_cache();
    let footers = files.into_iter().map(|file| {
        let (store, cache, schema) = (Arc::clone(&store), Arc::clone(&cache), Arc::clone(&schema));
        async move {
            let footer = DFParquetMetadata::new(store.as_ref(), &file.object_meta)
                .with_file_metadata_cache(Some(cache))
                .fetch_metadata()
                .await?;
            let statistics = DFParquetMetadata::statistics_from_parquet_metadata(&footer, &schema)?;
            let column = statistics.column_statistics.into_iter().next();
            let bounds = column.map(|column| (column.min_value, column.max_value));
            Ok::<_, DataFusionError>(match bounds {
                Some((Precision::Exact(first), Precision::Exact(last))) => {
                    Some(Span { file, first, last })
                }
                _ => None,
            })
        }
    });
    let spans: Vec<Option<_>> = futures::stream::iter(footers)
        .buffered(FOOTERS_AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(spans.into_iter().collect())
}

/// The files in runs that have to be read one after the other, and whether no two files overlap.
///
/// A writer that closes a file in the midst of a drive begins the next with the same drive. Files that overlap otherwise hold
/// different drives of one range, as commits of several drives each do.
fn units<F>(mut spans: Vec<Span<F>>) -> (Vec<Vec<F>>, bool) {
    spans.sort_by(|a, b| {
        let order = a.first.partial_cmp(&b.first);
        let order = order.map(|order| order.then(a.last.partial_cmp(&b.last).unwrap_or(order)));
        order.unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut units: Vec<(ScalarValue, Vec<F>)> = Vec::new();
    let mut ascend = true;
    let mut end: Option<ScalarValue> = None;
    for Span { file, first, last } in spans {
        ascend = ascend && end.as_ref().is_none_or(|end| *end <= first);
        // Files that touch are most often neighbours.
        match units.iter_mut().rev().find(|(end, _)| *end == first) {
            Some((end, unit)) => {
                unit.push(file);
                *end = last.clone();
            }
            None => units.push((last.clone(), vec![file])),
        }
        end = match end {
            Some(end) if end > last => Some(end),
            _ => Some(last),
        };
    }
    let units = units.into_iter().map(|(_, unit)| unit).collect();
    (units, ascend)
}

/// Runs of units, of nearly equal size.
fn spread(units: Vec<Vec<PartitionedFile>>, partitions: usize) -> Vec<Vec<PartitionedFile>> {
    let size =
        |unit: &[PartitionedFile]| unit.iter().map(|file| file.object_meta.size).sum::<u64>();
    let total: u64 = units.iter().map(|unit| size(unit)).sum();
    let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new(); partitions];
    let mut before = 0_u64;
    for unit in units {
        let middle = before + size(&unit) / 2;
        before += size(&unit);
        let share = u128::from(middle) * partitions as u128 / u128::from(total.max(1));
        groups[(share as usize).min(partitions - 1)].extend(unit);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files written as `first-last`, in runs.
    fn runs(files: &[&str]) -> (Vec<Vec<String>>, bool) {
        let spans = files.iter().map(|file| {
            let (first, last) = file.split_once('-').unwrap();
            Span {
                file: (*file).to_owned(),
                first: first.into(),
                last: last.into(),
            }
        });
        units(spans.collect())
    }

    #[test]
    fn files_that_share_a_drive_are_read_one_after_the_other() {
        for (files, expected, ascend) in [
            (vec!["c-d", "a-b"], vec![vec!["a-b"], vec!["c-d"]], true),
            (
                vec!["b-d", "a-b", "e-f"],
                vec![vec!["a-b", "b-d"], vec!["e-f"]],
                true,
            ),
            (
                vec!["b-c", "b-b", "a-b"],
                vec![vec!["a-b", "b-b", "b-c"]],
                true,
            ),
            (vec!["a-m", "c-z"], vec![vec!["a-m"], vec!["c-z"]], false),
            (
                vec!["a-m", "c-z", "m-n"],
                vec![vec!["a-m", "m-n"], vec!["c-z"]],
                false,
            ),
            (vec![], vec![], true),
        ] {
            assert_eq!(
                runs(&files),
                (
                    expected
                        .into_iter()
                        .map(|run| run.into_iter().map(str::to_owned).collect())
                        .collect(),
                    ascend
                ),
                "{files:?}"
            );
        }
    }

    #[test]
    fn units_are_spread_by_size() {
        let unit = |size: u64| vec![PartitionedFile::new("file", size)];
        let sizes = |units: Vec<_>, partitions| -> Vec<Vec<u64>> {
            let groups = spread(units, partitions).into_iter();
            groups
                .map(|group| group.iter().map(|file| file.object_meta.size).collect())
                .collect()
        };
        assert_eq!(
            sizes([5, 1, 1, 1, 2].map(unit).to_vec(), 2),
            [vec![5], vec![1, 1, 1, 2]]
        );
        assert_eq!(sizes([5].map(unit).to_vec(), 2), [vec![5], vec![]]);
        assert_eq!(sizes(Vec::new(), 2), [Vec::<u64>::new(), Vec::new()]);
    }
}

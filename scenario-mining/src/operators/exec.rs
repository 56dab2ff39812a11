//! Physical operators over the drives of one input.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput as _,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties as _,
    InputDistributionRequirements, Partitioning, PlanProperties, ReplaceChildrenOptions,
};

use super::drives::Drives;
use super::key::{Key, LOG_ID};
use super::limits::OperatorLimits;
use super::stream::{DriveStream, Seen};

/// Rows that an operator makes, batch by batch as they are asked for.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// A pure operator over whole drives: what it makes of one depends on no other.
pub(crate) trait DriveOperator: fmt::Debug + Send + Sync {
    /// Name and parameters, for `EXPLAIN`.
    fn text(&self) -> String;

    /// What it makes of some drives: columns as the operator's logical side declares them.
    ///
    /// # Errors
    /// When an expression fails, or a limit is passed.
    fn run(&self, drives: Drives) -> Result<Batches>;

    /// Whether there is a row out for each row in, in the same order.
    fn keeps_rows(&self) -> bool {
        false
    }
}

/// How the rows of a drive come together in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// They lie so in the files, and the files are read so: no row moves.
    Files,
    /// The engine moves and sorts them.
    Sorted,
}

/// Hands the drives of its input to an operator, one after the other; partitions of the input are worked on side by side.
#[derive(Debug)]
pub(super) struct DriveExec {
    operator: Arc<dyn DriveOperator>,
    input: Arc<dyn ExecutionPlan>,
    key: Key,
    arrangement: Arrangement,
    limits: OperatorLimits,
    schema: SchemaRef,
    seen: Arc<Seen>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl DriveExec {
    pub(super) fn new(
        operator: Arc<dyn DriveOperator>,
        input: Arc<dyn ExecutionPlan>,
        key: Key,
        arrangement: Arrangement,
        limits: OperatorLimits,
        schema: SchemaRef,
    ) -> Self {
        let mut equivalence = EquivalenceProperties::new(Arc::clone(&schema));
        if arrangement == Arrangement::Sorted
            && operator.keeps_rows()
            && let Some(order) = order_by_name(&input, &key, &schema)
        {
            equivalence.add_ordering(order);
        }
        let properties = PlanProperties::new(
            equivalence,
            partitioning(&input, &key, &schema),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            operator,
            input,
            key,
            arrangement,
            limits,
            schema,
            seen: Arc::default(),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// Whether its rows are where the files have them.
    pub(super) fn is_by_files(&self) -> bool {
        self.arrangement == Arrangement::Files
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(
            Arc::clone(&self.operator),
            input,
            self.key.clone(),
            self.arrangement,
            self.limits,
            Arc::clone(&self.schema),
        )
    }
}

/// What an operator asks of an input: its rows by drive, in order, where the files do not give them so already.
pub(super) fn distribution(
    input: &Arc<dyn ExecutionPlan>,
    key: &Key,
    arrangement: Arrangement,
) -> Distribution {
    match arrangement {
        Arrangement::Files => Distribution::UnspecifiedDistribution,
        Arrangement::Sorted => Distribution::KeyPartitioned(vec![physical_column(input, key.log)]),
    }
}

/// See [`distribution`].
pub(super) fn ordering(
    input: &Arc<dyn ExecutionPlan>,
    key: &Key,
    arrangement: Arrangement,
) -> Option<OrderingRequirements> {
    let columns = key.columns().map(|index| physical_column(input, index));
    let order = LexOrdering::new(columns.map(PhysicalSortExpr::new_default))?;
    (arrangement == Arrangement::Sorted).then(|| order.into())
}

pub(super) fn physical_column(
    input: &Arc<dyn ExecutionPlan>,
    index: usize,
) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(input.schema().field(index).name(), index))
}

/// The order of the input's rows in an output that has the columns of its key by the same names.
fn order_by_name(
    input: &Arc<dyn ExecutionPlan>,
    key: &Key,
    output: &SchemaRef,
) -> Option<LexOrdering> {
    let columns = key.columns().map(|index| {
        let schema = input.schema();
        let name = schema.field(index).name();
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new_with_schema(name, output).ok()?);
        Some(PhysicalSortExpr::new_default(column))
    });
    LexOrdering::new(columns.collect::<Option<Vec<_>>>()?)
}

/// Drives stay in the partition that they came in.
pub(super) fn partitioning(
    input: &Arc<dyn ExecutionPlan>,
    key: &Key,
    output: &SchemaRef,
) -> Partitioning {
    let of_input = input.output_partitioning();
    let log = physical_column(input, key.log);
    match (of_input, Column::new_with_schema(LOG_ID, output)) {
        (Partitioning::Hash(by, partitions), Ok(column)) if by.len() == 1 && by[0].eq(&log) => {
            Partitioning::Hash(vec![Arc::new(column)], *partitions)
        }
        _ => Partitioning::UnknownPartitioning(of_input.partition_count()),
    }
}

impl DisplayAs for DriveExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "DriveExec: {}", self.operator.text())
    }
}

impl ExecutionPlan for DriveExec {
    fn name(&self) -> &'static str {
        "DriveExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let wanted = distribution(&self.input, &self.key, self.arrangement);
        InputDistributionRequirements::new(vec![wanted])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![ordering(&self.input, &self.key, self.arrangement)]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![self.arrangement == Arrangement::Sorted]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let (Some(input), true) = (children.pop(), children.is_empty()) {
            Ok(Arc::new(self.over(input)))
        } else {
            plan_err!("{} has one input", self.operator.text())
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, recompute())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let running = Running {
            drives: DriveStream::new(
                self.input.execute(partition, Arc::clone(&context))?,
                self.key.clone(),
                self.limits,
                Arc::clone(&self.seen),
                partition,
                &context,
            ),
            operator: Arc::clone(&self.operator),
            batches: None,
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = futures::stream::try_unfold(running, |mut running| async move {
            Ok(running.next().await?.map(|batch| (batch, running)))
        });
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// How a changed child is taken in: nothing of what was known of the old one holds.
pub(super) fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(
        datafusion::physical_plan::execution_plan::ChildrenPropertiesMode::Recompute,
    )
}

/// One partition at work.
struct Running {
    drives: DriveStream,
    operator: Arc<dyn DriveOperator>,
    batches: Option<Batches>,
    metrics: BaselineMetrics,
}

impl Running {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batches) = &mut self.batches {
                let timer = self.metrics.elapsed_compute().timer();
                let batch = batches.next().transpose()?;
                timer.done();
                match batch {
                    Some(batch) if batch.num_rows() == 0 => continue,
                    Some(batch) => return Ok(Some(batch.record_output(&self.metrics))),
                    None => self.batches = None,
                }
            }
            let Some(drives) = self.drives.next().await? else {
                return Ok(None);
            };
            let timer = self.metrics.elapsed_compute().timer();
            self.batches = Some(self.operator.run(drives)?);
            timer.done();
        }
    }
}

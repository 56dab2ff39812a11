//! Physical operators over the drives of two inputs, side by side.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::array::make_comparator;
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput as _,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties,
    ReplaceChildrenOptions,
};

use super::drives::Drives;
use super::exec::{Arrangement, Batches, distribution, ordering, partitioning, recompute};
use super::key::Key;
use super::limits::OperatorLimits;
use super::stream::{DriveStream, Seen};

/// A pure operator over the rows that two inputs have of one drive.
pub(crate) trait DrivePairOperator: fmt::Debug + Send + Sync {
    /// Name and parameters, for `EXPLAIN`.
    fn text(&self) -> String;

    /// What it makes of one drive of the first input, and the rows of the second for the same drive, of which there may be none.
    ///
    /// # Errors
    /// When a limit is passed.
    fn run(&self, first: Drives, second: Drives) -> Result<Batches>;
}

/// One of the two inputs.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) input: Arc<dyn ExecutionPlan>,
    pub(super) key: Key,
}

/// Hands the drives of the first input, in the order of their ids, to an operator together with those of the second.
#[derive(Debug)]
pub(super) struct DrivePairExec {
    operator: Arc<dyn DrivePairOperator>,
    sides: [Side; 2],
    arrangement: Arrangement,
    limits: OperatorLimits,
    schema: SchemaRef,
    seen: [Arc<Seen>; 2],
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl DrivePairExec {
    pub(super) fn new(
        operator: Arc<dyn DrivePairOperator>,
        sides: [Side; 2],
        arrangement: Arrangement,
        limits: OperatorLimits,
        schema: SchemaRef,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            partitioning(&sides[0].input, &sides[0].key, &schema),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            operator,
            sides,
            arrangement,
            limits,
            schema,
            seen: [Arc::default(), Arc::default()],
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn cursor(&self, index: usize, partition: usize, context: &Arc<TaskContext>) -> Result<Cursor> {
        let Side { input, key } = &self.sides[index];
        let rows = input.execute(partition, Arc::clone(context))?;
        let seen = Arc::clone(&self.seen[index]);
        let drives = DriveStream::new(rows, key.clone(), self.limits, seen, partition, context);
        Ok(Cursor {
            drives,
            key: key.clone(),
            read: Vec::new(),
            last: None,
        })
    }
}

impl DisplayAs for DrivePairExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "DrivePairExec: {}", self.operator.text())
    }
}

impl ExecutionPlan for DrivePairExec {
    fn name(&self) -> &'static str {
        "DrivePairExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let wanted = self.sides.iter();
        let wanted = wanted.map(|side| distribution(&side.input, &side.key, self.arrangement));
        match self.arrangement {
            Arrangement::Files => InputDistributionRequirements::new(wanted.collect()),
            Arrangement::Sorted => InputDistributionRequirements::co_partitioned(wanted.collect()),
        }
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let sides = self.sides.iter();
        sides
            .map(|side| ordering(&side.input, &side.key, self.arrangement))
            .collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![self.arrangement == Arrangement::Sorted; 2]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.sides.iter().map(|side| &side.input).collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([first, second]) = <[_; 2]>::try_from(children) else {
            return plan_err!("{} has two inputs", self.operator.text());
        };
        let side = |index: usize, input| Side {
            input,
            key: self.sides[index].key.clone(),
        };
        Ok(Arc::new(Self::new(
            Arc::clone(&self.operator),
            [side(0, first), side(1, second)],
            self.arrangement,
            self.limits,
            Arc::clone(&self.schema),
        )))
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
            first: self.cursor(0, partition, &context)?,
            second: self.cursor(1, partition, &context)?,
            empty: RecordBatch::new_empty(self.sides[1].input.schema()),
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

/// The drives of an input one by one, checked to ascend.
struct Cursor {
    drives: DriveStream,
    key: Key,
    /// Drives that are read and not handed out, the next one last.
    read: Vec<Drives>,
    last: Option<RecordBatch>,
}

impl Cursor {
    async fn next(&mut self) -> Result<Option<Drives>> {
        if self.read.is_empty()
            && let Some(drives) = self.drives.next().await?
        {
            self.read = drives.split().collect();
            self.read.reverse();
        }
        let next = self.read.pop();
        if let Some(next) = &next {
            let row = next.rows.slice(0, 1);
            if let Some(last) = self.last.replace(row.clone())
                && !compare((&last, &self.key), (&row, &self.key))?.is_lt()
            {
                return Err(DataFusionError::Execution(format!(
                    "drive {} comes after {} in the files of the table: `driveloop lake optimize` puts them in order",
                    self.key.log_id(&row, 0),
                    self.key.log_id(&last, 0)
                )));
            }
        }
        Ok(next)
    }

    fn put_back(&mut self, drive: Drives) {
        self.last = None;
        self.read.push(drive);
    }
}

/// How the drives of two rows compare; null is before all others.
fn compare(left: (&RecordBatch, &Key), right: (&RecordBatch, &Key)) -> Result<Ordering> {
    let (left, right) = (left.0.column(left.1.log), right.0.column(right.1.log));
    let compare = make_comparator(left, right, SortOptions::default())?;
    Ok(compare(0, 0))
}

/// One partition at work.
struct Running {
    first: Cursor,
    second: Cursor,
    empty: RecordBatch,
    operator: Arc<dyn DrivePairOperator>,
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
            let Some(first) = self.first.next().await? else {
                return Ok(None);
            };
            let second = self.partner(&first).await?;
            let timer = self.metrics.elapsed_compute().timer();
            self.batches = Some(self.operator.run(first, second)?);
            timer.done();
        }
    }

    /// The rows of the second input for a drive of the first.
    async fn partner(&mut self, first: &Drives) -> Result<Drives> {
        let is_named = first.rows.column(self.first.key.log).is_valid(0);
        while is_named && let Some(second) = self.second.next().await? {
            let (left, right) = (&self.first.key, &self.second.key);
            match compare((&second.rows, right), (&first.rows, left))? {
                Ordering::Less => {}
                Ordering::Equal => return Ok(second),
                Ordering::Greater => {
                    self.second.put_back(second);
                    break;
                }
            }
        }
        Drives::new(self.empty.clone(), &self.second.key)
    }
}

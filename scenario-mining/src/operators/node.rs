//! Operators in logical plans, and how these become physical.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef, TableReference, plan_err};
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use super::arrange::{Layout, arranged};
use super::exec::{Arrangement, DriveExec, DriveOperator};
use super::key::Key;
use super::limits::OperatorLimits;
use super::pair_exec::{DrivePairExec, DrivePairOperator, Side};

/// A column with the table that it is of.
pub(crate) type QualifiedField = (Option<TableReference>, FieldRef);

/// The logical side of an operator. Its inputs and expressions are kept by the node, and change as plans are optimised:
/// columns that nobody asks for go, and others move.
pub(crate) trait Operator: fmt::Debug + Send + Sync {
    /// Name and parameters. Operators with the same text do the same.
    fn text(&self) -> String;

    /// The columns that tell the series of an input apart, by name.
    fn series(&self, input: usize) -> &[String];

    /// Columns of the result: `log_id` by that name, and others.
    ///
    /// # Errors
    /// When the inputs lack a column.
    fn output(&self, inputs: &[&DFSchema], exprs: &[Expr]) -> Result<Vec<QualifiedField>>;

    /// The columns of each input, beyond those of its key and of expressions, that some columns of the result are made of.
    fn needed(&self, outputs: &[usize], inputs: &[&DFSchema]) -> Vec<Vec<usize>>;

    /// Columns of the result by which rows can be left out of the inputs just as well: those that are the same in all rows
    /// that an answer depends on.
    fn filters_pass(&self) -> Vec<String> {
        Vec::new()
    }

    /// The physical side. `keys` and `exprs` are for the inputs as they are now, `schema` is that of the result.
    ///
    /// # Errors
    /// When the inputs do not fit.
    fn physical(
        &self,
        keys: &[Key],
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        inputs: &[SchemaRef],
        schema: SchemaRef,
    ) -> Result<Physical>;
}

/// What works on the rows.
pub(crate) enum Physical {
    /// An operator over one input.
    One(Arc<dyn DriveOperator>),
    /// An operator over two.
    Two(Arc<dyn DrivePairOperator>),
}

/// An operator in a plan. Expressions are over the first input.
#[derive(Debug, Clone)]
pub(crate) struct OperatorNode {
    operator: Arc<dyn Operator>,
    inputs: Vec<LogicalPlan>,
    exprs: Vec<Expr>,
    schema: DFSchemaRef,
}

impl OperatorNode {
    /// The plan of an operator over its inputs.
    ///
    /// # Errors
    /// When the inputs do not fit.
    pub(crate) fn plan(
        operator: Arc<dyn Operator>,
        inputs: Vec<LogicalPlan>,
        exprs: Vec<Expr>,
    ) -> Result<LogicalPlan> {
        let node = Arc::new(Self::new(operator, inputs, exprs)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }

    fn new(
        operator: Arc<dyn Operator>,
        inputs: Vec<LogicalPlan>,
        exprs: Vec<Expr>,
    ) -> Result<Self> {
        let schemas: Vec<_> = inputs.iter().map(|input| input.schema().as_ref()).collect();
        let fields = operator.output(&schemas, &exprs)?;
        let schema = Arc::new(DFSchema::new_with_metadata(fields, HashMap::new())?);
        let node = Self {
            operator,
            inputs,
            exprs,
            schema,
        };
        node.keys()?;
        Ok(node)
    }

    fn keys(&self) -> Result<Vec<Key>> {
        let text = self.operator.text();
        let name = text.split(['(', ' ']).next().unwrap_or_default();
        let inputs = self.inputs.iter().enumerate();
        inputs
            .map(|(index, input)| Key::find(input.schema(), self.operator.series(index), name))
            .collect()
    }
}

impl UserDefinedLogicalNodeCore for OperatorNode {
    fn name(&self) -> &'static str {
        "DriveOperator"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.exprs.clone()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let pass = self.operator.filters_pass();
        let names = self.schema.fields().iter().map(|field| field.name());
        names.filter(|name| !pass.contains(name)).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "DriveOperator: {}", self.operator.text())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Self::new(Arc::clone(&self.operator), inputs, exprs)
    }

    fn necessary_children_exprs(&self, outputs: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schemas: Vec<_> = self
            .inputs
            .iter()
            .map(|input| input.schema().as_ref())
            .collect();
        let mut needed = self.operator.needed(outputs, &schemas);
        for (needed, key) in needed.iter_mut().zip(self.keys().ok()?) {
            needed.extend(key.columns());
            needed.sort_unstable();
            needed.dedup();
        }
        Some(needed)
    }
}

impl PartialEq for OperatorNode {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
            && self.inputs == other.inputs
            && self.exprs == other.exprs
    }
}

impl Eq for OperatorNode {}

impl PartialOrd for OperatorNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let by_text = self.operator.text().cmp(&other.operator.text());
        let by_exprs = self.exprs.partial_cmp(&other.exprs)?;
        let by_inputs = self.inputs.partial_cmp(&other.inputs)?;
        Some(by_text.then(by_exprs).then(by_inputs))
    }
}

impl Hash for OperatorNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.operator.text().hash(state);
        self.inputs.hash(state);
        self.exprs.hash(state);
    }
}

/// Plans queries that may have operators in them.
#[derive(Debug)]
pub(super) struct Planner {
    pub(super) limits: OperatorLimits,
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let limits = self.limits;
        let planner =
            DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self { limits })]);
        planner.create_physical_plan(plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<OperatorNode>() else {
            return Ok(None);
        };
        let exprs = node.exprs.iter().map(|expr| {
            planner.create_physical_expr(expr, node.inputs[0].schema(), session, context)
        });
        let exprs = exprs.collect::<Result<_>>()?;
        let keys = node.keys()?;
        let schemas: Vec<_> = inputs.iter().map(|input| input.schema()).collect();
        let schema = Arc::clone(node.schema.inner());
        let physical = node
            .operator
            .physical(&keys, exprs, &schemas, Arc::clone(&schema))?;
        let limits = self.limits;
        let plan: Arc<dyn ExecutionPlan> = match (physical, inputs, keys.as_slice()) {
            (Physical::One(operator), [input], [key]) => {
                let by_files = arranged(input, Layout::Spread, limits, session).await?;
                let (input, arrangement) = match by_files {
                    Some(input) => (input, Arrangement::Files),
                    None => (Arc::clone(input), Arrangement::Sorted),
                };
                let key = key.clone();
                Arc::new(DriveExec::new(
                    operator,
                    input,
                    key,
                    arrangement,
                    limits,
                    schema,
                ))
            }
            (Physical::Two(operator), [first, second], [key, second_key]) => {
                let (one, two) = (
                    arranged(first, Layout::InOrder, limits, session).await?,
                    arranged(second, Layout::InOrder, limits, session).await?,
                );
                let (first, second, arrangement) = match (one, two) {
                    (Some(one), Some(two)) => (one, two, Arrangement::Files),
                    _ => (Arc::clone(first), Arc::clone(second), Arrangement::Sorted),
                };
                let side = |input, key: &Key| Side {
                    input,
                    key: key.clone(),
                };
                let sides = [side(first, key), side(second, second_key)];
                Arc::new(DrivePairExec::new(
                    operator,
                    sides,
                    arrangement,
                    limits,
                    schema,
                ))
            }
            _ => return plan_err!("{}: wrong number of inputs", node.operator.text()),
        };
        Ok(Some(plan))
    }
}

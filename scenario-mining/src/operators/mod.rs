//! Operators over the drives of a table, called in `FROM`: what SQL alone makes slow or awkward.
//!
//! ```sql
//! SELECT log_id, track_id, stamp_ns
//! FROM track_windows(object_track, before_mps => lag(ego_vx_mps, 5), widest_m => max(abs(ego_y_m), -2.0, 0.0))
//! WHERE widest_m > 2.0 AND abs(ego_y_m) < 1.5
//! ```
//!
//! The lake keeps the rows of a drive together, ordered by track and time. Operators read them so: no row is moved to another
//! partition, none is sorted, and what is in memory is a drive.
//!
//! | file | is |
//! |---|---|
//! | `call`, `tables` | a call in SQL: its arguments, and the plan made of it (DataFusion's `RelationPlanner` hook) |
//! | `node` | an operator in a plan, and its physical side |
//! | `arrange` | gives scans their files so that each partition has whole drives |
//! | `key`, `drives`, `stream` | rows become whole drives, checked and in order, within bounds |
//! | `exec`, `pair_exec` | hand the drives of one input, or of two side by side, to a pure operator |
//! | the others | an operator each |
//!
//! # A new operator
//!
//! 1. A type that implements [`DriveOperator`](exec::DriveOperator): `run` gets [`Drives`](drives::Drives), a batch of whole
//!    drives with the ranges of each drive and series in it, and gives batches back. It is pure: no IO, no state between calls.
//! 2. A type that implements [`Operator`](node::Operator): its columns, which columns of the input they need, and the step to
//!    the first.
//! 3. A [`TableFunction`] with its documentation and a function from a [`Call`](call::Call) to a plan
//!    ([`OperatorNode::plan`](node::OperatorNode::plan)), in the list below.

mod arrange;
mod asof;
mod beside;
mod call;
mod drives;
mod episodes;
mod exec;
mod followed;
mod key;
mod limits;
mod node;
mod pair_exec;
mod pairs;
mod stream;
mod tables;
mod values;
mod windows;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

pub(crate) use call::Call;
use call::Calls;
pub(crate) use drives::Drives;
pub(crate) use exec::{Batches, DriveOperator};
pub(crate) use key::{Key, LOG_ID, STAMP_NS, TRACK_ID, column};
pub use limits::OperatorLimits;
pub(crate) use node::{Operator, OperatorNode, Physical, QualifiedField};
pub(crate) use pair_exec::DrivePairOperator;
pub(crate) use tables::make_queries;
pub use tables::query;

/// What an operator is, for help texts.
#[derive(Debug, Clone, Copy)]
pub struct OperatorDoc {
    /// Name in SQL.
    pub name: &'static str,
    /// What it is called with.
    pub arguments: &'static str,
    /// What its rows are.
    pub doc: &'static str,
}

/// An operator and how a call of it becomes a plan.
pub(crate) struct TableFunction {
    pub(crate) doc: OperatorDoc,
    /// How many of its first arguments are tables.
    pub(crate) tables: usize,
    pub(crate) plan: fn(&mut Call) -> Result<LogicalPlan>,
}

/// Every operator, in the order of the documentation.
static TABLE_FUNCTIONS: [TableFunction; 5] = [
    windows::FUNCTION,
    pairs::FUNCTION,
    asof::FUNCTION,
    followed::FUNCTION,
    episodes::FUNCTION,
];

/// The operators, for help texts and documentation.
pub fn operator_docs() -> impl Iterator<Item = &'static OperatorDoc> {
    table_functions().map(|function| &function.doc)
}

/// Every table function: the operators here, and the kinematics and selectors over them.
fn table_functions() -> impl Iterator<Item = &'static TableFunction> {
    TABLE_FUNCTIONS
        .iter()
        .chain(&crate::selectors::TABLE_FUNCTIONS)
}

/// Makes the operators known to a session of the caller's, over whatever tables it has: those with columns `log_id` and
/// `stamp_ns` (64-bit nanoseconds) can be given to them. [`query`] plans statements that call them.
///
/// # Errors
/// When the engine refuses them, which would be a fault of this program.
pub fn register_operators(context: &SessionContext, limits: OperatorLimits) -> Result<()> {
    context.register_relation_planner(Arc::new(Calls))?;
    let state = context.state_ref();
    let mut state = state.write();
    let planner = Arc::new(node::Planner { limits });
    *state = SessionStateBuilder::new_from_existing(state.clone())
        .with_query_planner(planner)
        .build();
    Ok(())
}

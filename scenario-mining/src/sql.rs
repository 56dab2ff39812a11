//! One statement, run with bounds and without the right to write.

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use driveloop_lake::Lake;

use crate::error::{Error, Result};
use crate::session::{SessionOptions, session_with};

/// What errors call a statement of the user's.
const SUBJECT: &str = "query";

/// The answer to a statement: its columns, and its rows as they come.
pub struct Answer {
    /// Columns.
    pub schema: SchemaRef,
    /// Batches of rows; an error of the running query arrives here.
    pub batches: SendableRecordBatchStream,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// Runs one statement over a lake: a query, `EXPLAIN`, `SHOW` or `DESCRIBE`.
///
/// # Errors
/// When the statement is wrong (with the place, where the parser knows it), or of another kind, or the lake cannot be read.
pub async fn sql(lake: &Lake, statement: &str, options: &SessionOptions) -> Result<Answer> {
    let context = session_with(lake, options).await?;
    let plan = read_only_plan(&context, statement, SUBJECT).await?;
    let fail = |source| Error::query(SUBJECT, source);
    let frame = context.execute_logical_plan(plan).await.map_err(fail)?;
    let batches = frame.execute_stream().await.map_err(fail)?;
    Ok(Answer {
        schema: batches.schema(),
        batches,
    })
}

/// The plan of a statement that only reads.
pub(crate) async fn read_only_plan(
    context: &SessionContext,
    statement: &str,
    subject: &str,
) -> Result<LogicalPlan> {
    let plan = context
        .state()
        .create_logical_plan(statement)
        .await
        .map_err(|source| Error::query(subject, source))?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|source| Error::NotAQuery {
            actual: source.strip_backtrace(),
        })?;
    Ok(plan)
}

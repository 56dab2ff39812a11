//! Statements of users, run with bounds and without the right to write.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;
use driveloop_lake::Lake;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::error::{Error, Result};
use crate::fault::Names;
use crate::operators::make_queries;
use crate::session::{SessionOptions, Spill, session_with};
use crate::statement::{Statement, tokens};

/// What errors call a statement of the user's.
const SUBJECT: &str = "query";
/// Words that name a statement that is refused.
const WORDS_MAX: usize = 3;

/// The answer to a statement: its columns, and its rows as they come.
pub struct Answer {
    /// What the rows are.
    pub kind: AnswerKind,
    /// Columns.
    pub schema: SchemaRef,
    /// Batches of rows; an error of the running query arrives here.
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}

/// What the rows of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// Rows of a query.
    Rows,
    /// The plan of a query, as text: columns `plan_type` and `plan`.
    Plan,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("kind", &self.kind)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// A session for statements of users: each reads, and none writes, changes the session or reaches files of this machine.
///
/// All statements see a table in the version that it had when one of them first named it.
pub struct Reader {
    context: SessionContext,
    options: SessionOptions,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// A session over a lake.
    ///
    /// # Errors
    /// When the bounds cannot be kept, as with a spill folder that cannot be made.
    pub async fn open(lake: &Lake, options: &SessionOptions) -> Result<Self> {
        Ok(Self {
            context: session_with(lake, options).await?,
            options: options.clone(),
        })
    }

    /// Runs one statement: a query, `EXPLAIN`, `SHOW` or `DESCRIBE`.
    ///
    /// # Errors
    /// When the statement is wrong (with the place, where the parser or planner knows it), or of another kind,
    /// or the lake cannot be read.
    pub async fn answer(&self, statement: impl Into<Statement<'_>>) -> Result<Answer> {
        let plan = read_only_plan(&self.context, statement.into(), SUBJECT).await?;
        let kind = match plan {
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => AnswerKind::Plan,
            _ => AnswerKind::Rows,
        };
        let options = self.options.clone();
        let fail = move |source| running(source, &options);
        let frame = self.context.execute_logical_plan(plan).await;
        let frame = frame.map_err(&fail)?;
        let batches = frame.execute_stream().await.map_err(&fail)?;
        Ok(Answer {
            kind,
            schema: batches.schema(),
            batches: batches.map_err(fail).boxed(),
        })
    }
}

/// Runs one statement over a lake, as [`Reader::answer`] does.
///
/// # Errors
/// As [`Reader::answer`].
pub async fn sql(lake: &Lake, statement: &str, options: &SessionOptions) -> Result<Answer> {
    Reader::open(lake, options).await?.answer(statement).await
}

/// What became of a query that ran.
fn running(source: DataFusionError, options: &SessionOptions) -> Error {
    let text = source.strip_backtrace();
    let mib = |bytes: u64| (bytes >> 20) as usize;
    if let (Spill::Folder { max_bytes, .. }, true) = (
        &options.spill,
        text.contains("exceeded the allowable limit"),
    ) {
        return Error::Limit {
            what: "MiB that the query spills".into(),
            max: mib(*max_bytes),
        };
    }
    match (source.find_root(), options.memory_max_bytes) {
        (DataFusionError::ResourcesExhausted(_), Some(bytes)) => Error::Limit {
            what: "MiB of memory that the query holds".into(),
            max: mib(bytes as u64),
        },
        _ => Error::query(SUBJECT, source),
    }
}

/// The plan of a statement that only reads.
pub(crate) async fn read_only_plan(
    context: &SessionContext,
    statement: impl Into<Statement<'_>>,
    subject: &str,
) -> Result<LogicalPlan> {
    let statement = statement.into();
    let fail = |source| Error::statement(subject, &statement, &names(context), source);
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    let mut parsed = state
        .sql_to_statement(statement.text, &dialect)
        .map_err(&fail)?;
    if !only_reads(&parsed) {
        return Err(refused(&statement));
    }
    make_queries(&mut parsed);
    let plan = state.statement_to_plan(parsed).await.map_err(&fail)?;
    // What stands inside of another statement, as in `EXPLAIN ANALYZE INSERT …`, shows in the plan.
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|_| refused(&statement))?;
    Ok(plan)
}

fn only_reads(statement: &Parsed) -> bool {
    match statement {
        Parsed::Explain(explain) => only_reads(&explain.statement),
        Parsed::Statement(statement) => reads(statement),
        Parsed::CreateExternalTable(_) | Parsed::CopyTo(_) | Parsed::Reset(_) => false,
    }
}

fn reads(statement: &Ast) -> bool {
    match statement {
        Ast::Explain { statement, .. } => reads(statement),
        Ast::Query(_)
        | Ast::ExplainTable { .. }
        | Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ShowVariable { .. }
        | Ast::ShowVariables { .. } => true,
        _ => false,
    }
}

/// The keywords that the statement begins with say what it is.
fn refused(statement: &Statement<'_>) -> Error {
    let (tokens, _) = tokens(statement.text);
    let words = tokens.into_iter().filter_map(|token| match token.token {
        Token::Whitespace(_) => None,
        Token::Word(word) if word.keyword != Keyword::NoKeyword => Some(Some(word.value)),
        _ => Some(None),
    });
    let words: Vec<_> = words.map_while(|word| word).take(WORDS_MAX).collect();
    Error::NotAQuery {
        actual: words.join(" ").to_uppercase(),
    }
}

/// The names that a statement could have used.
fn names(context: &SessionContext) -> Names {
    let state = context.state();
    let default = state.config_options().catalog.clone();
    let mut names = Names::default();
    let catalogue = context.catalog(&default.default_catalog);
    for schema in catalogue
        .iter()
        .flat_map(|catalogue| catalogue.schema_names())
    {
        let provider = catalogue.as_ref().and_then(|all| all.schema(&schema));
        let tables = provider.iter().flat_map(|provider| provider.table_names());
        names.tables.extend(tables.map(|table| {
            if schema == default.default_schema {
                table
            } else {
                format!("{schema}.{table}")
            }
        }));
    }
    names.functions = functions(context);
    names
}

/// The functions of a session, in order.
pub(crate) fn functions(context: &SessionContext) -> Vec<String> {
    let state = context.state();
    let mut names: Vec<_> = state.scalar_functions().keys().cloned().collect();
    names.extend(state.aggregate_functions().keys().cloned());
    names.extend(state.window_functions().keys().cloned());
    names.sort_unstable();
    names.dedup();
    names
}

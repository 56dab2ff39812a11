//! Tables that stand in calls of operators.
//!
//! The engine looks up the tables of a statement before it plans it: those that stand in a `FROM`. A table that is an argument
//! alone is not among them. So `track_windows(object_track, …)` becomes `track_windows((SELECT * FROM object_track), …)`.

use std::ops::ControlFlow;

use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    SetExpr, TableFactor, TableFunctionArgs, VisitMut as _, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{TableFunction, table_functions};

/// A query whose calls of operators may name tables; `SessionContext::sql` knows those alone that stand in `FROM`.
///
/// # Errors
/// When the query is wrong, or a table cannot be read.
pub async fn query(context: &SessionContext, text: &str) -> Result<DataFrame> {
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    let mut statement = state.sql_to_statement(text, &dialect)?;
    make_queries(&mut statement);
    let plan = state.statement_to_plan(statement).await?;
    context.execute_logical_plan(plan).await
}

/// Makes queries of the tables in calls of operators.
pub(crate) fn make_queries(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => {
            // The visitor never breaks off.
            let _ = statement.visit(&mut Tables);
        }
        Statement::Explain(explain) => make_queries(&mut explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {}
    }
}

/// The operator of a name.
pub(super) fn function(name: &ObjectName) -> Option<&'static TableFunction> {
    let [part] = name.0.as_slice() else {
        return None;
    };
    let ident = part.as_ident()?;
    let is_called = |name: &str| match ident.quote_style {
        Some(_) => ident.value == name,
        None => ident.value.eq_ignore_ascii_case(name),
    };
    table_functions().find(|function| is_called(function.doc.name))
}

struct Tables;

impl VisitorMut for Tables {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let (name, args) = match factor {
            TableFactor::Table {
                name,
                args: Some(args),
                ..
            } => (name, &mut args.args),
            TableFactor::Function { name, args, .. } => (name, args),
            _ => return ControlFlow::Continue(()),
        };
        let tables = function(name).map_or(0, |function| function.tables);
        let unnamed = args.iter_mut().filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
            _ => None,
        });
        for value in unnamed.take(tables) {
            if let Some(query) = relation(value).and_then(all_of) {
                *value = query;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The table that an argument names, or the call of an operator that it is.
pub(super) fn relation(argument: &Ast) -> Option<TableFactor> {
    match argument {
        Ast::Identifier(name) => Some(table(vec![name.clone()], None)),
        Ast::CompoundIdentifier(name) => Some(table(name.clone(), None)),
        Ast::Function(Function {
            name,
            args: FunctionArguments::List(list),
            ..
        }) => {
            let parts = name.0.iter().map(|part| part.as_ident().cloned());
            let args = TableFunctionArgs {
                args: list.args.clone(),
                settings: None,
            };
            Some(table(parts.collect::<Option<_>>()?, Some(args)))
        }
        _ => None,
    }
}

fn all_of(relation: TableFactor) -> Option<Ast> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql("SELECT * FROM t");
    let mut query = parser.ok()?.parse_query().ok()?;
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    select.from.first_mut()?.relation = relation;
    Some(Ast::Subquery(query))
}

fn table(name: Vec<Ident>, args: Option<TableFunctionArgs>) -> TableFactor {
    TableFactor::Table {
        name: ObjectName::from(name),
        alias: None,
        args,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

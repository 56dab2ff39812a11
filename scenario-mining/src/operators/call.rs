//! Calls of operators in SQL: `FROM episodes_of(frames, max_gap_s => 0.25)`.

use std::sync::Arc;

use datafusion::common::{DFSchema, Diagnostic, ScalarValue, Span, plan_datafusion_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast::{
    Expr as Ast, FunctionArg, FunctionArgExpr, Spanned, TableFactor,
};

use super::tables::{function, relation};

/// A call of an operator: what it is called with, and what its arguments mean.
pub(crate) struct Call<'a> {
    /// The operator's name.
    pub(crate) name: &'static str,
    unnamed: Vec<Ast>,
    named: Vec<(String, Ast)>,
    planner: &'a mut dyn RelationPlannerContext,
}

/// Makes plans of calls of operators.
#[derive(Debug)]
pub(super) struct Calls;

impl RelationPlanner for Calls {
    fn plan_relation(
        &self,
        relation: TableFactor,
        planner: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (name, args, alias) = match &relation {
            TableFactor::Table {
                name,
                args: Some(args),
                alias,
                ..
            } => (name, &args.args, alias),
            TableFactor::Function {
                name, args, alias, ..
            } => (name, args, alias),
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let Some(function) = function(name) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let mut call = Call {
            name: function.doc.name,
            unnamed: Vec::new(),
            named: Vec::new(),
            planner,
        };
        call.take(args)?;
        call.unnamed.reverse();
        let plan = (function.plan)(&mut call)?;
        call.nothing_left()?;
        let planned = PlannedRelation::new(plan, alias.clone());
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

impl Call<'_> {
    fn take(&mut self, args: &[FunctionArg]) -> Result<()> {
        for arg in args {
            let (name, value) = match arg {
                FunctionArg::Named { name, arg, .. }
                | FunctionArg::ExprNamed {
                    name: Ast::Identifier(name),
                    arg,
                    ..
                } => (Some(name), arg),
                FunctionArg::Unnamed(arg) => (None, arg),
                FunctionArg::ExprNamed { .. } => return Err(self.error(arg, "expected a name")),
            };
            let FunctionArgExpr::Expr(value) = value else {
                return Err(self.error(arg, "expected a value"));
            };
            match name {
                Some(name) => {
                    let name = self.planner.normalize_ident(name.clone());
                    self.named.push((name, value.clone()));
                }
                None => self.unnamed.push(value.clone()),
            }
        }
        Ok(())
    }

    fn nothing_left(&self) -> Result<()> {
        match (self.unnamed.last(), self.named.first()) {
            (Some(value), _) => Err(self.error(value, "more arguments than it takes")),
            (None, Some((name, value))) => {
                Err(self.error(value, &format!("there is no argument `{name}`")))
            }
            (None, None) => Ok(()),
        }
    }

    /// An error that points at a part of the statement.
    pub(crate) fn error(&self, at: &(impl Spanned + ?Sized), message: &str) -> DataFusionError {
        let message = format!("{}: {message}", self.name);
        let span = Span::try_from_sqlparser_span(at.span());
        plan_datafusion_err!("{message}").with_diagnostic(Diagnostic::new_error(message, span))
    }

    /// The next argument without a name, which is a table: the name of a table, view or `WITH` query, a query in
    /// parentheses, or another operator's call.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub(crate) fn relation(&mut self, what: &str) -> Result<LogicalPlan> {
        let Some(argument) = self.unnamed.pop() else {
            let message = format!("{}: expected {what}", self.name);
            return Err(plan_datafusion_err!("{message}"));
        };
        let relation = match argument {
            Ast::Subquery(subquery) => TableFactor::Derived {
                lateral: false,
                subquery,
                alias: None,
                sample: None,
            },
            other => {
                if let Some(relation) = relation(&other) {
                    relation
                } else {
                    let message = format!("expected {what}: a table, or a query in parentheses");
                    return Err(self.error(&other, &message));
                }
            }
        };
        self.planner.plan(relation)
    }

    /// The next argument without a name, or else that of a name; `None` where neither is there.
    pub(crate) fn argument(&mut self, name: &str) -> Option<Ast> {
        self.unnamed.pop().or_else(|| self.named(name))
    }

    /// The argument of a name.
    pub(crate) fn named(&mut self, name: &str) -> Option<Ast> {
        let found = self.named.iter().position(|(given, _)| given == name)?;
        Some(self.named.remove(found).1)
    }

    /// All arguments with a name, in order.
    pub(crate) fn all_named(&mut self) -> Vec<(String, Ast)> {
        std::mem::take(&mut self.named)
    }

    /// An expression over the columns of an input.
    ///
    /// # Errors
    /// When it is wrong.
    pub(crate) fn expression(&mut self, ast: Ast, schema: &DFSchema) -> Result<Expr> {
        self.planner.sql_to_expr(ast, schema)
    }

    /// A number that does not depend on any row.
    ///
    /// # Errors
    /// When it is another thing, or not finite.
    pub(crate) fn number(&mut self, ast: Ast) -> Result<f64> {
        let wrong = self.error(&ast, &format!("expected a number, got `{ast}`"));
        let schema = DFSchema::empty();
        let Ok(expr) = self.planner.sql_to_expr(ast, &schema) else {
            return Err(wrong);
        };
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(schema))
            .build();
        let value = match ExprSimplifier::new(context).simplify(expr) {
            Ok(Expr::Literal(value, _)) => value.cast_to(&arrow::datatypes::DataType::Float64),
            _ => return Err(wrong),
        };
        match value {
            Ok(ScalarValue::Float64(Some(value))) if value.is_finite() => Ok(value),
            _ => Err(wrong),
        }
    }

    /// A number of at least zero, by name or place; the default where it is not given.
    ///
    /// # Errors
    /// When it is another thing.
    pub(crate) fn amount(&mut self, name: &str, default: Option<f64>) -> Result<f64> {
        match (self.argument(name), default) {
            (Some(ast), _) => match self.number(ast.clone())? {
                value if value >= 0.0 => Ok(value),
                _ => Err(self.error(&ast, &format!("expected {name} of at least 0"))),
            },
            (None, Some(default)) => Ok(default),
            (None, None) => Err(plan_datafusion_err!("{}: expected {name}", self.name)),
        }
    }

    /// The columns that tell the series of a drive apart: those of the argument `by` but the drive's own, or the track where
    /// there is one.
    ///
    /// # Errors
    /// When the argument is no column and no list of columns in parentheses.
    pub(crate) fn series(&mut self, schema: &DFSchema) -> Result<Vec<String>> {
        let columns = match self.named("by") {
            None => return Ok(super::key::series_by_default(schema)),
            Some(Ast::Tuple(columns)) => columns,
            Some(Ast::Nested(column)) => vec![*column],
            Some(column) => vec![column],
        };
        let name = |column: Ast| match column {
            Ast::Identifier(name) => Ok(self.planner.normalize_ident(name)),
            other => Err(self.error(&other, "expected the name of a column")),
        };
        let mut names = columns.into_iter().map(name).collect::<Result<Vec<_>>>()?;
        names.retain(|name| name != super::key::LOG_ID);
        Ok(names)
    }
}

/// Nanoseconds of a number of seconds; the longest span there is where it is longer.
pub(crate) fn nanoseconds(seconds: f64) -> i64 {
    // Conversion from float saturates.
    (seconds * 1e9).round() as i64
}

//! The driving functions of SQL: what each is, and its registration with the query engine.
//!
//! A null, NaN or infinite argument gives null; so does a situation in which the quantity is not defined, such as a time to
//! collision of two that move apart. So a time that never comes is null, not infinity: comparisons, counts and means pass
//! over it, and every output format can write it.

mod encounter;
mod lateral;
mod longitudinal;
mod map;
mod scalar;

use datafusion::prelude::SessionContext;

use crate::path;

/// What a driving function is, for help texts.
#[derive(Debug, Clone, Copy)]
pub struct FunctionDoc {
    /// Name in SQL.
    pub name: &'static str,
    /// Arguments in order, unit in the name; they can also be given by name (`gap_m(rear_x_m => 0.0, …)`).
    pub arguments: &'static [&'static str],
    /// Unit of the result; `-` where it has none.
    pub unit: &'static str,
    /// The frame that the arguments are in.
    pub frame: &'static str,
    /// The formula in words.
    pub doc: &'static str,
    /// When it is null, besides null, NaN and infinite arguments.
    pub null_when: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}

/// A function of numbers and how to evaluate it on one row.
pub(crate) struct DrivingFunction {
    doc: FunctionDoc,
    evaluate: Evaluate,
}

/// What the value of a row is computed with; `None` is a null.
#[derive(Clone, Copy)]
enum Evaluate {
    Number(fn(&[f64]) -> Option<f64>),
    Text(fn(&[f64]) -> Option<&'static str>),
}

/// One frame for all arguments, whichever it is.
const ANY_FRAME: &str = "any, one for all arguments";

fn scalars() -> impl Iterator<Item = &'static DrivingFunction> {
    let groups = [
        longitudinal::FUNCTIONS,
        lateral::FUNCTIONS,
        encounter::FUNCTIONS,
    ];
    groups.into_iter().flatten()
}

/// The driving functions, for help texts and documentation.
pub fn docs() -> impl Iterator<Item = &'static FunctionDoc> {
    let numbers = scalars().map(|function| &function.doc);
    numbers.chain(path::DOCS).chain(map::docs())
}

/// Makes the driving functions known to a session.
pub(crate) fn register(context: &SessionContext) -> datafusion::error::Result<()> {
    for function in scalars() {
        context.register_udf(scalar::udf(function)?);
    }
    map::register(context)?;
    path::register(context)
}

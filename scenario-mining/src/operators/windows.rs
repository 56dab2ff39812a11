//! `track_windows`: values of a track at earlier and later rows, and over windows of time.

mod range;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable as _, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{
    Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use self::range::{Extreme, Window, count, extreme, first, last, mean};
use super::call::{Call, nanoseconds};
use super::drives::Drives;
use super::exec::{Batches, DriveOperator};
use super::key::{Key, LOG_ID};
use super::node::{Operator, OperatorNode, Physical, QualifiedField};
use super::values;
use super::{OperatorDoc, TableFunction};

pub(super) const FUNCTION: TableFunction = TableFunction {
    doc: OperatorDoc {
        name: "track_windows",
        arguments: "table, column => function, …, by => (column, …)",
        doc: "The rows of a table, each with further columns made of other rows of its track: lag(value, rows) and \
            lead(value, rows), null where there is no such row; min, max, mean, first and last (value, from_s, to_s) over the rows \
            whose stamp lies from_s to to_s seconds after the row's own (before it where negative), both ends included, values \
            that are null or not finite passed over, null where none is left; count(value, from_s, to_s) of those that are left. \
            `by` tells other series apart than tracks.",
    },
    tables: 1,
    plan,
};

/// A column to be added.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    name: String,
    function: What,
}

/// What it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    /// The value so many rows before; after where negative.
    Lag(i64),
    /// Something of the values in a window.
    Over(Over, Window),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Min,
    Max,
    Mean,
    First,
    Last,
    Count,
}

fn plan(call: &mut Call) -> Result<LogicalPlan> {
    let input = call.relation("a table")?;
    let schema = Arc::clone(input.schema());
    let series = call.series(&schema)?;
    let (mut columns, mut exprs) = (Vec::new(), Vec::new());
    for (name, ast) in call.all_named() {
        let (function, value) = function(call, &ast)?;
        exprs.push(call.expression(value, &schema)?);
        columns.push(Column { name, function });
    }
    let operator = Arc::new(Windows { series, columns });
    OperatorNode::plan(operator, vec![input], exprs)
}

/// Reads `name(value, number, …)`.
fn function(call: &mut Call, ast: &Ast) -> Result<(What, Ast)> {
    const EXPECTED: &str = "expected lag(value, rows), lead(value, rows), or min, max, mean, first, last or count \
        (value, from_s, to_s)";
    let Some((name, mut arguments)) = parts(ast) else {
        return Err(call.error(ast, EXPECTED));
    };
    let over = match name.as_str() {
        "lag" | "lead" => None,
        "min" => Some(Over::Min),
        "max" => Some(Over::Max),
        "mean" | "avg" => Some(Over::Mean),
        "first" | "first_value" => Some(Over::First),
        "last" | "last_value" => Some(Over::Last),
        "count" => Some(Over::Count),
        _ => return Err(call.error(ast, EXPECTED)),
    };
    if arguments.len() != over.map_or(2, |_| 3) {
        return Err(call.error(ast, EXPECTED));
    }
    let value = arguments.remove(0);
    let numbers = arguments.into_iter().map(|number| call.number(number));
    let numbers: Vec<f64> = numbers.collect::<Result<_>>()?;
    let function = match (over, numbers.as_slice()) {
        (Some(over), &[from_s, to_s]) => What::Over(
            over,
            Window {
                from_ns: nanoseconds(from_s),
                to_ns: nanoseconds(to_s),
            },
        ),
        (None, &[rows]) if rows.fract() == 0.0 => {
            let rows = rows as i64;
            What::Lag(if name == "lag" {
                rows
            } else {
                rows.saturating_neg()
            })
        }
        _ => return Err(call.error(ast, EXPECTED)),
    };
    Ok((function, value))
}

/// Name and arguments of a plain function call.
fn parts(ast: &Ast) -> Option<(String, Vec<Ast>)> {
    let Ast::Function(Function {
        name,
        args: FunctionArguments::List(list),
        over: None,
        filter: None,
        ..
    }) = ast
    else {
        return None;
    };
    let [part] = name.0.as_slice() else {
        return None;
    };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    });
    let name = part.as_ident()?.value.to_lowercase();
    Some((name, arguments.collect::<Option<_>>()?))
}

/// The logical side.
#[derive(Debug)]
struct Windows {
    series: Vec<String>,
    columns: Vec<Column>,
}

impl Operator for Windows {
    fn text(&self) -> String {
        let columns = self.columns.iter().map(|column| match column.function {
            What::Lag(rows) => format!("{}=lag {rows}", column.name),
            What::Over(over, Window { from_ns, to_ns }) => {
                format!("{}={over:?} {from_ns}..{to_ns} ns", column.name)
            }
        });
        let columns: Vec<_> = columns.collect();
        format!(
            "track_windows by ({}) {}",
            self.series.join(", "),
            columns.join(", ")
        )
    }

    fn series(&self, _: usize) -> &[String] {
        &self.series
    }

    fn output(&self, inputs: &[&DFSchema], exprs: &[Expr]) -> Result<Vec<QualifiedField>> {
        let mut fields: Vec<QualifiedField> = inputs[0]
            .iter()
            .map(|(table, field)| (table.cloned(), Arc::clone(field)))
            .collect();
        for (column, expr) in self.columns.iter().zip(exprs) {
            let data_type = match column.function {
                What::Lag(_) => expr.get_type(inputs[0])?,
                What::Over(Over::Count, _) => DataType::Int64,
                What::Over(..) => DataType::Float64,
            };
            fields.push((None, Arc::new(Field::new(&column.name, data_type, true))));
        }
        Ok(fields)
    }

    fn needed(&self, outputs: &[usize], inputs: &[&DFSchema]) -> Vec<Vec<usize>> {
        let own = inputs[0].fields().len();
        let of_input = outputs.iter().copied().filter(|&output| output < own);
        vec![of_input.collect()]
    }

    fn filters_pass(&self) -> Vec<String> {
        let log = [LOG_ID.to_owned()].into_iter();
        log.chain(self.series.iter().cloned()).collect()
    }

    fn physical(
        &self,
        keys: &[Key],
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        _: &[SchemaRef],
        schema: SchemaRef,
    ) -> Result<Physical> {
        Ok(Physical::One(Arc::new(DriveWindows {
            text: self.text(),
            key: keys[0].clone(),
            functions: self.columns.iter().map(|column| column.function).collect(),
            exprs,
            schema,
        })))
    }
}

/// The physical side.
#[derive(Debug)]
struct DriveWindows {
    text: String,
    key: Key,
    functions: Vec<What>,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
}

impl DriveOperator for DriveWindows {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn keeps_rows(&self) -> bool {
        true
    }

    fn run(&self, drives: Drives) -> Result<Batches> {
        let mut columns = drives.rows.columns().to_vec();
        let mut lags: Vec<(i64, UInt32Array)> = Vec::new();
        for (function, expr) in self.functions.iter().zip(&self.exprs) {
            columns.push(match function {
                What::Lag(rows) => {
                    if !lags.iter().any(|(known, _)| known == rows) {
                        lags.push((*rows, lagged(&drives, *rows)));
                    }
                    let values = values::array(expr, &drives.rows)?;
                    let from = lags.iter().find(|(known, _)| known == rows);
                    let from = from.map(|(_, from)| take(&values, from, None));
                    from.transpose()?.unwrap_or(values)
                }
                What::Over(over, window) => self.over(&drives, *over, window, expr)?,
            });
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(Box::new(std::iter::once(Ok(batch))))
    }
}

impl DriveWindows {
    fn over(
        &self,
        drives: &Drives,
        over: Over,
        window: &Window,
        expr: &Arc<dyn PhysicalExpr>,
    ) -> Result<ArrayRef> {
        let stamps = self.key.stamps(&drives.rows)?.values();
        let values = values::numbers(expr, &drives.rows)?;
        if over == Over::Count {
            let mut counts = Vec::with_capacity(values.len());
            for one in &drives.series {
                count(
                    &stamps[one.clone()],
                    &values[one.clone()],
                    window,
                    &mut counts,
                );
            }
            return Ok(Arc::new(Int64Array::from(counts)));
        }
        let mut made = Vec::with_capacity(values.len());
        for one in &drives.series {
            let (stamps, values) = (&stamps[one.clone()], &values[one.clone()]);
            match over {
                Over::Min => extreme(stamps, values, window, Extreme::Least, &mut made),
                Over::Max => extreme(stamps, values, window, Extreme::Greatest, &mut made),
                Over::Mean => mean(stamps, values, window, &mut made),
                Over::First => first(stamps, values, window, &mut made),
                Over::Last | Over::Count => last(stamps, values, window, &mut made),
            }
        }
        Ok(values::column(made))
    }
}

/// For each row the row of its series that is so many before; null where there is none.
fn lagged(drives: &Drives, rows: i64) -> UInt32Array {
    let count = drives.rows.num_rows();
    let mut from: Vec<u32> = Vec::with_capacity(count);
    let mut valid = arrow::array::BooleanBufferBuilder::new(count);
    for one in &drives.series {
        let length = one.len();
        let without = usize::try_from(rows.unsigned_abs())
            .unwrap_or(length)
            .min(length);
        let with = length - without;
        let (start, end) = (one.start as u32, one.end as u32);
        if rows >= 0 {
            from.extend(std::iter::repeat_n(0, without));
            from.extend(start..start + with as u32);
            valid.append_n(without, false);
            valid.append_n(with, true);
        } else {
            from.extend(end - with as u32..end);
            from.extend(std::iter::repeat_n(0, without));
            valid.append_n(with, true);
            valid.append_n(without, false);
        }
    }
    let valid: BooleanBuffer = valid.finish();
    UInt32Array::new(from.into(), Some(NullBuffer::new(valid)))
}

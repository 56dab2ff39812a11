//! `followed_by`: what happens within a time after something else.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{Expr as Ast, Value};

use super::beside::{fields, kept, needed};
use super::call::{Call, nanoseconds};
use super::drives::Drives;
use super::exec::Batches;
use super::key::Key;
use super::node::{Operator, OperatorNode, Physical, QualifiedField};
use super::pair_exec::DrivePairOperator;
use super::{OperatorDoc, TableFunction};

pub(super) const FUNCTION: TableFunction = TableFunction {
    doc: OperatorDoc {
        name: "followed_by",
        arguments: "table, then, within_s, keep => 'all' | 'first', by => (column, …)",
        doc: "Each row of a table with each row of another in its drive that is at most within_s later and not earlier, or with \
            the first of these alone; rows that nothing follows are left out. A column that both have is `other_…` in the \
            second. `by` tells the series of the first apart.",
    },
    tables: 2,
    plan,
};

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

fn plan(call: &mut Call) -> Result<LogicalPlan> {
    let first = call.relation("a table")?;
    let then = call.relation("a second table")?;
    let series = call.series(first.schema())?;
    let within_s = call.amount("within_s", None)?;
    let keep = match call.named("keep") {
        None => Keep::All,
        Some(ast) => {
            keep(&ast).ok_or_else(|| call.error(&ast, "expected keep as 'all' or 'first'"))?
        }
    };
    let operator = Arc::new(Followed {
        series: [series, Vec::new()],
        within_ns: nanoseconds(within_s),
        keep,
    });
    OperatorNode::plan(operator, vec![first, then], Vec::new())
}

/// Which of the rows that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    First,
}

fn keep(ast: &Ast) -> Option<Keep> {
    let Ast::Value(value) = ast else { return None };
    match &value.value {
        Value::SingleQuotedString(text) if text == "all" => Some(Keep::All),
        Value::SingleQuotedString(text) if text == "first" => Some(Keep::First),
        _ => None,
    }
}

/// The logical side.
#[derive(Debug)]
struct Followed {
    series: [Vec<String>; 2],
    within_ns: i64,
    keep: Keep,
}

impl Operator for Followed {
    fn text(&self) -> String {
        let series = self.series[0].join(", ");
        format!(
            "followed_by {:?} within {} ns by ({series})",
            self.keep, self.within_ns
        )
    }

    fn series(&self, input: usize) -> &[String] {
        &self.series[input.min(1)]
    }

    fn output(&self, inputs: &[&DFSchema], _: &[Expr]) -> Result<Vec<QualifiedField>> {
        fields(inputs, false, FUNCTION.doc.name)
    }

    fn needed(&self, outputs: &[usize], inputs: &[&DFSchema]) -> Vec<Vec<usize>> {
        needed(outputs, inputs)
    }

    fn physical(
        &self,
        keys: &[Key],
        _: Vec<Arc<dyn PhysicalExpr>>,
        inputs: &[SchemaRef],
        schema: SchemaRef,
    ) -> Result<Physical> {
        Ok(Physical::Two(Arc::new(DriveFollowed {
            text: self.text(),
            keys: [keys[0].clone(), keys[1].clone()],
            within_ns: self.within_ns,
            keep: self.keep,
            kept: kept(&inputs[1]),
            schema,
        })))
    }
}

/// The physical side.
#[derive(Debug)]
struct DriveFollowed {
    text: String,
    keys: [Key; 2],
    within_ns: i64,
    keep: Keep,
    /// Columns of the second input in the result.
    kept: Vec<usize>,
    schema: SchemaRef,
}

impl DrivePairOperator for DriveFollowed {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn run(&self, first: Drives, second: Drives) -> Result<Batches> {
        let stamps = self.keys[0].stamps(&first.rows)?.values().clone();
        let then = self.keys[1].stamps(&second.rows)?.values().clone();
        let mut search = Search {
            row: 0,
            done: 0,
            within_ns: self.within_ns,
            keep: self.keep,
        };
        let (schema, columns) = (Arc::clone(&self.schema), self.kept.clone());
        Ok(Box::new(std::iter::from_fn(move || {
            let (left, right) = search.next(&stamps, &then, BATCH_ROWS)?;
            let (left, right) = (UInt32Array::from(left), UInt32Array::from(right));
            Some(beside(
                &first.rows,
                &left,
                &second.rows,
                &right,
                &columns,
                &schema,
            ))
        })))
    }
}

fn beside(
    first: &RecordBatch,
    left: &UInt32Array,
    second: &RecordBatch,
    right: &UInt32Array,
    columns: &[usize],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let of_first = first
        .columns()
        .iter()
        .map(|column| take(column, left, None));
    let of_second = columns
        .iter()
        .map(|&column| take(second.column(column), right, None));
    let columns = of_first.chain(of_second).collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Where the search is: it stops where it has enough rows.
struct Search {
    row: usize,
    /// Rows that follow the present one and are handed out.
    done: usize,
    within_ns: i64,
    keep: Keep,
}

impl Search {
    /// The next pairs of rows, so many at most; `None` after the last.
    fn next(&mut self, stamps: &[i64], then: &[i64], most: usize) -> Option<(Vec<u32>, Vec<u32>)> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        while let Some(&stamp_ns) = stamps.get(self.row)
            && left.len() < most
        {
            let follow = self.follow(stamp_ns, then);
            let from = follow.start + self.done;
            let to = follow.end.min(from + most - left.len());
            left.extend(std::iter::repeat_n(self.row as u32, to - from));
            right.extend(from as u32..to as u32);
            self.done += to - from;
            if to == follow.end {
                (self.row, self.done) = (self.row + 1, 0);
            }
        }
        (!left.is_empty()).then_some((left, right))
    }

    /// The rows that follow a stamp.
    fn follow(&self, stamp_ns: i64, then: &[i64]) -> Range<usize> {
        let until_ns = stamp_ns.saturating_add(self.within_ns);
        let from = then.partition_point(|&other_ns| other_ns < stamp_ns);
        let to = then
            .partition_point(|&other_ns| other_ns <= until_ns)
            .max(from);
        match self.keep {
            Keep::All => from..to,
            Keep::First => from..to.min(from + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(stamps: &[i64], then: &[i64], keep: Keep, most: usize) -> Vec<(u32, u32)> {
        let mut search = Search {
            row: 0,
            done: 0,
            within_ns: 10,
            keep,
        };
        let mut found = Vec::new();
        while let Some((left, right)) = search.next(stamps, then, most) {
            assert!(left.len() <= most);
            found.extend(left.into_iter().zip(right));
        }
        found
    }

    #[test]
    fn all_that_follow_or_the_first_in_batches_of_any_size() {
        let (stamps, then) = ([0, 5, 100, 50], [5, 5, 10, 15, 60, 61]);
        let all = [
            (0, 0),
            (0, 1),
            (0, 2),
            (1, 0),
            (1, 1),
            (1, 2),
            (1, 3),
            (3, 4),
        ];
        for most in 1..10 {
            assert_eq!(pairs(&stamps, &then, Keep::All, most), all);
            assert_eq!(
                pairs(&stamps, &then, Keep::First, most),
                [(0, 0), (1, 0), (3, 4)]
            );
        }
        assert_eq!(pairs(&stamps, &[], Keep::All, 3), []);
        assert_eq!(pairs(&[], &then, Keep::All, 3), []);
    }
}

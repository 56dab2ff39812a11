//! `asof_join`: the last value of a signal at each row.

use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;

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
        name: "asof_join",
        arguments: "table, signal, tolerance_s => seconds, by => (column, …)",
        doc: "Each row of a table with the columns of the last row of the signal in its drive that is not later, and at most \
            tolerance_s older; null where there is none. With `tolerance_s => 0` it joins what has the same stamp. A column that both have is `other_…` in the signal. `by` tells the \
            series of the table apart.",
    },
    tables: 2,
    plan,
};

fn plan(call: &mut Call) -> Result<LogicalPlan> {
    let rows = call.relation("a table")?;
    let signal = call.relation("a signal as the second table")?;
    let series = call.series(rows.schema())?;
    let tolerance_s = call.amount("tolerance_s", Some(f64::MAX))?;
    let operator = Arc::new(AsOf {
        series: [series, Vec::new()],
        tolerance_ns: nanoseconds(tolerance_s),
    });
    OperatorNode::plan(operator, vec![rows, signal], Vec::new())
}

/// The logical side.
#[derive(Debug)]
struct AsOf {
    series: [Vec<String>; 2],
    tolerance_ns: i64,
}

impl Operator for AsOf {
    fn text(&self) -> String {
        let series = self.series[0].join(", ");
        match self.tolerance_ns {
            i64::MAX => format!("asof_join by ({series})"),
            tolerance_ns => format!("asof_join within {tolerance_ns} ns by ({series})"),
        }
    }

    fn series(&self, input: usize) -> &[String] {
        &self.series[input.min(1)]
    }

    fn output(&self, inputs: &[&DFSchema], _: &[Expr]) -> Result<Vec<QualifiedField>> {
        fields(inputs, true, FUNCTION.doc.name)
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
        Ok(Physical::Two(Arc::new(DriveAsOf {
            text: self.text(),
            keys: [keys[0].clone(), keys[1].clone()],
            tolerance_ns: self.tolerance_ns,
            kept: kept(&inputs[1]),
            schema,
        })))
    }
}

/// The physical side.
#[derive(Debug)]
struct DriveAsOf {
    text: String,
    keys: [Key; 2],
    tolerance_ns: i64,
    /// Columns of the signal in the result.
    kept: Vec<usize>,
    schema: SchemaRef,
}

impl DrivePairOperator for DriveAsOf {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn run(&self, first: Drives, second: Drives) -> Result<Batches> {
        let stamps = self.keys[0].stamps(&first.rows)?.values();
        let signal = self.keys[1].stamps(&second.rows)?.values();
        let mut partners: Vec<Option<u32>> = Vec::with_capacity(stamps.len());
        for one in &first.series {
            last_before(
                &stamps[one.clone()],
                signal,
                self.tolerance_ns,
                &mut partners,
            );
        }
        let partners = UInt32Array::from(partners);
        let mut columns = first.rows.columns().to_vec();
        for &column in &self.kept {
            columns.push(take(second.rows.column(column), &partners, None)?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(Box::new(std::iter::once(Ok(batch))))
    }
}

/// For each of some ascending stamps the last row of a signal that is not later, nor older than the tolerance.
fn last_before(stamps: &[i64], signal: &[i64], tolerance_ns: i64, out: &mut Vec<Option<u32>>) {
    let mut until = 0;
    out.extend(stamps.iter().map(|stamp_ns| {
        until += signal[until..].partition_point(|other_ns| other_ns <= stamp_ns);
        let last = until.checked_sub(1)?;
        let age_ns = stamp_ns.saturating_sub(signal[last]);
        (age_ns <= tolerance_ns).then_some(last as u32)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_is_not_later_counts() {
        let check = |stamps: &[i64], signal: &[i64], tolerance_ns, expected: &[Option<u32>]| {
            let mut found = Vec::new();
            last_before(stamps, signal, tolerance_ns, &mut found);
            assert_eq!(found, expected, "{stamps:?} {signal:?}");
        };
        check(
            &[5, 10, 11, 30],
            &[10, 10, 20],
            100,
            &[None, Some(1), Some(1), Some(2)],
        );
        check(&[10, 15, 16], &[10], 5, &[Some(0), Some(0), None]);
        check(&[1, 2], &[], 5, &[None, None]);
        check(&[], &[1], 5, &[]);
        check(&[i64::MAX], &[i64::MIN], i64::MAX, &[Some(0)]);
    }
}

//! `pairs_within`: actors that are near each other at the same stamp.

mod near;

use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{Expr as Ast, Ident};

use self::near::{Near, Places};
use super::call::Call;
use super::drives::Drives;
use super::exec::{Batches, DriveOperator};
use super::key::{Key, LOG_ID, STAMP_NS};
use super::node::{Operator, OperatorNode, Physical, QualifiedField};
use super::values;
use super::{OperatorDoc, TableFunction};

pub(super) const FUNCTION: TableFunction = TableFunction {
    doc: OperatorDoc {
        name: "pairs_within",
        arguments: "table, distance_max_m, x => x_m, y => y_m, first => condition, other => condition, by => (column, …)",
        doc: "Pairs of rows of one drive and stamp, of different tracks, whose places are at most so far apart: the columns of the \
            first, those of the other as `other_…` (drive and stamp once), and `distance_m`. Each pair is there both ways, \
            unless `first` and `other` say which rows may be which. Rows without a finite place are in no pair.",
    },
    tables: 1,
    plan,
};

/// Rows of a batch of pairs, and a few more where the last row has many.
const BATCH_PAIRS: usize = 8192;

fn plan(call: &mut Call) -> Result<LogicalPlan> {
    let input = call.relation("a table")?;
    let schema = Arc::clone(input.schema());
    let distance_max_m = call.amount("distance_max_m", None)?;
    let series = call.series(&schema)?;
    let mut exprs = Vec::new();
    for (name, default) in [("x", "x_m"), ("y", "y_m")] {
        let default = || Ast::Identifier(Ident::new(default));
        let ast = call.named(name).unwrap_or_else(default);
        exprs.push(call.expression(ast, &schema)?);
    }
    let mut roles = [false; 2];
    for (has_role, name) in roles.iter_mut().zip(["first", "other"]) {
        if let Some(ast) = call.named(name) {
            *has_role = true;
            exprs.push(call.expression(ast, &schema)?);
        }
    }
    let operator = Arc::new(Pairs {
        distance_max_m,
        series,
        roles,
    });
    OperatorNode::plan(operator, vec![input], exprs)
}

/// The logical side. Expressions are x, y, and the conditions of those roles that have one.
#[derive(Debug)]
struct Pairs {
    distance_max_m: f64,
    series: Vec<String>,
    roles: [bool; 2],
}

/// The columns that a pair has twice.
fn own(schema: &DFSchema) -> impl Iterator<Item = usize> + '_ {
    let fields = schema.fields().iter().enumerate();
    let own = fields.filter(|(_, field)| field.name() != LOG_ID && field.name() != STAMP_NS);
    own.map(|(index, _)| index)
}

impl Operator for Pairs {
    fn text(&self) -> String {
        let series = self.series.join(", ");
        format!(
            "pairs_within {} m by ({series}) roles {:?}",
            self.distance_max_m, self.roles
        )
    }

    fn series(&self, _: usize) -> &[String] {
        &self.series
    }

    fn output(&self, inputs: &[&DFSchema], _: &[Expr]) -> Result<Vec<QualifiedField>> {
        let schema = inputs[0];
        let mut fields: Vec<QualifiedField> = schema
            .iter()
            .map(|(table, field)| (table.cloned(), Arc::clone(field)))
            .collect();
        fields.extend(own(schema).map(|index| {
            let field = schema.field(index);
            let name = format!("other_{}", field.name());
            (None, Arc::new(field.as_ref().clone().with_name(name)))
        }));
        let distance = Field::new("distance_m", DataType::Float64, false);
        fields.push((None, Arc::new(distance)));
        Ok(fields)
    }

    fn needed(&self, outputs: &[usize], inputs: &[&DFSchema]) -> Vec<Vec<usize>> {
        let count = inputs[0].fields().len();
        let own: Vec<usize> = own(inputs[0]).collect();
        let needed = outputs.iter().filter_map(|&output| match output {
            output if output < count => Some(output),
            output => own.get(output - count).copied(),
        });
        vec![needed.collect()]
    }

    fn filters_pass(&self) -> Vec<String> {
        vec![LOG_ID.to_owned(), STAMP_NS.to_owned()]
    }

    fn physical(
        &self,
        keys: &[Key],
        mut exprs: Vec<Arc<dyn PhysicalExpr>>,
        inputs: &[SchemaRef],
        schema: SchemaRef,
    ) -> Result<Physical> {
        let mut roles = exprs.split_off(2).into_iter();
        let roles = self.roles.map(|has| has.then(|| roles.next()).flatten());
        let names = inputs[0].fields().iter().enumerate();
        let own = names.filter(|(_, field)| field.name() != LOG_ID && field.name() != STAMP_NS);
        Ok(Physical::One(Arc::new(DrivePairs {
            text: self.text(),
            key: keys[0].clone(),
            distance_max_m: self.distance_max_m,
            place: exprs,
            roles,
            own: own.map(|(index, _)| index).collect(),
            schema,
        })))
    }
}

/// The physical side.
#[derive(Debug)]
struct DrivePairs {
    text: String,
    key: Key,
    distance_max_m: f64,
    place: Vec<Arc<dyn PhysicalExpr>>,
    roles: [Option<Arc<dyn PhysicalExpr>>; 2],
    /// The columns that a pair has twice.
    own: Vec<usize>,
    schema: SchemaRef,
}

impl DriveOperator for DrivePairs {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn run(&self, drives: Drives) -> Result<Batches> {
        let rows = &drives.rows;
        let role = |role: &Option<Arc<dyn PhysicalExpr>>| match role {
            Some(condition) => values::flags(condition, rows),
            None => Ok(BooleanBuffer::new_set(rows.num_rows())),
        };
        let places = Places {
            stamps: self.key.stamps(rows)?.values().to_vec(),
            x_m: values::numbers(&self.place[0], rows)?,
            y_m: values::numbers(&self.place[1], rows)?,
            is_first: role(&self.roles[0])?,
            is_other: role(&self.roles[1])?,
        };
        let rows = drives.rows.clone();
        let mut near = Near::new(places, &drives, self.distance_max_m);
        let (own, schema) = (self.own.clone(), Arc::clone(&self.schema));
        Ok(Box::new(std::iter::from_fn(move || {
            let pairs = near.next(BATCH_PAIRS)?;
            Some(batch(&rows, &own, pairs, &schema))
        })))
    }
}

fn batch(
    rows: &RecordBatch,
    own: &[usize],
    pairs: near::Pairs,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let (first, other) = (
        UInt32Array::from(pairs.first),
        UInt32Array::from(pairs.other),
    );
    let mut columns = Vec::with_capacity(schema.fields().len());
    for column in rows.columns() {
        columns.push(take(column, &first, None)?);
    }
    for &column in own {
        columns.push(take(rows.column(column), &other, None)?);
    }
    columns.push(values::column(pairs.distance_m));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

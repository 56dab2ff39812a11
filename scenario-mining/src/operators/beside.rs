//! The columns of two inputs beside each other.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;

use super::key::{LOG_ID, column};
use super::node::QualifiedField;

/// The columns of the first input, and those of the second without its `log_id`. One whose name the first has too is called
/// `other_…`.
pub(super) fn fields(
    inputs: &[&DFSchema],
    second_is_nullable: bool,
    operator: &str,
) -> Result<Vec<QualifiedField>> {
    let [first, second] = inputs else {
        return plan_err!("{operator}: expected two tables");
    };
    let types = [first, second].map(|input| {
        let index = column(input, LOG_ID, operator)?;
        Ok::<_, datafusion::error::DataFusionError>(input.field(index).data_type().clone())
    });
    let [one, two] = types;
    let (one, two) = (one?, two?);
    if one != two {
        return plan_err!(
            "{operator}: {LOG_ID} is {one} in the first table and {two} in the second"
        );
    }
    let mut fields: Vec<QualifiedField> = first
        .iter()
        .map(|(table, field)| (table.cloned(), Arc::clone(field)))
        .collect();
    for field in second.fields() {
        if field.name() == LOG_ID {
            continue;
        }
        let is_taken = first.fields().iter().any(|one| one.name() == field.name());
        let name = if is_taken {
            format!("other_{}", field.name())
        } else {
            field.name().clone()
        };
        let nullable = field.is_nullable() || second_is_nullable;
        let field = field
            .as_ref()
            .clone()
            .with_name(name)
            .with_nullable(nullable);
        fields.push((None, Arc::new(field)));
    }
    Ok(fields)
}

/// The columns of each input that some columns of the result are.
pub(super) fn needed(outputs: &[usize], inputs: &[&DFSchema]) -> Vec<Vec<usize>> {
    let own = inputs[0].fields().len();
    let second: Vec<usize> = inputs.get(1).map_or_else(Vec::new, |schema| {
        let fields = schema.fields().iter().enumerate();
        let kept = fields.filter(|(_, field)| field.name() != LOG_ID);
        kept.map(|(index, _)| index).collect()
    });
    let (of_first, of_second): (Vec<usize>, Vec<usize>) =
        outputs.iter().partition(|&&output| output < own);
    let of_second = of_second
        .iter()
        .filter_map(|output| second.get(output - own));
    vec![of_first, of_second.copied().collect()]
}

/// The columns of the second input that the result has.
pub(super) fn kept(second: &SchemaRef) -> Vec<usize> {
    let fields = second.fields().iter().enumerate();
    let kept = fields.filter(|(_, field)| field.name() != LOG_ID);
    kept.map(|(index, _)| index).collect()
}

//! Whether the candidate, or a model that its training goes back to, saw drives of the suite.
//!
//! A model that was trained or chosen on a drive knows it by heart, and weights that another training starts from hand that on. Drives are
//! compared by name and by the digest of their log, so that a copy under another name is the same drive.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::Checkpoint;

use crate::error::{Error, Result};

/// Models that a training goes back to at most: a bound on a chain that somebody wrote in a circle.
const ANCESTORS_MAX: usize = 1_000;

/// Refuses a suite of which a model, or one that its training goes back to, saw a drive in training or validation.
///
/// # Errors
/// [`Error::SuiteSeen`] with the model, the dataset and a drive; [`Error::AncestorUnknown`] where the chain has a gap; otherwise when the
/// lake fails.
pub async fn check_suite_unseen(lake: &Lake, model_id: &str, suite: &str) -> Result<()> {
    let held_out = drives(lake, suite, "split = 'test'").await?;
    for (model, depth) in lineage(lake, model_id).await? {
        let seen = drives(lake, &model.dataset, "split <> 'test'").await?;
        let both: BTreeSet<&String> = held_out.shared_with(&seen).collect();
        let Some(example) = both.first() else {
            continue;
        };
        return Err(Error::SuiteSeen {
            drives: both.len(),
            example: (*example).clone(),
            relation: match depth {
                0 => "it is the model itself".to_owned(),
                _ => format!("the training of `{model_id}` goes back to it"),
            },
            model: model.model_id,
            dataset: model.dataset,
        });
    }
    Ok(())
}

/// A model and those that its training goes back to, with the number of steps; nothing for one without weights.
async fn lineage(lake: &Lake, model_id: &str) -> Result<Vec<(Checkpoint, usize)>> {
    let mut models: BTreeMap<String, Checkpoint> = lake
        .read::<Checkpoint>(None)
        .await?
        .into_iter()
        .map(|model| (model.model_id.clone(), model))
        .collect();
    let mut chain = Vec::new();
    let mut next = models.remove(model_id);
    while let Some(model) = next {
        let ancestor = model.started_from.clone();
        let (name, depth) = (model.model_id.clone(), chain.len());
        chain.push((model, depth));
        let Some(ancestor) = ancestor else { break };
        next = models.remove(&ancestor);
        if next.is_none() || depth >= ANCESTORS_MAX {
            let model = name;
            return Err(Error::AncestorUnknown { model, ancestor });
        }
    }
    Ok(chain)
}

/// Recorded drives behind samples, by name, with the digest of their log.
struct Drives(BTreeMap<String, Option<String>>);

impl Drives {
    /// The names of those that the others have too, by name or by log.
    fn shared_with<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = &'a String> {
        let logs: BTreeSet<&String> = others.0.values().flatten().collect();
        let is_shared = move |(name, log): &(&String, &Option<String>)| {
            others.0.contains_key(*name) || log.as_ref().is_some_and(|log| logs.contains(log))
        };
        self.0.iter().filter(is_shared).map(|(name, _)| name)
    }
}

async fn drives(lake: &Lake, dataset: &str, condition: &str) -> Result<Drives> {
    let sql = format!(
        "SELECT DISTINCT s.host_log_id, d.source_digest FROM with_composed.sample s LEFT JOIN drive d ON d.log_id = s.host_log_id \
         WHERE s.dataset = {} AND s.{condition}",
        sql_literal(dataset)
    );
    let mut drives = BTreeMap::new();
    for batch in lake.query(&sql).await? {
        let text = |at: usize| {
            cast(batch.column(at), &DataType::Utf8).map_err(|error| Error::Render {
                part: "drives of the suite",
                message: error.to_string(),
            })
        };
        let (names, logs) = (text(0)?, text(1)?);
        let (names, logs) = (names.as_string::<i32>(), logs.as_string::<i32>());
        for row in 0..names.len() {
            let log = logs.is_valid(row).then(|| logs.value(row).to_owned());
            drives.insert(names.value(row).to_owned(), log);
        }
    }
    Ok(Drives(drives))
}

//! `driveloop lake remove`: drives, with all that was made of them.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use driveloop_lake::{Commit, Lake, Removal, sql_literal};
use driveloop_schemas::{Checkpoint, Drive};

use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// What to remove.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The drives, as `drive.log_id` has them.
    #[arg(required = true, value_name = "DRIVE")]
    drives: Vec<String>,
}

pub(crate) async fn remove(context: &Context, args: &RemoveArgs) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let asked: BTreeSet<String> = args.drives.iter().cloned().collect();
    let copies = copies(&lake, &asked).await?;
    let commit = Commit::new("remove", run_id("remove"));
    let removal = lake.remove_drives(&asked, &commit).await?;
    let unknown: Vec<_> = asked.difference(&removal.drives).cloned().collect();
    anyhow::ensure!(
        unknown.len() < asked.len(),
        "the lake has no drive `{}`: `SELECT log_id FROM with_composed.drive` lists them",
        unknown.join("`, `")
    );
    let mut sheet = Sheet::new(&["table", "rows"]);
    for (table, rows) in &removal.rows {
        sheet.row([table.as_str().into(), (*rows as i64).into()]);
    }
    render::sheet(context.format, sheet)?;
    for log_id in &unknown {
        eprintln!("the lake has no drive `{log_id}`");
    }
    for line in lines(&removal, &copies, &models(&lake, &removal).await?) {
        eprintln!("{line}");
    }
    Ok(if unknown.is_empty() {
        Exit::Done
    } else {
        Exit::WithLoss
    })
}

/// Drives that were read from the same bytes and are left.
async fn copies(lake: &Lake, asked: &BTreeSet<String>) -> Result<Vec<String>> {
    let names: Vec<_> = asked.iter().map(|name| sql_literal(name)).collect();
    let names = names.join(", ");
    let filter = format!(
        "log_id NOT IN ({names}) AND NOT composed AND source_digest IN \
         (SELECT source_digest FROM drive WHERE log_id IN ({names}) AND source_digest <> '')"
    );
    let drives = lake.read::<Drive>(Some(&filter)).await?;
    Ok(drives
        .into_iter()
        .map(|drive| drive.log_id.to_string())
        .collect())
}

/// The models that learned from, or were chosen by, a dataset that lost samples.
async fn models(lake: &Lake, removal: &Removal) -> Result<Vec<String>> {
    if removal.samples.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = removal
        .samples
        .keys()
        .map(|name| sql_literal(name))
        .collect();
    let filter = format!("dataset IN ({})", names.join(", "));
    let models = lake.read::<Checkpoint>(Some(&filter)).await?;
    let models: BTreeSet<String> = models
        .into_iter()
        .map(|model| model.model_id.clone())
        .collect();
    Ok(models.into_iter().collect())
}

/// What is to be known of a removal besides its rows.
fn lines(removal: &Removal, copies: &[String], models: &[String]) -> Vec<String> {
    let rows: u64 = removal.rows.values().sum();
    let mut lines = vec![format!(
        "{} removed, with {} composed of it: {}",
        count(removal.drives.len(), "drive"),
        count(removal.composed.len(), "item"),
        count(rows, "row"),
    )];
    for (dataset, samples) in &removal.samples {
        lines.push(format!(
            "dataset `{dataset}` lost {}: it is no longer what its digest names",
            count(*samples, "sample")
        ));
    }
    for model in models {
        lines.push(format!(
            "model `{model}` is of a dataset that held it, and is left as it is"
        ));
    }
    for copy in copies {
        lines.push(format!(
            "drive `{copy}` was read from the same bytes, and is left"
        ));
    }
    lines.push(
        "earlier versions of the tables and the media are there until `driveloop lake vacuum --retention-hours 0 --delete`"
            .to_owned(),
    );
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_a_removal_touches_is_named() {
        let removal = Removal {
            drives: BTreeSet::from(["a".to_owned()]),
            composed: BTreeSet::from(["3f9a".to_owned(), "77aa".to_owned()]),
            rows: BTreeMap::from([("drive".to_owned(), 2), ("ego_state".to_owned(), 5)]),
            samples: BTreeMap::from([("first".to_owned(), 4)]),
        };
        let lines = lines(&removal, &["b".to_owned()], &["m".to_owned()]);
        assert_eq!(
            lines[..4],
            [
                "1 drive removed, with 2 items composed of it: 7 rows",
                "dataset `first` lost 4 samples: it is no longer what its digest names",
                "model `m` is of a dataset that held it, and is left as it is",
                "drive `b` was read from the same bytes, and is left",
            ]
        );
        assert!(lines[4].contains("vacuum"), "{lines:?}");
    }
}

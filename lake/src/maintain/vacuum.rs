//! Removing what nobody reads.

use std::collections::BTreeSet;
use std::time::Duration;

use driveloop_schemas::{CameraFrame, LidarSweep, Row as _, TABLES, TableSpec};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use super::REQUESTS_MAX;
use crate::delta::table_path;
use crate::error::{Error, Result};
use crate::lake::Lake;

/// Whether objects are deleted, or only named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VacuumMode {
    /// Says what would be deleted.
    DryRun,
    /// Deletes it.
    Delete,
}

/// An object that nobody reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// Path in the store, from its root.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

impl Lake {
    /// Finds, and deletes where the mode says so, the data files that no version younger than the retention names, and the media
    /// packs that no row names. Objects younger than the retention are kept: somebody may be about to commit them.
    /// Versions older than the retention can no longer be read afterwards; their lineage can.
    ///
    /// # Errors
    /// When a table or the store fails; what was deleted until then is gone.
    pub async fn vacuum(
        &self,
        retention: Duration,
        now_ns: i64,
        mode: VacuumMode,
    ) -> Result<Vec<Vacuumed>> {
        let retention_ns = i64::try_from(retention.as_nanos()).unwrap_or(i64::MAX);
        let before_ns = now_ns.saturating_sub(retention_ns);
        let mut found = Vec::new();
        for spec in TABLES {
            let named = self.named_files(spec, before_ns).await?;
            found.extend(self.unnamed(&table_path(spec.name), &named).await?);
        }
        let packs = self.named_packs().await?;
        found.extend(self.unnamed("media", &packs).await?);
        found.retain(|object| object.last_modified.timestamp_nanos_opt() < Some(before_ns));
        if mode == VacuumMode::Delete {
            self.delete(&found).await?;
        }
        let mut vacuumed: Vec<_> = found
            .into_iter()
            .map(|object| Vacuumed {
                path: object.location.to_string(),
                size: object.size,
            })
            .collect();
        vacuumed.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(vacuumed)
    }

    /// The data files that a table names, and those that it named after a point in time. A table without a log names none.
    async fn named_files(&self, spec: &'static TableSpec, after_ns: i64) -> Result<BTreeSet<Path>> {
        let Some(table) = self.table(spec.name).await? else {
            return Ok(BTreeSet::new());
        };
        let fail = Self::fail(spec.name);
        let snapshot = table.snapshot().map_err(&fail)?;
        let mut named: BTreeSet<Path> = snapshot
            .log_data()
            .iter()
            .map(|file| self.data_file(spec.name, &file.object_store_path()))
            .collect();
        let log_store = table.log_store();
        let mut removed = snapshot.all_tombstones(&log_store);
        while let Some(file) = removed.try_next().await.map_err(&fail)? {
            let removed_ns = file
                .deletion_timestamp()
                .unwrap_or(0)
                .saturating_mul(1_000_000);
            if removed_ns >= after_ns {
                let path = Path::from(file.path().as_ref());
                named.insert(self.data_file(spec.name, &path));
            }
        }
        Ok(named)
    }

    /// The packs that a row names, those of drives in the making included.
    pub(super) async fn named_packs(&self) -> Result<BTreeSet<Path>> {
        use arrow::array::AsArray as _;
        let mut named = BTreeSet::new();
        for spec in [CameraFrame::SPEC, LidarSweep::SPEC] {
            let Some(table) = self.table(spec.name).await? else {
                continue;
            };
            let context = self.session_over_stored(&table, spec.name).await?;
            let sql = format!("SELECT DISTINCT CAST(pack AS VARCHAR) FROM {}", spec.name);
            for batch in context.sql(&sql).await?.collect().await? {
                let packs =
                    arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8);
                let packs = packs.map_err(|error| {
                    Error::from(datafusion::error::DataFusionError::from(error))
                })?;
                let packs = packs.as_string::<i32>().iter().flatten();
                named.extend(packs.map(|pack| self.store().path(pack)));
            }
        }
        Ok(named)
    }

    /// The objects below a folder that are not named. The log of a table is left out.
    pub(super) async fn unnamed(
        &self,
        folder: &str,
        named: &BTreeSet<Path>,
    ) -> Result<Vec<ObjectMeta>> {
        let root = self.store().path(folder);
        let listed = self.store().inner().list(Some(&root));
        let fail = |source| Error::storage("list", self.store().name(folder), source);
        let objects: Vec<ObjectMeta> = listed.try_collect().await.map_err(fail)?;
        let log = root.clone().join("_delta_log");
        let of_the_log = |object: &ObjectMeta| object.location.prefix_matches(&log);
        let unnamed = objects.into_iter().filter(|object| !of_the_log(object));
        Ok(unnamed
            .filter(|object| !named.contains(&object.location))
            .collect())
    }

    async fn delete(&self, objects: &[ObjectMeta]) -> Result<()> {
        let mut deletions = Vec::with_capacity(objects.len());
        for object in objects {
            deletions.push(delete(self, &object.location));
        }
        let deletions = futures::stream::iter(deletions).buffer_unordered(REQUESTS_MAX);
        deletions.try_collect().await
    }
}

/// One that is gone already is deleted too. The client does not send a deletion again by itself; sent twice, it does no harm.
async fn delete(lake: &Lake, path: &Path) -> Result<()> {
    let limits = lake.config().limits;
    let mut tries = 0;
    loop {
        match lake.store().inner().delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(object_store::Error::Generic { .. }) if tries < limits.request_retries_max => {
                tries += 1;
                tokio::time::sleep(limits.backoff_first * tries as u32).await;
            }
            Err(source) => return Err(Error::storage("delete", path.to_string(), source)),
        }
    }
}

//! The bytes of files and packs: are they those that were committed?

use std::collections::BTreeMap;
use std::sync::Arc;

use deltalake::kernel::LogicalFileView;
use driveloop_schemas::TableSpec;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::check::text_and_count;
use super::{CheckDepth, CheckReport, Problem, REQUESTS_MAX, Wrong};
use crate::error::{Error, Result};
use crate::file_writer::digest_of;
use crate::history::CommitRecord;
use crate::lake::Lake;
use crate::replace::adds;

/// The digests that the log has of files, in their order; none of a file of an older version or another program.
pub(super) fn digests_of(files: &[LogicalFileView]) -> Vec<Option<String>> {
    let adds = adds(files);
    adds.iter()
        .map(|add| digest_of(add).map(str::to_owned))
        .collect()
}

/// BLAKE3 of an object, read piece by piece, in hexadecimal; `None` where it is not there.
pub(super) async fn digest_of_object(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
) -> Result<Option<String>> {
    let read = |source| Error::storage("read", path.to_string(), source);
    let found = match store.get(path).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(source) => return Err(read(source)),
    };
    let mut hash = blake3::Hasher::new();
    let mut pieces = found.into_stream();
    while let Some(piece) = pieces.try_next().await.map_err(read)? {
        hash.update(&piece);
    }
    Ok(Some(hash.finalize().to_hex().to_string()))
}

/// What is known of a pack.
struct Pack {
    name: String,
    /// Bytes up to the end of the last frame that a row names.
    bytes: u64,
    /// What the last commit with the pack says of it.
    digest: Option<String>,
}

impl Lake {
    /// Every pack that a row names is there, and reaches to the end of the row's frame; where the depth says so, with the bytes that
    /// were committed. The packs of a table whose files are not whole are not known.
    pub(super) async fn check_packs(
        &self,
        spec: &TableSpec,
        depth: CheckDepth,
        history: &[CommitRecord],
        report: &mut CheckReport,
    ) -> Result<()> {
        let is_whole =
            |problem: &Problem| problem.table != spec.name || problem.wrong == Wrong::CommitMissing;
        if !report.problems.iter().all(is_whole) {
            return Ok(());
        }
        let packs = self.packs(spec, history).await?;
        let unverified = packs.iter().filter(|pack| pack.digest.is_none()).count();
        let mut checks = Vec::with_capacity(packs.len());
        for pack in packs {
            checks.push(self.check_pack(spec, depth, pack));
        }
        let checked = futures::stream::iter(checks).buffered(REQUESTS_MAX);
        let checked: Vec<Option<Problem>> = checked.try_collect().await?;
        report.problems.extend(checked.into_iter().flatten());
        let mut tables = report.tables.iter_mut();
        if let Some(table) = tables.find(|table| table.table == spec.name)
            && depth == CheckDepth::Bytes
        {
            table.unverified += unverified;
        }
        Ok(())
    }

    /// The packs that rows name.
    async fn packs(&self, spec: &TableSpec, history: &[CommitRecord]) -> Result<Vec<Pack>> {
        let Some(table) = self.table(spec.name).await? else {
            return Ok(Vec::new());
        };
        let digests = history.iter().flat_map(|commit| &commit.packs);
        // A pack that was written again has the digest of its last commit.
        let digests: BTreeMap<&String, &String> = digests.collect();
        let context = self.session_over_stored(&table, spec.name).await?;
        let sql = format!(
            "SELECT CAST(pack AS VARCHAR) AS pack, max(\"offset\" + length) AS bytes FROM {} GROUP BY pack ORDER BY pack",
            spec.name
        );
        let mut packs = Vec::new();
        for batch in context.sql(&sql).await?.collect().await? {
            packs.extend(text_and_count(&batch).map(|(name, bytes)| Pack {
                digest: digests.get(&name).map(|&digest| digest.clone()),
                name,
                bytes,
            }));
        }
        Ok(packs)
    }

    async fn check_pack(
        &self,
        spec: &TableSpec,
        depth: CheckDepth,
        pack: Pack,
    ) -> Result<Option<Problem>> {
        let problem = |wrong, detail| {
            Ok(Some(Problem {
                table: spec.name.to_owned(),
                wrong,
                subject: pack.name.clone(),
                detail,
            }))
        };
        let path = self.store().path(&pack.name);
        match self.store().inner().head(&path).await {
            Ok(meta) if meta.size < pack.bytes => {
                let (expected, actual) = (pack.bytes, meta.size);
                let detail = format!("expected at least {expected} bytes, got {actual}");
                return problem(Wrong::PackShort, detail);
            }
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => {
                return problem(Wrong::PackMissing, String::new());
            }
            Err(source) => return Err(Error::storage("look at", pack.name, source)),
        }
        let Some(expected) = pack.digest.filter(|_| depth == CheckDepth::Bytes) else {
            return Ok(None);
        };
        match digest_of_object(self.store().inner(), &path).await? {
            Some(actual) if actual != expected => {
                let detail = format!("expected BLAKE3 {expected}, got {actual}");
                problem(Wrong::PackDigest, detail)
            }
            Some(_) => Ok(None),
            None => problem(Wrong::PackMissing, String::new()),
        }
    }
}

//! Data files of a table, each digested as it is written.
//!
//! The digest goes into the log with the file: a tag of its `add` action, which Delta leaves to the writer, keeps in checkpoints, and
//! which other programs pass over. A file and what is said of it are so committed at once.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use deltalake::DeltaResult;
use deltalake::datafile::writer::DeltaWriter;
use deltalake::kernel::Add;
use deltalake::logstore::ObjectStoreRef;
use driveloop_schemas::TableSpec;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::stage::write_runs;

/// Name of the tag: BLAKE3 of the file, in hexadecimal.
pub(crate) const DIGEST_TAG: &str = "driveloop.blake3";

/// The digest that the log has of a file.
pub(crate) fn digest_of(file: &Add) -> Option<&str> {
    file.tags.as_ref()?.get(DIGEST_TAG)?.as_deref()
}

/// Writes data files of a table.
pub(crate) struct FileWriter {
    inner: DeltaWriter,
    schema: SchemaRef,
    digests: Digests,
}

impl FileWriter {
    /// `open` makes the writer of a store.
    pub(crate) fn new(
        store: ObjectStoreRef,
        schema: SchemaRef,
        open: impl FnOnce(ObjectStoreRef) -> DeltaWriter,
    ) -> Self {
        let digests = Digests::default();
        let store = Arc::new(Digesting {
            inner: store,
            digests: digests.clone(),
        });
        Self {
            inner: open(store),
            schema,
            digests,
        }
    }

    /// The columns that it takes.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) async fn write(&mut self, spec: &TableSpec, batch: &RecordBatch) -> DeltaResult<()> {
        write_runs(&mut self.inner, spec, batch).await
    }

    /// Gives up what was begun.
    pub(crate) async fn abort(self) {
        // What the abort of an upload says does not matter: the cause is what failed first.
        let _ = self.inner.abort().await;
    }

    /// Closes the files, and gives what the log is to say of them.
    pub(crate) async fn close(self) -> DeltaResult<Vec<Add>> {
        let mut files = self.inner.close().await?;
        for file in &mut files {
            let digest = self.digests.take(&file.path);
            let tags = digest.map(|digest| HashMap::from([(DIGEST_TAG.to_owned(), Some(digest))]));
            file.tags = tags.or(file.tags.take());
        }
        Ok(files)
    }
}

/// Digests of what was written, by path.
#[derive(Debug, Clone, Default)]
struct Digests(Arc<Mutex<BTreeMap<Path, String>>>);

impl Digests {
    fn put(&self, path: &Path, hash: &blake3::Hasher) {
        let mut digests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        digests.insert(path.clone(), hash.finalize().to_hex().to_string());
    }

    /// The digest of a file by its path in the log.
    fn take(&self, path: &str) -> Option<String> {
        let mut digests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = Path::parse(path).ok()?;
        digests.remove(&path)
    }
}

/// A store that digests what is written through it.
#[derive(Debug)]
struct Digesting {
    inner: ObjectStoreRef,
    digests: Digests,
}

impl fmt::Display for Digesting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Digesting {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let mut hash = blake3::Hasher::new();
        update(&mut hash, &payload);
        let put = self.inner.put_opts(location, payload, options).await?;
        self.digests.put(location, &hash);
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(DigestingUpload {
            inner: self.inner.put_multipart_opts(location, options).await?,
            hash: blake3::Hasher::new(),
            location: location.clone(),
            digests: self.digests.clone(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload whose parts are digested in their order, which is that of the calls.
#[derive(Debug)]
struct DigestingUpload {
    inner: Box<dyn MultipartUpload>,
    hash: blake3::Hasher,
    location: Path,
    digests: Digests,
}

#[async_trait]
impl MultipartUpload for DigestingUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        update(&mut self.hash, &data);
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let put = self.inner.complete().await?;
        self.digests.put(&self.location, &self.hash);
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

fn update(hash: &mut blake3::Hasher, payload: &PutPayload) {
    for bytes in payload {
        hash.update(bytes);
    }
}

//! A store whose lost answers are settled: what was written with the answer lost counts as written, by whoever wrote it.
//!
//! A conditional put that is sent again after its answer was lost meets its own object, and the store says that somebody was first.
//! The completion of an upload that is sent again finds no upload. Both are told apart from what they look like by a mark of this
//! writer's in the object's metadata.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attribute, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

use crate::config::Limits;

/// Name of the mark; letters alone, because some clouds admit nothing else.
const MARK: &str = "driveloopwriter";

/// The store below, and the bounds of settling.
#[derive(Debug)]
pub(crate) struct Settled<S> {
    inner: std::sync::Arc<S>,
    retries_max: usize,
    backoff: Duration,
}

impl<S> Settled<S> {
    pub(crate) fn new(inner: S, limits: &Limits) -> Self {
        Self {
            inner: std::sync::Arc::new(inner),
            retries_max: limits.request_retries_max,
            backoff: limits.backoff_first,
        }
    }
}

impl<S: fmt::Display> fmt::Display for Settled<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// What is at a path, for one who may have written it.
enum Found {
    Mine(PutResult),
    Other,
    Nothing,
}

impl<S: ObjectStore> Settled<S> {
    async fn create(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let mark = uuid::Uuid::new_v4().to_string();
        options.attributes.insert(attribute(), mark.clone().into());
        let mut tries = 0;
        loop {
            let put = self
                .inner
                .put_opts(location, payload.clone(), options.clone());
            let error = match put.await {
                Ok(put) => return Ok(put),
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => error,
            };
            match look(self.inner.as_ref(), location, &mark).await {
                Ok(Found::Mine(put)) => return Ok(put),
                Ok(Found::Other) => return Err(taken(location, error)),
                Ok(Found::Nothing) | Err(_) if tries < self.retries_max => {}
                Ok(Found::Nothing) | Err(_) => return Err(error),
            }
            tries += 1;
            tokio::time::sleep(self.backoff * tries as u32).await;
        }
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Settled<S> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.create(location, payload, options).await,
            _ => self.inner.put_opts(location, payload, options).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        mut options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let mark = uuid::Uuid::new_v4().to_string();
        options.attributes.insert(attribute(), mark.clone().into());
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(SettledUpload {
            inner,
            store: std::sync::Arc::clone(&self.inner),
            location: location.clone(),
            mark,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
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

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload whose completion is settled.
#[derive(Debug)]
struct SettledUpload<S> {
    inner: Box<dyn MultipartUpload>,
    store: std::sync::Arc<S>,
    location: Path,
    mark: String,
}

#[async_trait]
impl<S: ObjectStore> MultipartUpload for SettledUpload<S> {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        match self.inner.complete().await {
            Ok(put) => Ok(put),
            Err(error) => match look(self.store.as_ref(), &self.location, &self.mark).await {
                Ok(Found::Mine(put)) => Ok(put),
                _ => Err(error),
            },
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

async fn look<S: ObjectStore>(store: &S, location: &Path, mark: &str) -> Result<Found> {
    let found = match store
        .get_opts(location, GetOptions::new().with_head(true))
        .await
    {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let value = found.attributes.get(&attribute());
    if value.is_none_or(|value| value.as_ref() != mark) {
        return Ok(Found::Other);
    }
    Ok(Found::Mine(PutResult {
        e_tag: found.meta.e_tag,
        version: found.meta.version,
    }))
}

fn attribute() -> Attribute {
    Attribute::Metadata(MARK.into())
}

/// Whether trying again or looking would not help.
fn is_final(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
    )
}

fn taken(location: &Path, error: Error) -> Error {
    match error {
        taken @ Error::AlreadyExists { .. } => taken,
        other => Error::AlreadyExists {
            path: location.to_string(),
            source: Box::new(other),
        },
    }
}

//! A store whose answers may break off: what is missing of a body is asked for again, from where it broke off.
//!
//! The client of a cloud sends a request again until an answer begins, and goes on with some bodies that break off, for as long as
//! one request may take. It gives up where a body is read for longer than that, and it does not go on with a listing, nor notice a
//! body that ends too early without an error.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::time::Instant;

use crate::config::Limits;

/// How often and how long an answer is asked for again. What arrives in between does not count: a body of any length may break off
/// as often as its length makes likely, but never so often in a row.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    tries: usize,
    tries_max: usize,
    backoff: Duration,
    backoff_max: Duration,
    begun: Option<Instant>,
    time_max: Duration,
}

impl Patience {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            tries: 0,
            tries_max: limits.request_retries_max,
            backoff: limits.backoff_first,
            backoff_max: limits.backoff_max,
            begun: None,
            time_max: limits.request_time_max,
        }
    }

    /// Waits before the next try, or gives the error back when there were enough.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<()> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        if self.tries >= self.tries_max || begun.elapsed() >= self.time_max {
            return Err(error);
        }
        let doubled = self.backoff * 2_u32.saturating_pow(self.tries.min(16) as u32);
        self.tries += 1;
        tokio::time::sleep(doubled.min(self.backoff_max)).await;
        Ok(())
    }

    /// Something arrived.
    fn renew(&mut self) {
        self.tries = 0;
        self.begun = None;
    }
}

/// A listing under way: the store, the prefix, the last name that came, what is still to come, and the bounds of asking again.
type Listed<S> = (
    Arc<S>,
    Option<Path>,
    Option<Path>,
    BoxStream<'static, Result<ObjectMeta>>,
    Patience,
);

/// The store below, and the bounds of asking again.
#[derive(Debug)]
pub(crate) struct Resumed<S> {
    inner: Arc<S>,
    patience: Patience,
}

impl<S> Resumed<S> {
    pub(crate) fn new(inner: Arc<S>, limits: &Limits) -> Self {
        Self {
            inner,
            patience: Patience::new(limits),
        }
    }
}

impl<S: fmt::Display> fmt::Display for Resumed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Resumed<S> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let mut patience = self.patience.clone();
        loop {
            // An upload whose number was lost on the way is begun again; the bucket's rule for unfinished ones removes the first.
            let begun = self.inner.put_multipart_opts(location, options.clone());
            match begun.await {
                Err(error @ Error::Generic { .. }) => patience.wait(error).await?,
                other => return other,
            }
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let found = self.answer(location, &options).await?;
        if options.head {
            return Ok(found);
        }
        let range = found.range.clone();
        let body = Body {
            store: Arc::clone(&self.inner),
            location: location.clone(),
            options: GetOptions {
                // What comes later must be of the same object.
                if_match: found.meta.e_tag.clone().or(options.if_match.clone()),
                ..options
            },
            range: range.clone(),
            pieces: None,
            patience: self.patience.clone(),
        };
        let GetResult {
            payload,
            meta,
            attributes,
            ..
        } = found;
        let pieces = match payload {
            GetResultPayload::Stream(pieces) => pieces,
            payload @ GetResultPayload::File(..) => {
                return Ok(GetResult {
                    payload,
                    meta,
                    range,
                    attributes,
                });
            }
        };
        let body = Body {
            pieces: Some(pieces),
            ..body
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(body.into_stream()),
            meta,
            range,
            attributes,
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let inner = self.inner.list(prefix);
        self.listing(prefix, None, inner)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let inner = self.inner.list_with_offset(prefix, offset);
        self.listing(prefix, Some(offset), inner)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut patience = self.patience.clone();
        loop {
            match self.inner.list_with_delimiter(prefix).await {
                Err(error @ Error::Generic { .. }) => patience.wait(error).await?,
                other => return other,
            }
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl<S: ObjectStore> Resumed<S> {
    /// The beginning of an answer. One that says that something is not there has a body too, which may break off.
    async fn answer(&self, location: &Path, options: &GetOptions) -> Result<GetResult> {
        let mut patience = self.patience.clone();
        loop {
            match self.inner.get_opts(location, options.clone()).await {
                Err(error) if broke_off(&error) => patience.wait(error).await?,
                other => return other,
            }
        }
    }

    /// A listing that goes on after its last object where it breaks off: clouds list in the order of keys.
    fn listing(
        &self,
        prefix: Option<&Path>,
        offset: Option<&Path>,
        inner: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let state = (
            Arc::clone(&self.inner),
            prefix.cloned(),
            offset.cloned(),
            inner,
            self.patience.clone(),
        );
        let next = |(store, prefix, mut last, mut inner, mut patience): Listed<S>| async move {
            loop {
                match inner.try_next().await {
                    Ok(None) => return Ok(None),
                    Ok(Some(object)) => {
                        patience.renew();
                        last = Some(object.location.clone());
                        return Ok(Some((object, (store, prefix, last, inner, patience))));
                    }
                    Err(error @ Error::Generic { .. }) => patience.wait(error).await?,
                    Err(error) => return Err(error),
                }
                inner = match &last {
                    Some(last) => store.list_with_offset(prefix.as_ref(), last),
                    None => store.list(prefix.as_ref()),
                };
            }
        };
        futures::stream::try_unfold(state, next).boxed()
    }
}

/// Whether an answer broke off on its way. The client has tried often enough where there was no connection.
fn broke_off(error: &Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn StdError), |&cause| cause.source());
    let mut of_http = causes.filter_map(|cause| cause.downcast_ref::<HttpError>());
    of_http.any(|error| error.kind() != HttpErrorKind::Connect)
}

/// The body of an answer, as far as it has not arrived yet.
struct Body<S> {
    store: Arc<S>,
    location: Path,
    options: GetOptions,
    /// What is missing.
    range: Range<u64>,
    /// What comes of the last request; none after it broke off.
    pieces: Option<BoxStream<'static, Result<Bytes>>>,
    patience: Patience,
}

impl<S: ObjectStore> Body<S> {
    fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        futures::stream::try_unfold(self, |mut body| async move {
            let piece = body.next().await?;
            Ok(piece.map(|piece| (piece, body)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.range.is_empty() {
            let Some(pieces) = &mut self.pieces else {
                self.ask_again().await?;
                continue;
            };
            let error = match pieces.try_next().await {
                Ok(Some(piece)) => {
                    self.range.start += piece.len() as u64;
                    self.patience.renew();
                    return Ok(Some(piece));
                }
                Ok(None) => self.too_short(),
                Err(error @ Error::Generic { .. }) => error,
                Err(error) => return Err(error),
            };
            self.pieces = None;
            self.patience.wait(error).await?;
        }
        Ok(None)
    }

    async fn ask_again(&mut self) -> Result<()> {
        let options = GetOptions {
            range: Some(self.range.clone().into()),
            ..self.options.clone()
        };
        match self.store.get_opts(&self.location, options).await {
            Ok(found) => self.pieces = Some(found.into_stream()),
            Err(error) if broke_off(&error) => self.patience.wait(error).await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn too_short(&self) -> Error {
        let text = format!(
            "the body ends {} bytes early",
            self.range.end - self.range.start
        );
        Error::Generic {
            store: "body",
            source: text.into(),
        }
    }
}

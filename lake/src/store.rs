//! An object store behind a URI.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path as ObjectPath;
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};
use url::Url;

use crate::backend;
use crate::config::Config;
use crate::digest::digest;
use crate::error::{Error, Result};
use crate::local::LocalUpload;

/// A prefix of an object store, or a folder.
#[derive(Debug, Clone)]
pub struct Store {
    uri: String,
    url: Url,
    prefix: ObjectPath,
    inner: Arc<dyn ObjectStore>,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEntry {
    /// Path relative to the store.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Changes when the object changes: a digest of size, time of change and entity tag.
    pub fingerprint: String,
}

impl Store {
    /// Opens a path, or a `file://`, `memory://`, `s3://`, `gs://` or `az://` URI. Creates nothing.
    ///
    /// # Errors
    /// When the URI names no store that this program knows.
    pub fn open(uri: &str) -> Result<Self> {
        Self::open_with(uri, &Config::from_environment())
    }

    /// The same with settings and bounds of the caller's.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(uri: &str, config: &Config) -> Result<Self> {
        let url = url_of(uri)?;
        let (inner, prefix) = backend::open(&url, config).map_err(|error| Error::InvalidUri {
            uri: uri.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            uri: uri.to_owned(),
            url,
            prefix,
            inner,
        })
    }

    /// The URI that it was opened with.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The URI, absolute.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where an object lies on the local disk, when it does.
    #[must_use]
    pub fn local_path(&self, path: &str) -> Option<PathBuf> {
        let root = (self.url.scheme() == "file").then(|| self.url.to_file_path().ok())??;
        Some(if path.is_empty() {
            root
        } else {
            root.join(path)
        })
    }

    /// Every object below a prefix (empty for all), sorted by path. Where the store's own path names one object, that one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectEntry>> {
        let below = self.path(prefix);
        let fail = |source| Error::storage("list", self.name(prefix), source);
        let mut found: Vec<object_store::ObjectMeta> = self
            .inner
            .list(Some(&below))
            .try_collect()
            .await
            .map_err(fail)?;
        if found.is_empty() && !below.as_ref().is_empty() {
            match self.inner.head(&below).await {
                Ok(meta) => found.push(meta),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(fail(source)),
            }
        }
        let mut entries: Vec<_> = found.iter().map(|meta| self.entry(meta)).collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// The bytes of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], or when the store fails.
    pub async fn get(&self, path: &str) -> Result<Bytes> {
        let fail = |source| self.read_error(path, source);
        self.inner
            .get(&self.path(path))
            .await
            .map_err(fail)?
            .bytes()
            .await
            .map_err(fail)
    }

    /// Some bytes of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], or when the store fails.
    pub async fn get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let fail = |source| self.read_error(path, source);
        self.inner
            .get_range(&self.path(path), range)
            .await
            .map_err(fail)
    }

    /// Writes an object, in place of one that is there.
    ///
    /// # Errors
    /// When the store fails; the object is then as it was.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let payload = PutPayload::from_bytes(bytes);
        let put = self.inner.put(&self.path(path), payload).await;
        put.map(|_| ())
            .map_err(|source| Error::storage("write", self.name(path), source))
    }

    /// Writes an object where there is none; says whether it did.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_if_absent(&self, path: &str, bytes: Bytes) -> Result<bool> {
        let options = PutOptions::from(PutMode::Create);
        let payload = PutPayload::from_bytes(bytes);
        match self
            .inner
            .put_opts(&self.path(path), payload, options)
            .await
        {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(false),
            Err(source) => Err(Error::storage("write", self.name(path), source)),
        }
    }

    /// Begins an object that comes in parts, is written once, and read much later if at all.
    pub(crate) async fn upload(
        &self,
        path: &str,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        match self.local_path(path) {
            Some(path) => Ok(Box::new(LocalUpload::create(path)?)),
            None => self.inner.put_multipart(&self.path(path)).await,
        }
    }

    /// Whether the object is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exists(&self, path: &str) -> Result<bool> {
        match self.inner.head(&self.path(path)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(Error::storage("look at", self.name(path), source)),
        }
    }

    /// Whether the place can be reached at all: a bucket that is missing, or closed to these credentials, is said to be so before
    /// anything is looked for in it.
    pub(crate) async fn reach(&self) -> Result<()> {
        if ["file", "memory"].contains(&self.url.scheme()) {
            return Ok(());
        }
        match self.inner.list(Some(&self.prefix)).try_next().await {
            Ok(_) => Ok(()),
            Err(source @ object_store::Error::NotFound { .. }) => {
                Err(Error::storage("find the bucket of", self.name(""), source))
            }
            Err(source) => Err(Error::storage("list", self.name(""), source)),
        }
    }

    pub(crate) fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    pub(crate) fn path(&self, relative: &str) -> ObjectPath {
        let parts = self.prefix.parts().map(|part| part.as_ref().to_owned());
        let more = relative
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned);
        // Parts of the prefix are encoded already; encoding a percent sign again would change them.
        let mut path: ObjectPath = more.collect();
        for part in parts.collect::<Vec<_>>().into_iter().rev() {
            path = join_front(&part, &path);
        }
        path
    }

    pub(crate) fn name(&self, path: &str) -> String {
        let root = self.uri.trim_end_matches('/');
        if path.is_empty() {
            root.to_owned()
        } else {
            format!("{root}/{path}")
        }
    }

    fn entry(&self, meta: &object_store::ObjectMeta) -> ObjectEntry {
        let path = match meta.location.prefix_match(&self.prefix) {
            Some(parts) => parts
                .map(|part| part.as_ref().to_owned())
                .collect::<Vec<_>>()
                .join("/"),
            None => meta.location.to_string(),
        };
        let changed = meta.last_modified.timestamp_nanos_opt().unwrap_or_default();
        let tag = meta.e_tag.clone().unwrap_or_default();
        let fingerprint = digest([meta.size.to_string(), changed.to_string(), tag]);
        ObjectEntry {
            path,
            size: meta.size,
            fingerprint,
        }
    }

    fn read_error(&self, path: &str, source: object_store::Error) -> Error {
        match source {
            object_store::Error::NotFound { .. } => Error::NotFound {
                store: self.uri.clone(),
                path: path.to_owned(),
            },
            source => Error::storage("read", self.name(path), source),
        }
    }
}

fn join_front(part: &str, path: &ObjectPath) -> ObjectPath {
    let text = if path.as_ref().is_empty() {
        part.to_owned()
    } else {
        format!("{part}/{path}")
    };
    ObjectPath::parse(&text).unwrap_or_else(|_| ObjectPath::from(text))
}

fn url_of(uri: &str) -> Result<Url> {
    let invalid = |reason: &str| Error::InvalidUri {
        uri: uri.to_owned(),
        reason: reason.to_owned(),
    };
    if uri.is_empty() {
        return Err(invalid("it is empty"));
    }
    if uri.contains("://") {
        return Url::parse(uri).map_err(|error| invalid(&error.to_string()));
    }
    let path = absolute(Path::new(uri)).map_err(|error| invalid(&error.to_string()))?;
    Url::from_file_path(&path).map_err(|()| invalid("it is no absolute path"))
}

/// The path from the root on, without `..`: object stores have none. What comes before a `..` is looked up on the disk,
/// because it may be a link.
fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let mut absolute = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        if component == Component::ParentDir {
            absolute = absolute.canonicalize().unwrap_or(absolute);
            absolute.pop();
        } else {
            absolute.push(component);
        }
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_lead_through_its_parent() {
        let store = Store::open("/tmp/../no/such/./lake").unwrap();
        assert_eq!(
            store.local_path("a/b").unwrap(),
            Path::new("/no/such/lake/a/b")
        );
    }
}

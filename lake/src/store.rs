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
use crate::config::{Config, Limits};
use crate::error::{Error, Result};
use crate::listing::Lister;
use crate::local::LocalUpload;

/// A prefix of an object store, or a folder.
#[derive(Debug, Clone)]
pub struct Store {
    uri: String,
    url: Url,
    prefix: ObjectPath,
    inner: Arc<dyn ObjectStore>,
    lister: Lister,
    limits: Limits,
}

impl Store {
    /// Opens a path, or a `file://`, `memory://`, `s3://`, `gs://` or `az://` URI. Creates nothing.
    ///
    /// A path is taken letter by letter. In a URI, `%` and two digits stand for a byte, as in any; `?` and `#` stand for themselves,
    /// because an object has neither query nor fragment.
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
        let opened = backend::open(&url, config).map_err(|error| Error::InvalidUri {
            uri: uri.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            uri: uri.to_owned(),
            url,
            prefix: opened.prefix,
            inner: opened.store,
            lister: opened.lister,
            limits: config.limits,
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

    /// The URI of an object, absolute: [`Store::open`] leads back to the object by it.
    #[must_use]
    pub fn object_url(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts(path));
        }
        url
    }

    /// The last part of the store's own path; `None` at the root of a disk or bucket.
    #[must_use]
    pub fn base_name(&self) -> Option<&str> {
        self.prefix.filename()
    }

    /// The store of the folder that this one lies in; `None` at the root of a disk or bucket.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let prefix = self.prefix.parent()?;
        let mut url = self.url.clone();
        url.path_segments_mut().ok()?.pop_if_empty().pop();
        Some(Self {
            uri: url.to_string(),
            url,
            prefix,
            ..self.clone()
        })
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

    pub(crate) fn prefix(&self) -> &ObjectPath {
        &self.prefix
    }

    pub(crate) fn lister(&self) -> &Lister {
        &self.lister
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where an object lies in the store below, letter by letter as listings have it. What no listing has (`..`, a control
    /// character) is encoded, so that it leads nowhere else.
    pub(crate) fn path(&self, relative: &str) -> ObjectPath {
        let relative = parts(relative).collect::<Vec<_>>().join("/");
        let relative =
            ObjectPath::parse(&relative).unwrap_or_else(|_| ObjectPath::from(relative.as_str()));
        self.prefix.parts().chain(relative.parts()).collect()
    }

    pub(crate) fn name(&self, path: &str) -> String {
        let root = self.uri.trim_end_matches('/');
        if path.is_empty() {
            root.to_owned()
        } else {
            format!("{root}/{path}")
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

/// The parts of a path between its slashes.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn url_of(uri: &str) -> Result<Url> {
    let invalid = |reason: &str| Error::InvalidUri {
        uri: uri.to_owned(),
        reason: reason.to_owned(),
    };
    if uri.is_empty() {
        return Err(invalid("it is empty"));
    }
    if let Some((scheme, rest)) = uri.split_once("://") {
        let parse = |uri: &str| Url::parse(uri).map_err(|error| invalid(&error.to_string()));
        if scheme.starts_with("http") {
            return parse(uri);
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let mut url = parse(&format!("{scheme}://{host}"))?;
        if !path.is_empty() {
            url.set_path(path);
        }
        return Ok(url);
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

    /// Names that a disk and a bucket have; a composed and a decomposed `ü` are two names.
    const NAMES: [&str; 10] = [
        "50%.mcap",
        "percent%20.mcap",
        "a#b?c.mcap",
        "[x]{y}~*.mcap",
        "back\\slash|pipe^.mcap",
        "\u{fc}ml\u{e4}ut.mcap",
        "u\u{308}mla\u{308}ut.mcap",
        "\u{8eca}.mcap",
        " blanks .mcap",
        "dot..dot.mcap",
    ];

    #[test]
    fn a_path_may_lead_through_its_parent() {
        let store = Store::open("/tmp/../no/such/./lake").unwrap();
        assert_eq!(
            store.local_path("a/b").unwrap(),
            Path::new("/no/such/lake/a/b")
        );
    }

    #[test]
    fn the_uri_of_an_object_leads_back_to_it() {
        for root in ["/no/such/folder 100%", "memory://x/y", "file:///no/such"] {
            let store = Store::open(root).unwrap();
            for name in NAMES {
                let path = format!("folder of {name}/{name}");
                let there = Store::open(store.object_url(&path).as_str()).unwrap();
                assert_eq!(there.prefix, store.path(&path), "{root}");
                assert_eq!(there.base_name(), Some(name));
                let parent = there.parent().unwrap();
                assert_eq!(parent.path(name), there.prefix);
                let again = Store::open(parent.uri()).unwrap();
                assert_eq!(again.prefix, parent.prefix);
            }
        }
    }

    #[test]
    fn what_no_listing_has_leads_nowhere_else() {
        let store = Store::open("/lake").unwrap();
        for path in ["../etc", "a/../../etc", "./a", "a\u{1}"] {
            let path = store.path(path);
            assert!(path.prefix_matches(&ObjectPath::from("lake")), "{path}");
            assert!(path.as_ref().contains('%'), "{path}");
        }
        assert_eq!(store.path("a//b/").as_ref(), "lake/a/b");
        assert!(store.path("").as_ref() == "lake");
    }
}

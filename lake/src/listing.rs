//! What lies in a store: a stream of objects, and of entries that cannot be had.

use std::fmt;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use crate::digest::digest;
use crate::error::{Error, Result};
use crate::pages::pages;
use crate::store::Store;
use crate::walk::walk;

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

/// An entry of a disk or bucket that no object can be made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unlisted {
    /// Where it lies, as far as it can be written: what cannot is escaped as in Rust.
    pub path: String,
    /// Why it cannot be had: a broken link, a name that is not UTF-8, no permission, …
    pub reason: String,
}

/// What a listing meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// An object.
    Object(ObjectEntry),
    /// An entry that is passed over.
    Unlisted(Unlisted),
}

/// The same, as the store below has it.
pub(crate) enum Met {
    Object(ObjectMeta),
    Unlisted(Unlisted),
}

/// How a store is listed such that one entry hides no other.
#[derive(Clone)]
pub(crate) enum Lister {
    /// A disk, folder by folder.
    Disk,
    /// A bucket, page by page.
    Pages(Arc<dyn PaginatedListStore>),
    /// By the store's own stream: it has no entries that cannot be had.
    Stream,
}

impl fmt::Debug for Lister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "Disk",
            Self::Pages(_) => "Pages",
            Self::Stream => "Stream",
        })
    }
}

impl Store {
    /// Everything below a prefix (empty for all), as it comes: objects, and entries that cannot be had. Where the store's own path
    /// names one object, that one.
    ///
    /// The stream ends with an error when the store fails, and beyond [`Limits::list_entries_max`](crate::Limits) entries.
    #[must_use]
    pub fn entries(&self, prefix: &str) -> BoxStream<'static, Result<Listed>> {
        let (store, prefix) = (self.clone(), prefix.to_owned());
        let found = async move {
            let mut met = store.met(&prefix).peekable();
            let below = store.path(&prefix);
            if std::pin::Pin::new(&mut met).peek().await.is_some() || below.is_root() {
                return met.boxed();
            }
            match store.inner().head(&below).await {
                Ok(meta) => futures::stream::iter([Ok(Met::Object(meta))]).boxed(),
                Err(object_store::Error::NotFound { .. }) => futures::stream::empty().boxed(),
                Err(source) => {
                    let error = Error::storage("list", store.name(&prefix), source);
                    futures::stream::iter([Err(error)]).boxed()
                }
            }
        };
        let store = self.clone();
        futures::stream::once(found)
            .flatten()
            .map_ok(move |met| match met {
                Met::Object(meta) => Listed::Object(store.entry(&meta)),
                Met::Unlisted(unlisted) => Listed::Unlisted(unlisted),
            })
            .boxed()
    }

    /// Every object below a prefix (empty for all), sorted by path. Where the store's own path names one object, that one.
    ///
    /// # Errors
    /// When the store fails, an entry cannot be had, or there are more than [`Limits::list_entries_max`](crate::Limits).
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectEntry>> {
        let mut entries = Vec::new();
        let mut listed = self.entries(prefix);
        while let Some(listed) = listed.try_next().await? {
            match listed {
                Listed::Object(entry) => entries.push(entry),
                Listed::Unlisted(Unlisted { path, reason }) => {
                    return Err(Error::storage("list", self.name(&path), reason));
                }
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    fn met(&self, prefix: &str) -> BoxStream<'static, Result<Met>> {
        let (below, limits) = (self.path(prefix), *self.limits());
        let met = match (self.lister(), self.local_path(prefix)) {
            (Lister::Disk, Some(folder)) => walk(folder, self.prefix(), limits.list_entries_max),
            (Lister::Pages(store), _) => pages(Arc::clone(store), &below, self.prefix(), limits),
            _ => self.inner().list(Some(&below)).map_ok(Met::Object).boxed(),
        };
        let (max, name) = (limits.list_entries_max, self.name(prefix));
        let fail = move |source| Error::storage("list", name.clone(), source);
        let bounded = met.enumerate().map(move |(number, met)| {
            if number < max {
                return met;
            }
            Err(beyond(max))
        });
        // After an error there is nothing more to be had.
        bounded
            .map_err(fail)
            .scan(false, |has_failed, met| {
                let met = (!*has_failed).then_some(met);
                *has_failed |= matches!(met, Some(Err(_)));
                std::future::ready(met)
            })
            .boxed()
    }

    fn entry(&self, meta: &ObjectMeta) -> ObjectEntry {
        let changed = meta.last_modified.timestamp_nanos_opt().unwrap_or_default();
        let tag = meta.e_tag.clone().unwrap_or_default();
        ObjectEntry {
            path: relative(&meta.location, self.prefix()),
            size: meta.size,
            fingerprint: digest([meta.size.to_string(), changed.to_string(), tag]),
        }
    }
}

/// A path below another, letter by letter.
pub(crate) fn relative(path: &Path, prefix: &Path) -> String {
    match path.prefix_match(prefix) {
        Some(parts) => {
            let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
            parts.join("/")
        }
        None => path.to_string(),
    }
}

/// The error of a listing that has too many entries.
pub(crate) fn beyond(entries_max: usize) -> object_store::Error {
    let text = format!(
        "it has more than {entries_max} entries (`list_entries_max`): name its folders one by one"
    );
    object_store::Error::Generic {
        store: "listing",
        source: text.into(),
    }
}

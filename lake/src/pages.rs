//! Listing a bucket page by page, where keys may be there that are no paths.
//!
//! The client reads a page whole or not at all: one key with an empty or relative part (`a//b`, `../c`) or a control character fails
//! the page. Such a page is asked for again in halves until the key stands alone, which is then passed over.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::path::{DELIMITER, Error as PathError, Path};
use object_store::{Error, Result};

use crate::config::Limits;
use crate::listing::{Met, Unlisted};
use crate::resume::Patience;

/// Keys of a page, as the clouds have it.
const PAGE_KEYS: usize = 1000;

/// Everything below a path of a bucket, in the order of keys. `root` is the path that entries are named from.
pub(crate) fn pages(
    store: Arc<dyn PaginatedListStore>,
    below: &Path,
    root: &Path,
    limits: Limits,
) -> BoxStream<'static, Result<Met>> {
    let folder = |path: &Path| {
        if path.is_root() {
            String::new()
        } else {
            format!("{path}{DELIMITER}")
        }
    };
    let pages = Pages {
        store,
        prefix: folder(below),
        root: folder(root),
        limits,
        after: None,
        token: None,
        keys: PAGE_KEYS,
        met: VecDeque::new(),
        is_done: false,
    };
    futures::stream::try_unfold(pages, |mut pages| async move {
        while pages.met.is_empty() && !pages.is_done {
            pages.next().await?;
        }
        Ok(pages.met.pop_front().map(|met| (met, pages)))
    })
    .boxed()
}

struct Pages {
    store: Arc<dyn PaginatedListStore>,
    /// What keys begin with.
    prefix: String,
    root: String,
    limits: Limits,
    /// The last key that was passed over; the listing goes on after it.
    after: Option<String>,
    /// Where the store says that the next page begins.
    token: Option<String>,
    /// Keys that the next page may have.
    keys: usize,
    met: VecDeque<Met>,
    is_done: bool,
}

impl Pages {
    /// Takes in the next page, or learns that it has to be smaller.
    async fn next(&mut self) -> Result<()> {
        match self.page().await {
            Ok(page) => {
                let objects = page.result.objects.into_iter();
                // The key of the prefix itself is a mark that some programs leave for a folder.
                let folder = Path::parse(&self.prefix).unwrap_or_default();
                let objects = objects.filter(|object| object.location != folder);
                self.met.extend(objects.map(Met::Object));
                self.keys = (self.keys * 2).min(PAGE_KEYS);
                self.is_done = page.page_token.is_none();
                self.token = page.page_token;
                Ok(())
            }
            Err(Error::InvalidPath { .. }) if self.keys > 1 => {
                self.keys /= 2;
                Ok(())
            }
            Err(Error::InvalidPath { source }) => self.pass_over(source),
            Err(error) => Err(error),
        }
    }

    fn pass_over(&mut self, source: PathError) -> Result<()> {
        let (key, reason) = match &source {
            PathError::EmptySegment { path } => (path, "its key has an empty part"),
            PathError::BadSegment { path, .. } => {
                (path, "its key has a control character or a relative part")
            }
            _ => return Err(Error::InvalidPath { source }),
        };
        // A store that does not go on after a key would show it again and again.
        if self.after.as_ref().is_some_and(|after| key <= after) {
            return Err(Error::InvalidPath { source });
        }
        let path = key.strip_prefix(&self.root).unwrap_or(key);
        self.met.push_back(Met::Unlisted(Unlisted {
            path: path.escape_debug().to_string(),
            reason: reason.to_owned(),
        }));
        self.after = Some(key.clone());
        self.token = None;
        Ok(())
    }

    /// A page. One whose body breaks off is asked for again.
    async fn page(&self) -> Result<PaginatedListResult> {
        let mut patience = Patience::new(&self.limits);
        loop {
            let options = PaginatedListOptions {
                offset: self.after.clone().filter(|_| self.token.is_none()),
                page_token: self.token.clone(),
                max_keys: (self.keys < PAGE_KEYS).then_some(self.keys),
                ..PaginatedListOptions::default()
            };
            let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
            match self.store.list_paginated(prefix, options).await {
                Err(error @ Error::Generic { .. }) => patience.wait(error).await?,
                other => return other,
            }
        }
    }
}

//! Journals: entries in a row, each written by conditional put.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::store::Store;

/// A sequence of entries that one run at a time can extend.
///
/// Entry `n` is the object `journal/<name>/<n>.json`. Two runs that extend the same journal write the same object;
/// one of them gets [`Error::JournalTaken`] and stops, so nothing is driven twice.
#[derive(Debug, Clone)]
pub struct Journal {
    store: Store,
    name: String,
    next: u64,
}

impl Journal {
    /// Opens a journal of a lake at its end; one that does not exist is empty.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(lake: &crate::Lake, name: &str) -> Result<Self> {
        let store = lake.store().clone();
        let next = store.list(&folder(name)).await?.len() as u64;
        Ok(Self {
            store,
            name: name.to_owned(),
            next,
        })
    }

    /// A journal of a lake before its first entry: [`Journal::news`] gives all that there are.
    #[must_use]
    pub fn from_start(lake: &crate::Lake, name: &str) -> Self {
        Self {
            store: lake.store().clone(),
            name: name.to_owned(),
            next: 0,
        }
    }

    /// The journals of a lake, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn names(lake: &crate::Lake) -> Result<Vec<String>> {
        let objects = lake.store().list(FOLDER).await?;
        let name = |path: &str| {
            let below = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
            Some(below.rsplit_once('/')?.0.to_owned())
        };
        let mut names: Vec<_> = objects
            .iter()
            .filter_map(|object| name(&object.path))
            .collect();
        names.dedup();
        Ok(names)
    }

    /// The entries that others have written since this was opened, written to, or asked for news; the end moves behind them.
    ///
    /// Where there are none this is one request, however long the journal is.
    ///
    /// # Errors
    /// When the store fails, or an entry is of another type.
    pub async fn news<T: DeserializeOwned>(&mut self) -> Result<Vec<T>> {
        let mut news = Vec::new();
        loop {
            let path = self.path(self.next);
            let bytes = match self.store.get(&path).await {
                Ok(bytes) => bytes,
                Err(Error::NotFound { .. }) => return Ok(news),
                Err(error) => return Err(error),
            };
            let entry = serde_json::from_slice(&bytes)
                .map_err(|source| Error::Encoding { path, source })?;
            news.push(entry);
            self.next += 1;
        }
    }

    /// Adds an entry and returns its sequence number, from zero.
    ///
    /// # Errors
    /// [`Error::JournalTaken`] when another run wrote an entry since; otherwise when the store fails.
    pub async fn append<T: Serialize>(&mut self, entry: &T) -> Result<u64> {
        let sequence = self.next;
        let path = self.path(sequence);
        let encoded = serde_json::to_vec(entry).map_err(|source| Error::Encoding {
            path: path.clone(),
            source,
        })?;
        if !self
            .store
            .put_if_absent(&path, Bytes::from(encoded))
            .await?
        {
            return Err(Error::JournalTaken {
                journal: self.name.clone(),
                sequence,
            });
        }
        self.next += 1;
        Ok(sequence)
    }

    /// All entries, in order.
    ///
    /// # Errors
    /// When the store fails, or an entry is of another type.
    pub async fn entries<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let mut entries = Vec::new();
        for object in self.store.list(&folder(&self.name)).await? {
            let bytes = self.store.get(&object.path).await?;
            let entry = serde_json::from_slice(&bytes).map_err(|source| Error::Encoding {
                path: object.path,
                source,
            })?;
            entries.push(entry);
        }
        Ok(entries)
    }

    fn path(&self, sequence: u64) -> String {
        format!("{}/{sequence:010}.json", folder(&self.name))
    }
}

/// Where journals lie.
const FOLDER: &str = "journal";

fn folder(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

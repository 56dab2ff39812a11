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

    /// Adds an entry and returns its sequence number, from zero.
    ///
    /// # Errors
    /// [`Error::JournalTaken`] when another run wrote an entry since; otherwise when the store fails.
    pub async fn append<T: Serialize>(&mut self, entry: &T) -> Result<u64> {
        let sequence = self.next;
        let path = format!("{}/{sequence:010}.json", folder(&self.name));
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
}

fn folder(name: &str) -> String {
    format!("journal/{name}")
}

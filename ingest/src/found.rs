//! A source as it was listed, and what its files are by their names.

use std::sync::Arc;

use driveloop_lake::{Store, Unlisted};

use crate::argoverse::Argoverse2;
use crate::comma2k19::Comma2k19;
use crate::dbc::Buses;
use crate::error::{Error, Result};
use crate::kitti::Kitti;
use crate::nuscenes::NuScenes;
use crate::options::IngestOptions;
use crate::source::{Claimed, LogSource, Registry, list};
use crate::topics::{File, Folder, Own, Session, TopicOptions};

/// What a listing of a source found.
pub(crate) struct Found {
    pub(crate) store: Store,
    /// Drives, or files that have to be looked into to tell their drives.
    pub(crate) claimed: Vec<Claimed>,
    /// Paths of the files that belong to none.
    pub(crate) unrecognised: Vec<String>,
    /// Entries that cannot be had.
    pub(crate) unlisted: Vec<Unlisted>,
    formats: String,
}

impl Found {
    /// Lists a source, and asks each format for its files.
    pub(crate) async fn list(source: &str, options: &IngestOptions) -> Result<Self> {
        let registry = registry(options)?;
        let listing = list(source).await?;
        let (claimed, unrecognised) = registry.split(listing.files);
        Ok(Self {
            store: listing.store,
            claimed,
            unrecognised,
            unlisted: listing.unlisted,
            formats: registry.supported(),
        })
    }

    /// An error where no file is of a known format.
    pub(crate) fn is_recognised(&self, source: &str) -> Result<()> {
        let example = self.unrecognised.first().cloned().unwrap_or_default();
        if !self.claimed.is_empty() {
            return Ok(());
        }
        Err(Error::NothingRecognised {
            uri: source.to_owned(),
            files: self.unrecognised.len(),
            example,
            supported: self.formats.clone(),
        })
    }
}

fn registry(options: &IngestOptions) -> Result<Registry> {
    let topics = Arc::new(TopicOptions::new(
        options.mapping(),
        Buses::parse(&options.databases)?,
        options.all_signals,
    )?);
    let own = options.formats.iter();
    let own = own.map(|format| -> Arc<dyn LogSource> {
        Arc::new(Own::new(Arc::clone(format), Arc::clone(&topics)))
    });
    let own: Vec<_> = own.collect();
    let built_in: [Arc<dyn LogSource>; 8] = [
        Arc::new(Argoverse2),
        Arc::new(NuScenes),
        Arc::new(Kitti),
        Arc::new(Own::new(Arc::new(Comma2k19), Arc::clone(&topics))),
        Arc::new(Folder::new(Arc::clone(&topics))),
        Arc::new(File::mcap(Arc::clone(&topics))),
        Arc::new(File::bag(Arc::clone(&topics))),
        Arc::new(Session::new(topics)),
    ];
    Ok(Registry::new(own.into_iter().chain(built_in).collect()))
}

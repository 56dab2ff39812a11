//! What was claimed becomes drives: most formats tell them by the names of files, some by what is in them.

use std::sync::Arc;

use futures::{StreamExt as _, stream};

use crate::blob::Blobs;
use crate::error::Error;
use crate::limits::Limits;
use crate::source::{Claimed, DriveFiles};

/// The drives of a source.
#[derive(Default)]
pub(crate) struct Parted {
    pub(crate) drives: Vec<Claimed>,
    /// What could not be parted, and why.
    pub(crate) failed: Vec<(DriveFiles, Error)>,
    /// Files that turned out to belong to no drive.
    pub(crate) unrecognised: Vec<String>,
}

/// Parts what the formats claimed, one after the other: what is read for it is held until all its drives were read.
pub(crate) async fn part(claimed: Vec<Claimed>, blobs: &Arc<Blobs>, limits: &Limits) -> Parted {
    let parting = stream::iter(claimed).then(|claimed| part_one(claimed, blobs, limits));
    let parts: Vec<Parted> = parting.collect().await;
    let mut all = Parted::default();
    for part in parts {
        all.drives.extend(part.drives);
        all.failed.extend(part.failed);
        all.unrecognised.extend(part.unrecognised);
    }
    all
}

async fn part_one((format, files): Claimed, blobs: &Arc<Blobs>, limits: &Limits) -> Parted {
    let path = files.path.clone();
    let (reader, blobs, limits) = (Arc::clone(&format), Arc::clone(blobs), limits.clone());
    let task = tokio::task::spawn_blocking(move || {
        let parts = reader.parts(&files, &blobs, &limits);
        (files, parts)
    });
    let (files, parts) = match task.await {
        Ok(parted) => parted,
        Err(error) => {
            let (log_id, reason) = (path.clone(), error.to_string());
            // The files went with the thread.
            let files = Vec::new();
            (
                DriveFiles::new(path, files),
                Err(Error::Decoder { log_id, reason }),
            )
        }
    };
    match parts {
        Ok(None) => Parted {
            drives: vec![(format, files)],
            ..Parted::default()
        },
        Ok(Some(parts)) => {
            let drives = parts.drives.into_iter();
            Parted {
                drives: drives
                    .map(|drive| (Arc::clone(&parts.format), drive))
                    .collect(),
                failed: Vec::new(),
                unrecognised: parts.unrecognised,
            }
        }
        Err(error) => Parted {
            failed: vec![(files, error)],
            ..Parted::default()
        },
    }
}

//! Where logs come from: a listing, split into drives by the formats that know them.

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_lake::{Listed, ObjectEntry, Store, Unlisted, digest};
use futures::TryStreamExt as _;

use crate::apart::Apart;
use crate::blob::Blobs;
use crate::decoded::DecodedDrive;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::sink::DriveSink;

/// The files of one drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DriveFiles {
    /// Where it lies in the source: the folder or the file.
    pub(crate) path: String,
    /// Which drive of those that lie there it is, where there are several.
    pub(crate) part: Option<String>,
    /// Its files, by path.
    pub(crate) files: Vec<ObjectEntry>,
}

impl DriveFiles {
    /// The only drive at a path.
    pub(crate) fn new(path: String, files: Vec<ObjectEntry>) -> Self {
        let part = None;
        Self { path, part, files }
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The folder's or file's own name.
    pub(crate) fn name(&self, store: &Store) -> String {
        match self.path.rsplit('/').next() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => store.base_name().unwrap_or_default().to_owned(),
        }
    }

    /// Where the drive lies, as an absolute URI: [`Store::open`] leads back by it. The fragment is the part.
    pub(crate) fn uri(&self, store: &Store) -> String {
        let mut url = store.object_url(&self.path);
        url.set_fragment(self.part.as_deref());
        url.to_string()
    }

    /// A digest of where its first file lies: several drives without names may lie in one folder.
    pub(crate) fn place(&self, store: &Store) -> Option<String> {
        let first = store.object_url(&self.files.first()?.path);
        Some(short(&digest([first.as_str()])))
    }

    /// A digest of where its files lie, how large they are and when they changed. It is the same where nothing changed.
    pub(crate) fn listing(&self, store: &Store) -> String {
        let files = self.files.iter().flat_map(|file| {
            let place = store.object_url(&file.path).to_string();
            [place, file.fingerprint.clone()]
        });
        short(&digest(files.chain(self.part.clone())))
    }

    /// The path of a file, below the drive's own.
    pub(crate) fn relative<'a>(&self, file: &'a ObjectEntry) -> &'a str {
        file.path
            .strip_prefix(&self.path)
            .unwrap_or(&file.path)
            .trim_start_matches('/')
    }
}

/// A log format.
///
/// An implementation reads from [`Blobs`] on a thread that may block, keeps no state between drives but what [`LogSource::parts`] read for all of them, and gives the same rows for
/// the same bytes. It never panics on bad bytes: what it cannot read is an error (the drive fails) or a finding (a record is dropped).
pub(crate) trait LogSource: Send + Sync {
    /// Name of the format, as in `drive.format`.
    fn format(&self) -> &'static str;
    /// The files by which the format is recognised, for a person.
    fn looks_like(&self) -> &'static str;
    /// Takes the files that belong to drives of this format; leaves the others.
    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles>;
    /// Parts what was claimed into drives, for a format whose files' names do not tell them. None where it is one drive already.
    fn parts(&self, _: &DriveFiles, _: &Blobs, _: &Limits) -> Result<Option<Parts>> {
        Ok(None)
    }
    /// A digest of all that the drive's rows depend on.
    fn source_digest(&self, drive: &DriveFiles, blobs: &Blobs) -> Result<String> {
        blobs.digest(&drive.files)
    }
    /// A digest of what is known, before the drive is read, of all that its rows depend on.
    fn listing(&self, drive: &DriveFiles, store: &Store) -> Result<String> {
        Ok(drive.listing(store))
    }
    /// The drive's name. `source_digest` is that of [`LogSource::source_digest`].
    fn name(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        source_digest: &str,
    ) -> Result<Name>;
    /// Reads the drive. What an earlier reading found to lie in another time is set `apart`.
    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        sink: &mut dyn DriveSink,
        apart: Option<&Apart>,
    ) -> Result<DecodedDrive>;
}

/// The name of a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// The log says it, or whoever keeps logs of its format names them by it.
    Own(String),
    /// Made of the place and the bytes of a log that has no other: by its place it is known when its bytes change.
    OfPlace(String),
}

impl Name {
    /// The name that a log, or a file of it, gives itself.
    pub(crate) fn own(log_id: String, path: &str, limits: &Limits) -> Result<Self> {
        if log_id.len() <= limits.name_bytes_max {
            return Ok(Self::Own(log_id));
        }
        Err(Error::Limit {
            subject: path.to_owned(),
            limit: "name_bytes_max",
            max: limits.name_bytes_max as u64,
            actual: log_id.len() as u64,
        })
    }
}

/// The drives that lie in the same files.
pub(crate) struct Parts {
    /// Reads them, with what was read already.
    pub(crate) format: Arc<dyn LogSource>,
    pub(crate) drives: Vec<DriveFiles>,
    /// Files that were claimed and belong to none of them.
    pub(crate) unrecognised: Vec<String>,
}

/// The formats that an ingest knows.
pub(crate) struct Registry {
    formats: Vec<Arc<dyn LogSource>>,
}

/// A drive of the source and the format that reads it.
pub(crate) type Claimed = (Arc<dyn LogSource>, DriveFiles);

impl Registry {
    pub(crate) fn new(formats: Vec<Arc<dyn LogSource>>) -> Self {
        Self { formats }
    }

    /// Splits a listing into drives, by path; returns also the files that belong to none.
    pub(crate) fn split(&self, mut files: Vec<ObjectEntry>) -> (Vec<Claimed>, Vec<String>) {
        let mut drives = BTreeMap::new();
        for format in &self.formats {
            for drive in format.claim(&mut files) {
                drives.insert(drive.path.clone(), (Arc::clone(format), drive));
            }
        }
        let left = files.into_iter().map(|file| file.path).collect();
        (drives.into_values().collect(), left)
    }

    /// What is supported, for an error message.
    pub(crate) fn supported(&self) -> String {
        let each: Vec<_> = self
            .formats
            .iter()
            .map(|format| format!("{} ({})", format.format(), format.looks_like()))
            .collect();
        each.join("; ")
    }
}

/// Whether a file's name ends in an extension, however it is written: cameras and disks of some systems know capitals alone.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    stem(path, extension).is_some()
}

/// A file's name without an extension; `None` where it has another.
pub(crate) fn stem<'a>(path: &'a str, extension: &str) -> Option<&'a str> {
    let (stem, end) = path.rsplit_once('.')?;
    end.eq_ignore_ascii_case(extension).then_some(stem)
}

/// The start of a digest, which tells what few have.
pub(crate) fn short(digest: &str) -> String {
    digest.get(..12).unwrap_or(digest).to_owned()
}

/// A source that was opened and listed.
pub(crate) struct Listing {
    pub(crate) store: Store,
    /// The objects, by path; at least one.
    pub(crate) files: Vec<ObjectEntry>,
    /// What cannot be had of the source, by path.
    pub(crate) unlisted: Vec<Unlisted>,
}

/// Opens and lists a source: a folder, one file, or an object-store prefix. What is held of an entry is its path, size and digest;
/// the formats need all of them at once, because the files of a drive may lie anywhere in a listing.
pub(crate) async fn list(uri: &str) -> Result<Listing> {
    let resolved = resolved(uri)?;
    let store = Store::open(&resolved)?;
    let listing = entries(store).await?;
    let is_one_object = matches!(listing.files.as_slice(), [file] if file.path.is_empty());
    if is_one_object && let (Some(folder), Some(name)) = parent(&listing.store) {
        // Listed from its folder, the object has the name by which its format is recognised.
        let files = listing.files.into_iter();
        let files = files.map(|file| ObjectEntry {
            path: name.clone(),
            ..file
        });
        return Ok(Listing {
            store: folder,
            files: files.collect(),
            unlisted: listing.unlisted,
        });
    }
    match (listing.files.first(), listing.unlisted.first()) {
        (Some(_), _) => Ok(listing),
        (None, Some(unlisted)) => Err(Error::Source {
            file: unlisted.path.clone(),
            source: unlisted.reason.clone().into(),
        }),
        (None, None) => Err(Error::SourceMissing {
            uri: uri.to_owned(),
        }),
    }
}

/// The store of the folder above, and the store's own name in it.
fn parent(store: &Store) -> (Option<Store>, Option<String>) {
    (store.parent(), store.base_name().map(str::to_owned))
}

async fn entries(store: Store) -> Result<Listing> {
    let (mut files, mut unlisted) = (Vec::new(), Vec::new());
    let mut listed = store.entries("");
    while let Some(listed) = listed.try_next().await? {
        match listed {
            Listed::Object(file) => files.push(file),
            Listed::Unlisted(entry) => unlisted.push(entry),
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    unlisted.sort();
    Ok(Listing {
        store,
        files,
        unlisted,
    })
}

/// A local path without `..` and links, which stores do not take; a URI as it is.
fn resolved(uri: &str) -> Result<String> {
    if uri.contains("://") {
        return Ok(uri.to_owned());
    }
    let path = std::fs::canonicalize(uri).map_err(|_| Error::SourceMissing {
        uri: uri.to_owned(),
    })?;
    let path = path.into_os_string().into_string();
    path.map_err(|path| Error::Source {
        file: path.to_string_lossy().into_owned(),
        source: "its name is not UTF-8".into(),
    })
}

/// A digest of the source's listing: it changes when a file is added, removed or changed, and costs no reading of files.
///
/// # Errors
/// When there is nothing at the URI, or the store fails.
pub async fn fingerprint(source: &str) -> Result<String> {
    let files = list(source).await?.files;
    let parts = files.iter().flat_map(|file| {
        [
            file.path.clone(),
            file.size.to_string(),
            file.fingerprint.clone(),
        ]
    });
    Ok(digest(parts))
}

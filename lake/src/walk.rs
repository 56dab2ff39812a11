//! Listing a disk, where entries may be there that no object can be made of.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path as DiskPath, PathBuf};
use std::time::SystemTime;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{ObjectMeta, Result};
use tokio::sync::mpsc::{Sender, channel};
use walkdir::{DirEntry, WalkDir};

use crate::listing::{Met, Unlisted, beyond, relative};

/// Entries that wait for who reads them: what the walk is ahead of its reader.
const AHEAD_MAX: usize = 1024;

/// Everything below a folder, following links, in the order of names; a file is itself. `prefix` is the path that entries are named
/// from. Folders count as entries too, so that links which multiply come to an end.
pub(crate) fn walk(
    folder: PathBuf,
    prefix: &Path,
    entries_max: usize,
) -> BoxStream<'static, Result<Met>> {
    let (sender, receiver) = channel(AHEAD_MAX);
    let prefix = prefix.clone();
    tokio::task::spawn_blocking(move || send_all(&folder, &prefix, entries_max, &sender));
    futures::stream::unfold(receiver, |mut receiver| async move {
        let met = receiver.recv().await?;
        Some((met, receiver))
    })
    .boxed()
}

fn send_all(folder: &DiskPath, prefix: &Path, entries_max: usize, sender: &Sender<Result<Met>>) {
    let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    for (number, entry) in entries.into_iter().enumerate() {
        let met = match entry {
            _ if number > entries_max => Some(Err(beyond(entries_max))),
            Ok(entry) => met(&entry, prefix).map(Ok),
            Err(error) => failed(error, prefix),
        };
        let is_last = matches!(met, Some(Err(_)));
        // Nobody may be listening any more.
        let is_heard = met.is_none_or(|met| sender.blocking_send(met).is_ok());
        if is_last || !is_heard {
            return;
        }
    }
}

fn met(entry: &DirEntry, prefix: &Path) -> Option<Met> {
    let kind = entry.file_type();
    if kind.is_dir() {
        return None;
    }
    let location = match Path::from_absolute_path(entry.path()) {
        Ok(location) => location,
        Err(error) => return Some(unlisted(entry.path(), prefix, name_fault(&error))),
    };
    if is_staged(&location) {
        return None;
    }
    if !kind.is_file() {
        let reason = "it is neither a file nor a folder".to_owned();
        return Some(unlisted(entry.path(), prefix, reason));
    }
    match entry.metadata() {
        Ok(metadata) => Some(Met::Object(object(location, &metadata))),
        Err(error) => Some(unlisted(entry.path(), prefix, error.to_string())),
    }
}

/// What to say of an entry that the walk cannot enter; nothing of one that is gone meanwhile, and an error where it is the beginning.
fn failed(error: walkdir::Error, prefix: &Path) -> Option<Result<Met>> {
    let path = error.path().map(DiskPath::to_owned).unwrap_or_default();
    let is_missing = error
        .io_error()
        .is_some_and(|error| error.kind() == ErrorKind::NotFound);
    let is_link = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_symlink());
    if is_missing && !is_link {
        return None;
    }
    if error.depth() == 0 {
        return Some(Err(object_store::Error::Generic {
            store: "LocalFileSystem",
            source: error.into(),
        }));
    }
    let reason = match (error.loop_ancestor(), error.io_error()) {
        (Some(_), _) => "a link to a folder that it lies in".to_owned(),
        (None, Some(_)) if is_missing => "a link to what is not there".to_owned(),
        (None, Some(error)) => error.to_string(),
        (None, None) => error.to_string(),
    };
    Some(Ok(unlisted(&path, prefix, reason)))
}

#[expect(
    clippy::unnecessary_debug_formatting,
    reason = "a name that is not UTF-8 is to be told from others, as escapes tell it"
)]
fn unlisted(path: &DiskPath, prefix: &Path, reason: String) -> Met {
    let path = match Path::from_absolute_path(path) {
        Ok(path) => relative(&path, prefix),
        // Written as far as it can be, from the root of the disk: the name that is at fault may be that of a folder.
        Err(_) => format!("{:?}", path.as_os_str())
            .trim_matches('"')
            .to_owned(),
    };
    Met::Unlisted(Unlisted { path, reason })
}

/// Why a path on the disk is none that objects have.
fn name_fault(error: &object_store::path::Error) -> String {
    match error {
        object_store::path::Error::NonUnicode { .. } => "its name is not UTF-8".to_owned(),
        object_store::path::Error::BadSegment { .. } => {
            "its name has a control character".to_owned()
        }
        error => error.to_string(),
    }
}

/// Whether a file is an upload on its way: object stores on a disk write to a name with `#` and a number at its end.
fn is_staged(location: &Path) -> bool {
    let name = location.filename().unwrap_or_default();
    let number = name.split_once('#').map(|(_, number)| number);
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn object(location: Path, metadata: &Metadata) -> ObjectMeta {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH);
    let micros = since_epoch.unwrap_or_default().as_micros();
    let (inode, size) = (metadata.ino(), metadata.len());
    ObjectMeta {
        location,
        last_modified: modified.into(),
        size,
        // As the library has it, so that a listing says the same whoever made it.
        e_tag: Some(format!("{inode:x}-{micros:x}-{size:x}")),
        version: None,
    }
}

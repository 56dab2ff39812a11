//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes a file under another name, syncs it and then gives it its name.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let partial = partial_path(path);
    write(&partial).with_context(|| format!("cannot write {}", path.display()))?;
    let synced = File::open(&partial).and_then(|file| file.sync_all());
    synced
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

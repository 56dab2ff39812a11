//! The files that an ingest is asked to read its logs with.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use driveloop_ingest::{DatabaseFile, IngestOptions};

/// What an ingest is asked for: by the options of the command, or by a round file.
pub(crate) struct Asked<'a> {
    pub(crate) jobs: usize,
    pub(crate) mapping: Option<&'a Path>,
    /// As `[TOPIC=]FILE`.
    pub(crate) databases: &'a [PathBuf],
    pub(crate) all_signals: bool,
    pub(crate) replace: bool,
}

impl Asked<'_> {
    /// Reads the files that are named.
    pub(crate) fn options(&self, run_id: String) -> Result<IngestOptions> {
        let unreadable = |file: &Path| format!("cannot read `{}`", file.display());
        let mapping = self
            .mapping
            .map(|file| std::fs::read_to_string(file).with_context(|| unreadable(file)));
        let databases = self.databases.iter().map(|written| {
        let (topic, file) = bound(written);
        let bytes = std::fs::read(file).with_context(|| match topic {
            None => unreadable(file),
            Some(topic) => format!(
                "cannot read `{}`, the CAN database for the bus `{topic}` (a path with a `=` in it is written `={}`)",
                file.display(),
                written.display()
            ),
        })?;
        Ok(DatabaseFile {
            topic: topic.map(str::to_owned),
            name: file.display().to_string(),
            bytes,
        })
    });
        Ok(IngestOptions {
            jobs: self.jobs,
            mapping: mapping.transpose()?,
            databases: databases.collect::<Result<_>>()?,
            all_signals: self.all_signals,
            replace: self.replace,
            ..IngestOptions::new(run_id)
        })
    }
}

/// The topic and the path of a `--dbc`: what stands before the first `=`, and behind it.
fn bound(written: &Path) -> (Option<&str>, &Path) {
    match written.to_str().and_then(|text| text.split_once('=')) {
        None => (None, written),
        Some((topic, file)) => (
            Some(topic).filter(|topic| !topic.is_empty()),
            Path::new(file),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_written_with_its_bus_or_without() {
        for (written, topic, file) in [
            ("a.dbc", None, "a.dbc"),
            ("/can0=a.dbc", Some("/can0"), "a.dbc"),
            (
                "/can*=logs/date=1/a.dbc",
                Some("/can*"),
                "logs/date=1/a.dbc",
            ),
            ("=logs/date=1/a.dbc", None, "logs/date=1/a.dbc"),
        ] {
            assert_eq!(bound(Path::new(written)), (topic, Path::new(file)));
        }
    }
}

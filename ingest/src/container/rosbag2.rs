//! Folders as `ros2 bag record` writes them: `metadata.yaml` names the parts of one recording, and says how they are packed.

use serde::Deserialize;

/// Name of the file that makes a folder a recording.
pub(crate) const METADATA_FILE: &str = "metadata.yaml";
/// Bytes of that file: stops files that are no metadata. A recording of a day in parts of a minute has some 100 KiB.
pub(crate) const METADATA_BYTES_MAX: u64 = 16 << 20;
/// Endings of parts.
const PART_ENDINGS: [&str; 4] = [".mcap", ".db3", ".mcap.zstd", ".db3.zstd"];

/// What the metadata says of a recording, as far as it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Recording {
    /// Parts in the order of time, relative to the folder; older versions put the folder's name before them.
    #[serde(default)]
    pub(crate) relative_file_paths: Vec<String>,
    /// Messages of all parts.
    #[serde(default)]
    pub(crate) message_count: u64,
}

#[derive(Deserialize)]
struct File {
    rosbag2_bagfile_information: Recording,
}

impl Recording {
    /// Reads the text of the file. The error says what is wrong with it.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        Ok(file.rosbag2_bagfile_information)
    }

    /// Names of the parts, without folders.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        let paths = self.relative_file_paths.iter();
        paths.map(|path| path.rsplit('/').next().unwrap_or(path))
    }
}

/// Whether a file may be a part of a recording.
pub(crate) fn is_part(path: &str) -> bool {
    let path = path.to_lowercase();
    PART_ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// The order of parts by their numbers, `log_2` before `log_10`, where no metadata says it.
pub(crate) fn order(path: &str) -> (String, u64, String) {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    let digits = stem.len()
        - stem
            .trim_end_matches(|sign: char| sign.is_ascii_digit())
            .len();
    let (head, number) = stem.split_at(stem.len() - digits);
    (
        head.to_owned(),
        number.parse().unwrap_or_default(),
        path.to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_with_or_without_their_folder() {
        let text = b"rosbag2_bagfile_information:\n  version: 4\n  storage_identifier: sqlite3\n  message_count: 7\n  \
            relative_file_paths:\n    - run/run_0.db3\n    - run_1.db3\n  compression_format: \"\"\n";
        let recording = Recording::parse(text).unwrap();
        assert_eq!(
            recording.parts().collect::<Vec<_>>(),
            ["run_0.db3", "run_1.db3"]
        );
        assert_eq!(recording.message_count, 7);
        for bad in [&b"\xff"[..], b"[", b"rosbag2_bagfile_information: 3"] {
            assert!(Recording::parse(bad).is_err());
        }
    }

    #[test]
    fn numbers_order_parts() {
        let mut paths = ["a/run_10.mcap", "a/run_9.mcap", "a/run_0.mcap"];
        paths.sort_by_key(|path| order(path));
        assert_eq!(paths, ["a/run_0.mcap", "a/run_9.mcap", "a/run_10.mcap"]);
        assert!(is_part("X.MCAP") && is_part("a.db3.zstd") && !is_part("a.yaml"));
    }
}

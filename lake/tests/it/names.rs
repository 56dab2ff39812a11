//! Objects of any name that a disk or a bucket has.

use bytes::Bytes;
use driveloop_lake::{CheckDepth, Commit, Config, Lake, Store};
use driveloop_schemas::Drive;
use driveloop_tests::S3Server;

use crate::conformance::s3_config;
use crate::rows::drive;

/// A composed and a decomposed `ü` are two names; so are `%20` and a blank.
const NAMES: [&str; 22] = [
    "2025-06-15T12:00:00",
    "50%",
    "<angle>|pipe^",
    "DRIVE.MCAP",
    "[x]",
    "a#b",
    "amp&'quote\"",
    "at@+=,;!$()",
    "back\\slash",
    "blank 20",
    "dot..dot",
    "percent%20",
    "percent%2Fslash",
    "percent%%",
    "q?m",
    " leading and trailing ",
    "star*",
    "tilde~",
    "u\u{308}ni decomposed",
    "\u{fc}ni composed",
    "{brace}",
    "\u{8eca} \u{1f697}",
];

/// Writes each name as a file and as a folder, lists them, and opens each by its path and by its URI.
async fn assert_round_trips(root: &str, config: &Config) {
    let store = Store::open_with(root, config).unwrap();
    let mut expected = Vec::new();
    for name in NAMES {
        for path in [name.to_owned(), format!("folder of {name}/{name}")] {
            store.put(&path, Bytes::from(path.clone())).await.unwrap();
            expected.push(path);
        }
    }
    expected.sort();
    let listed = store.list("").await.unwrap().into_iter();
    let listed: Vec<String> = listed.map(|entry| entry.path).collect();
    assert_eq!(listed, expected, "{root}");
    for path in &expected {
        let bytes = store.get(path).await.unwrap();
        assert_eq!(bytes, *path, "{root}");
        assert!(store.exists(path).await.unwrap(), "{root}: {path}");
        let uri = store.object_url(path).to_string();
        let there = Store::open_with(&uri, config).unwrap();
        assert_eq!(there.get("").await.unwrap(), *path, "{uri}");
        let entries = there.list("").await.unwrap();
        assert_eq!(entries.len(), 1, "{uri}");
        assert_eq!(entries[0].path, "", "{uri}");
        if let Some(file) = store.local_path(path) {
            assert_eq!(std::fs::read(&file).unwrap(), path.as_bytes(), "{root}");
        }
    }
}

#[tokio::test]
async fn on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain", "100% of #1 [\u{fc}]"] {
        let root = folder.path().join(name).display().to_string();
        assert_round_trips(&root, &Config::default()).await;
    }
}

#[tokio::test]
async fn in_memory() {
    assert_round_trips("memory://names/some", &Config::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_bucket() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("names");
    let config = s3_config(server.address());
    for root in ["s3://names/plain", "s3://names/100% of #1 [\u{fc}]"] {
        assert_round_trips(root, &config).await;
    }
}

#[tokio::test]
async fn a_lake_lies_in_a_folder_of_any_name() {
    let folder = tempfile::tempdir().unwrap();
    // Delta's library takes a backslash for a slash, and what looks percent-encoded for what it would stand for.
    let is_decoded = |name: &&&str| name.contains('\\') || name.starts_with("percent");
    for name in NAMES.iter().filter(|name| !is_decoded(name)) {
        let root = folder.path().join(name).display().to_string();
        let lake = Lake::open(&root).await.unwrap();
        lake.append(&[drive("a")], &Commit::new("test", "run"))
            .await
            .unwrap();
        let again = Lake::open(&root).await.unwrap();
        again
            .append(&[drive("b")], &Commit::new("test", "run"))
            .await
            .unwrap();
        assert_eq!(again.read::<Drive>(None).await.unwrap().len(), 2, "{root}");
        assert_eq!(
            again.check(CheckDepth::Bytes).await.unwrap().problems,
            [],
            "{root}"
        );
    }
}

//! Listings of disks and buckets on which some entries cannot be had.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use driveloop_lake::{Config, Limits, Listed, Store};
use driveloop_tests::{FaultyProxy, S3Server};
use futures::TryStreamExt as _;

use crate::conformance::s3_config;

/// The paths of the objects, and what is said of the other entries, each sorted.
async fn entries(store: &Store) -> driveloop_lake::Result<(Vec<String>, Vec<(String, String)>)> {
    let (mut objects, mut unlisted) = (Vec::new(), Vec::new());
    let mut listed = store.entries("");
    while let Some(listed) = listed.try_next().await? {
        match listed {
            Listed::Object(entry) => objects.push(entry.path),
            Listed::Unlisted(entry) => unlisted.push((entry.path, entry.reason)),
        }
    }
    objects.sort();
    unlisted.sort();
    Ok((objects, unlisted))
}

fn write(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "x").unwrap();
}

#[tokio::test]
async fn one_entry_hides_no_other_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for file in ["a.mcap", "m/n.mcap", "z.mcap", "z.mcap#12"] {
        write(&root.join(file));
    }
    write(&root.join("control\u{1}.mcap"));
    write(&root.join(OsStr::from_bytes(b"latin-\xfc.mcap")));
    write(
        &root
            .join("m")
            .join(OsStr::from_bytes(b"\xff"))
            .join("in.mcap"),
    );
    symlink("nowhere", root.join("broken.mcap")).unwrap();
    symlink("..", root.join("m/loop")).unwrap();
    symlink("self", root.join("self")).unwrap();
    symlink("../a.mcap", root.join("m/linked.mcap")).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let store = Store::open(root.to_str().unwrap()).unwrap();
    let (objects, unlisted) = entries(&store).await.unwrap();
    assert_eq!(objects, ["a.mcap", "m/linked.mcap", "m/n.mcap", "z.mcap"]);
    let reason = |end: &str| {
        let entry = unlisted.iter().find(|(path, _)| path.ends_with(end));
        entry
            .unwrap_or_else(|| panic!("{end}: {unlisted:?}"))
            .1
            .as_str()
    };
    assert_eq!(reason("broken.mcap"), "a link to what is not there");
    assert_eq!(reason("m/loop"), "a link to a folder that it lies in");
    assert!(reason("self").contains("symbolic links"), "{unlisted:?}");
    assert_eq!(
        reason("control\\u{1}.mcap"),
        "its name has a control character"
    );
    assert_eq!(reason("latin-\\xFC.mcap"), "its name is not UTF-8");
    assert_eq!(reason("m/\\xFF/in.mcap"), "its name is not UTF-8");
    assert_eq!(reason("socket"), "it is neither a file nor a folder");
    assert_eq!(unlisted.len(), 7, "{unlisted:?}");
    // Who asks for a list alone is not given a part of it.
    let error = store.list("").await.unwrap_err();
    assert!(format!("{error:?}").contains("broken.mcap"), "{error:?}");
}

/// As the report had it: a folder that is closed to this user. The superuser reads every folder.
#[tokio::test]
async fn a_closed_folder_hides_no_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for file in ["a.mcap", "locked/in.mcap", "z.mcap"] {
        write(&root.join(file));
    }
    let close = |mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(root.join("locked"), mode).unwrap();
    };
    close(0o000);
    let is_superuser = std::fs::read_dir(root.join("locked")).is_ok();
    let store = Store::open(root.to_str().unwrap()).unwrap();
    let met = entries(&store).await;
    close(0o755);
    let (objects, unlisted) = met.unwrap();
    if is_superuser {
        eprintln!("skipped: this user may read every folder");
        return;
    }
    assert_eq!(objects, ["a.mcap", "z.mcap"]);
    assert_eq!(unlisted.len(), 1);
    assert_eq!(unlisted[0].0, "locked");
    assert!(unlisted[0].1.contains("ermission"), "{unlisted:?}");
}

#[tokio::test]
async fn a_listing_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..8 {
        write(&folder.path().join(format!("{number}")));
    }
    let root = folder.path().to_str().unwrap();
    let open = |uri: &str, list_entries_max| {
        let limits = Limits {
            list_entries_max,
            ..Limits::default()
        };
        let config = Config {
            limits,
            ..Config::default()
        };
        Store::open_with(uri, &config).unwrap()
    };
    assert_eq!(open(root, 8).list("").await.unwrap().len(), 8);
    let error = open(root, 7).list("").await.unwrap_err();
    let text = format!("{:?}", error);
    assert!(text.contains("more than 7 entries"), "{text}");
    // Folders that link to each other: more ways than a listing may have, and no file at the end of any.
    let links = tempfile::tempdir().unwrap();
    for level in 0..12 {
        let folder = links.path().join(format!("{level}"));
        std::fs::create_dir(&folder).unwrap();
        for way in ["x", "y", "z"] {
            symlink(format!("../{}", level + 1), folder.join(way)).unwrap();
        }
    }
    std::fs::create_dir(links.path().join("12")).unwrap();
    let store = open(links.path().to_str().unwrap(), 10_000);
    let text = format!("{:?}", entries(&store).await.unwrap_err());
    assert!(text.contains("more than 10000 entries"), "{text}");
}

/// Keys that are no paths, in the middle of more than one page, listed through a proxy that lets requests fail.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_hides_no_other_in_a_bucket() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("bucket");
    let keys: Vec<String> = (0..1100)
        .map(|number| format!("logs/{number:04}"))
        .collect();
    for key in &keys {
        server.put_object("bucket", key, b"x");
    }
    for key in ["0500/%2E%2E/x", "0500b%01", "1050/%2E"] {
        server.put_object("bucket", &format!("logs/{key}"), b"x");
    }
    let proxy = FaultyProxy::start(server.address(), 3);
    let store = Store::open_with("s3://bucket/logs", &s3_config(proxy.address())).unwrap();
    let (objects, unlisted) = entries(&store).await.unwrap();
    let below: Vec<&str> = keys.iter().map(|key| &key["logs/".len()..]).collect();
    assert_eq!(objects, below);
    let paths: Vec<&str> = unlisted.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["0500/../x", "0500b\\u{1}", "1050/."]);
    assert!(store.list("").await.is_err());
    let requests = proxy.traffic();
    // Two pages, and some ten requests to find each of the keys.
    assert!(requests.total() < 120, "{requests:?}");
}

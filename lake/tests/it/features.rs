//! Tables that another program has given features of Delta's.

use std::path::Path;

use driveloop_lake::{Commit, Lake};
use driveloop_schemas::Drive;

use crate::rows::drive;

/// Commits what another program would: a protocol and settings of its choice.
fn give(lake: &Path, version: usize, features: &[&str], settings: serde_json::Value) {
    let log = lake.join("tables/drive/_delta_log");
    let first = std::fs::read_to_string(log.join(format!("{:020}.json", 0))).unwrap();
    let actions = first
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut metadata = actions
        .into_iter()
        .find_map(|action| action.get("metaData").cloned())
        .unwrap();
    metadata["configuration"] = settings;
    let protocol = serde_json::json!({
        "minReaderVersion": 1,
        "minWriterVersion": 7,
        "writerFeatures": features,
    });
    let commit = [
        serde_json::json!({ "protocol": protocol }),
        serde_json::json!({ "metaData": metadata }),
    ];
    let text: String = commit.iter().map(|action| format!("{action}\n")).collect();
    std::fs::write(log.join(format!("{version:020}.json")), text).unwrap();
}

async fn lake_with_a_drive(folder: &Path) -> Lake {
    let lake = Lake::open(folder.to_str().unwrap()).await.unwrap();
    lake.append(&[drive("a")], &Commit::new("test", "run"))
        .await
        .unwrap();
    lake
}

async fn append(folder: &Path) -> driveloop_lake::Result<driveloop_lake::Outcome> {
    let lake = Lake::open(folder.to_str().unwrap()).await.unwrap();
    lake.append(&[drive("b")], &Commit::new("test", "run"))
        .await
}

#[tokio::test]
async fn what_cannot_be_written_to_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_with_a_drive(folder.path()).await;
    give(
        folder.path(),
        2,
        &["featureOfTomorrow"],
        serde_json::json!({}),
    );
    let error = append(folder.path()).await.unwrap_err();
    assert!(
        format!("{error:?}").contains("featureOfTomorrow"),
        "{error:?}"
    );
    assert_eq!(lake.read::<Drive>(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_may_only_grow_grows() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_with_a_drive(folder.path()).await;
    let settings = serde_json::json!({ "delta.appendOnly": "true" });
    give(folder.path(), 2, &["appendOnly"], settings);
    assert!(append(folder.path()).await.unwrap().is_new());
    assert_eq!(lake.read::<Drive>(None).await.unwrap().len(), 2);
    let removed = lake
        .replace::<Drive>("log_id = 'a'", &[], &Commit::new("test", "run"))
        .await;
    assert!(removed.is_err(), "{removed:?}");
    assert_eq!(lake.read::<Drive>(None).await.unwrap().len(), 2);
}

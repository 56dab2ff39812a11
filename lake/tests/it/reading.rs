//! What queries see.

use driveloop_lake::{Commit, Error, Lake};
use driveloop_schemas::Drive;

use crate::rows::episode;

#[tokio::test]
async fn composed_drives_are_seen_by_those_who_ask() {
    let lake = Lake::open("memory://reading/composed").await.unwrap();
    let rows = [episode("cut_in", "a", false), episode("cut_in", "b", true)];
    lake.append(&rows, &Commit::new("mine", "run"))
        .await
        .unwrap();
    let count = async |sql: &str| -> usize {
        let batches = lake.query(sql).await.unwrap();
        batches
            .iter()
            .map(arrow::record_batch::RecordBatch::num_rows)
            .sum()
    };
    assert_eq!(count("SELECT * FROM episode").await, 1);
    assert_eq!(count("SELECT * FROM public.episode").await, 1);
    assert_eq!(count("SELECT * FROM with_composed.episode").await, 2);
}

#[tokio::test]
async fn a_uri_that_names_no_store_is_said_to_be_none() {
    for uri in ["nosuch://x", "", "http://example.com/lake"] {
        let error = Lake::open(uri).await.unwrap_err();
        assert!(matches!(error, Error::InvalidUri { .. }), "{uri}: {error}");
    }
}

#[tokio::test]
async fn lakes_in_memory_are_shared_by_name() {
    let one = Lake::open("memory://reading/shared").await.unwrap();
    one.append(&[crate::rows::drive("a")], &Commit::new("ingest", "run"))
        .await
        .unwrap();
    for (uri, rows) in [
        ("memory://reading/shared", 1),
        ("memory://reading/other", 0),
        ("memory://elsewhere/shared", 0),
    ] {
        let lake = Lake::open(uri).await.unwrap();
        assert_eq!(lake.read::<Drive>(None).await.unwrap().len(), rows, "{uri}");
    }
}

//! What queries see.

use arrow::util::display::array_value_to_string;
use driveloop_lake::{AsOf, Commit, Error, Lake};
use driveloop_schemas::{Drive, Signal};

use crate::rows::{drive, episode, signal, transaction};

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

/// Rows that have no mark of their own, as an older version wrote them, are those of their drive, in the session and in what was.
#[tokio::test]
async fn rows_without_a_mark_are_hidden_with_their_composed_drive() {
    let lake = Lake::open("memory://reading/unmarked").await.unwrap();
    for (log_id, composed) in [("a", false), ("b", true), ("c", false)] {
        // A composed drive is its own transaction; so is "c", whose drive says that it is not composed.
        let id = match log_id {
            "a" => transaction(log_id),
            _ => log_id.to_owned(),
        };
        let commit = Commit::new("test", "run").with_transactions([id]);
        let rows = [1, 2].map(|stamp_ns| Signal {
            composed: None,
            ..signal(log_id, 0, stamp_ns)
        });
        lake.append(&rows, &commit).await.unwrap();
        let drive = Drive {
            composed,
            ..drive(log_id)
        };
        lake.append(&[drive], &commit).await.unwrap();
    }
    let version = lake.version("signal").await.unwrap().unwrap();
    for lake in [lake.as_of(AsOf::Version(version)), lake] {
        let seen = async |sql: &str| -> Vec<String> {
            let batches = lake.query(sql).await.unwrap();
            let ids = batches.iter().flat_map(|batch| {
                let ids = batch.column(0);
                (0..ids.len()).map(|row| array_value_to_string(ids, row).unwrap())
            });
            ids.collect()
        };
        let all = |schema: &str| format!("SELECT log_id FROM {schema}signal ORDER BY log_id");
        assert_eq!(seen(&all("")).await, ["a", "a", "c", "c"]);
        assert_eq!(seen(&all("public.")).await, ["a", "a", "c", "c"]);
        assert_eq!(seen(&all("with_composed.")).await.len(), 6);
        let one = "SELECT log_id FROM signal WHERE log_id = 'b' OR stamp_ns > 1 ORDER BY log_id";
        assert_eq!(seen(one).await, ["a", "c"]);
    }
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
    one.append(&[drive("a")], &Commit::new("ingest", "run"))
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

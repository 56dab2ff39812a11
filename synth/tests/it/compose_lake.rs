//! Composition in a lake: rows in, drives out, once.

use std::collections::BTreeMap;

use driveloop_lake::{Commit, Lake};
use driveloop_schemas::{Drive, EgoState, LogId, ObjectTrack, SyntheticItem};
use driveloop_synth::compose::{ComposeOptions, compose, recompose};

use crate::scenes::driven;

const HOSTS: [(&str, u64); 3] = [("host-a", 1), ("host-b", 4), ("host-c", 9)];

async fn lake_with_hosts(uri: &str) -> Lake {
    let lake = Lake::open(uri).await.unwrap();
    for (log_id, seed) in HOSTS {
        let (drive, rows, states, episodes) = driven(log_id, seed);
        let commit = Commit::new("test", "run").with_transactions([log_id]);
        lake.append(&rows, &commit).await.unwrap();
        lake.append(&states, &commit).await.unwrap();
        lake.append(&episodes, &commit).await.unwrap();
        lake.append(&[drive], &commit).await.unwrap();
    }
    lake
}

/// Hardest braking between three rows of a track, by differences of positions alone.
fn hardest_decel(rows: &[&ObjectTrack]) -> f64 {
    rows.windows(3)
        .filter(|w| w[2].stamp_ns - w[0].stamp_ns <= 210_000_000)
        .map(|w| {
            let speed =
                |a: &ObjectTrack, b: &ObjectTrack| (b.x_m - a.x_m).hypot(b.y_m - a.y_m) / 0.1;
            (speed(w[0], w[1]) - speed(w[1], w[2])) / 0.1
        })
        .fold(0.0, f64::max)
}

#[tokio::test]
async fn drives_are_composed_once_and_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_with_hosts(folder.path().to_str().unwrap()).await;
    let options = ComposeOptions {
        candidates_per_episode: 4,
        run_id: "r".into(),
        ..ComposeOptions::default()
    };
    let report = compose(&lake, &options).await.unwrap();
    eprintln!("{report:#?}");
    let accepted: usize = report.accepted.values().sum();
    assert!(accepted >= 4, "{report:?}");

    let drives = lake.read::<Drive>(Some("composed = true")).await.unwrap();
    let items = lake.read::<SyntheticItem>(None).await.unwrap();
    assert_eq!((drives.len(), items.len()), (accepted, report.candidates));
    for drive in &drives {
        let filter = format!("log_id = '{}'", drive.log_id);
        let rows = lake.read::<ObjectTrack>(Some(&filter)).await.unwrap();
        let states = lake.read::<EgoState>(Some(&filter)).await.unwrap();
        let item = items
            .iter()
            .find(|item| item.item_id == drive.log_id.as_str())
            .unwrap();
        for track_id in &item.edited_tracks {
            let start_ns = item.edit_start_ns + 100_000_000;
            let track = rows
                .iter()
                .filter(|r| r.track_id == *track_id && r.stamp_ns > start_ns);
            let decel = hardest_decel(&track.collect::<Vec<_>>());
            assert!(decel < 8.8, "{track_id}: {decel}");
        }
        let again = recompose(&lake, item).await.unwrap();
        assert_eq!(again.drive, *drive);
        assert_eq!(again.object_tracks, rows);
        assert_eq!(again.ego_states, states);
    }

    let versions = lake.versions().await.unwrap();
    let second = compose(&lake, &options).await.unwrap();
    assert_eq!(second.already_there, report.candidates);
    assert_eq!(lake.versions().await.unwrap(), versions);
}

#[tokio::test]
async fn a_small_limit_is_spread_over_the_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_with_hosts(folder.path().to_str().unwrap()).await;
    let mut before = 0;
    for (limit, least, most) in [(3, 1, 1), (7, 2, 3)] {
        let options = ComposeOptions {
            candidates_per_episode: 4,
            limit,
            run_id: format!("r{limit}"),
            ..ComposeOptions::default()
        };
        let report = compose(&lake, &options).await.unwrap();
        assert_eq!((report.candidates, report.already_there), (limit, before));
        let mut counts: BTreeMap<LogId, usize> = BTreeMap::new();
        for item in lake.read::<SyntheticItem>(None).await.unwrap() {
            *counts.entry(item.host_log_id).or_default() += 1;
        }
        assert_eq!((counts.len(), counts.values().sum::<usize>()), (3, limit));
        assert!(
            counts.values().all(|count| (least..=most).contains(count)),
            "{counts:?}"
        );
        before = limit;
    }
}

#[tokio::test]
async fn what_a_host_has_no_use_for_goes_to_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_with_hosts(folder.path().to_str().unwrap()).await;
    let mut options = ComposeOptions {
        candidates_per_episode: 4,
        run_id: "all".into(),
        ..ComposeOptions::default()
    };
    let all = compose(&lake, &options).await.unwrap().candidates;
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_with_hosts(folder.path().to_str().unwrap()).await;
    options.limit = all - 1;
    let report = compose(&lake, &options).await.unwrap();
    assert_eq!((report.candidates, report.already_there), (all - 1, 0));
    // The hosts have not the same number of candidates, and yet all but one were tried.
    let items = lake.read::<SyntheticItem>(None).await.unwrap();
    assert_eq!(items.len(), all - 1);
}

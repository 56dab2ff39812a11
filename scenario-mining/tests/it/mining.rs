//! From drives to episodes.

use driveloop_scenario_mining::{Catalogue, Error, MineOptions, mine};
use driveloop_schemas::{Episode, Row};

use crate::scene::{EGO, Mover, PARKED, SLOW, START_NS, add_drive, lake};

#[tokio::test]
async fn episodes_are_found_once() {
    let (_folder, lake) = lake().await;
    add_drive(&lake, "a", None, &[EGO, SLOW, PARKED]).await;
    add_drive(&lake, "b", None, &[EGO, PARKED]).await;
    add_drive(&lake, "a-composed", Some("a"), &[EGO, SLOW]).await;
    let catalogue = Catalogue::builtin().unwrap();
    let report = mine(&lake, &catalogue, &MineOptions::new("run-1"))
        .await
        .unwrap();
    assert_eq!(
        (report.drives, report.composed_drives, report.commits),
        (3, 1, 1)
    );
    let low_ttc = report.scenarios["low_ttc"];
    assert_eq!((low_ttc.episodes, low_ttc.drives), (1, 1));
    assert_eq!((low_ttc.composed_episodes, low_ttc.composed_drives), (1, 1));

    let episodes = lake
        .read::<Episode>(Some("scenario = 'low_ttc'"))
        .await
        .unwrap();
    assert_eq!(episodes.len(), 2);
    let episode = &episodes[0];
    assert_eq!((episode.log_id.as_str(), episode.composed), ("a", false));
    assert_eq!(episode.actors, ["ego", "slow"]);
    assert_eq!(episode.roles, ["ego", "actor"]);
    // The gap of 56 m closes at 5 m/s, so the time to collision falls below 2.5 s at 8.7 s.
    assert_eq!((episode.start_ns - START_NS) / 100_000_000, 87);

    let version = lake.version("episode").await.unwrap();
    let again = mine(&lake, &catalogue, &MineOptions::new("run-2"))
        .await
        .unwrap();
    assert_eq!(again.commits, 0);
    assert_eq!(again.scenarios["low_ttc"].episodes, 1);
    assert_eq!(lake.version("episode").await.unwrap(), version);
}

#[tokio::test]
async fn parameters_replace_and_come_back() {
    let (_folder, lake) = lake().await;
    add_drive(&lake, "a", None, &[EGO, SLOW]).await;
    let catalogue = Catalogue::builtin().unwrap();
    let before = MineOptions::new("run");
    mine(&lake, &catalogue, &before).await.unwrap();
    let first = lake.read::<Episode>(None).await.unwrap();
    let mut none = before.clone();
    none.scenarios = vec!["low_ttc".into()];
    none.params
        .insert("low_ttc.ttc_max_s".into(), "0.001".into());
    for _ in 0..2 {
        assert_eq!(mine(&lake, &catalogue, &none).await.unwrap().commits, 1);
        assert!(
            lake.read::<Episode>(Some("scenario = 'low_ttc'"))
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(mine(&lake, &catalogue, &before).await.unwrap().commits, 1);
        assert_eq!(lake.read::<Episode>(None).await.unwrap(), first);
    }
}

#[tokio::test]
async fn batches_change_nothing() {
    let (_folder, one) = lake().await;
    let (_folder2, many) = lake().await;
    for log_id in ["a", "b", "c"] {
        add_drive(&one, log_id, None, &[EGO, SLOW]).await;
        add_drive(&many, log_id, None, &[EGO, SLOW]).await;
    }
    let catalogue = Catalogue::builtin().unwrap();
    let mut options = MineOptions::new("run");
    mine(&one, &catalogue, &options).await.unwrap();
    options.limits.drives_per_batch = 1;
    options.limits.held_s_max = 0.0;
    assert_eq!(mine(&many, &catalogue, &options).await.unwrap().commits, 3);
    let rows = one.read::<Episode>(None).await.unwrap();
    assert!(!rows.is_empty());
    assert_eq!(rows, many.read::<Episode>(None).await.unwrap());
    assert!(Episode::to_batch(&rows).is_ok());
}

#[tokio::test]
async fn a_users_scenario_is_mined_and_its_faults_are_named() {
    let (_folder, lake) = lake().await;
    let bus = Mover {
        track: "bus",
        category: "BUS",
        x_m: 30.0,
        y_m: 4.0,
        speed_mps: 9.0,
    };
    add_drive(&lake, "a", None, &[EGO, bus]).await;
    let header = "-- scenario: bus_near\n-- version: 1\n-- description: A bus.\n-- roles: bus\n\
        -- episodes: min_duration = 1 s, max_gap = 0.2 s\n-- score: one, 1\n-- severity: low\n";
    let query =
        "SELECT log_id, stamp_ns, track_id AS bus, 1 AS score FROM scene WHERE category = 'BUS'";
    let mut catalogue = Catalogue::default();
    catalogue
        .add("bus_near.sql", &format!("{header}{query}"))
        .unwrap();
    let report = mine(&lake, &catalogue, &MineOptions::new("run"))
        .await
        .unwrap();
    assert_eq!(report.scenarios["bus_near"].episodes, 1);

    let mut limited = MineOptions::new("run");
    limited.limits.episodes_max = 0;
    assert!(matches!(
        mine(&lake, &catalogue, &limited).await,
        Err(Error::Limit { .. })
    ));
    catalogue
        .add(
            "bus_near.sql",
            &format!("{header}{}", query.replace("1 AS score", "1 AS s")),
        )
        .unwrap();
    let error = mine(&lake, &catalogue, &MineOptions::new("run"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Columns { .. }), "{error}");
    catalogue
        .add(
            "bus_near.sql",
            &format!("{header}{}", query.replace("track_id", "track")),
        )
        .unwrap();
    let error = mine(&lake, &catalogue, &MineOptions::new("run"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("scenario `bus_near`, line 8, column 26"),
        "{error}"
    );
}

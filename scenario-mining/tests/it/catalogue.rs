//! Scenario files, right and wrong.

use std::collections::BTreeMap;

use driveloop_scenario_mining::{Catalogue, Error, Severity};

const GOOD: &str = "-- scenario: fast
-- version: 2
-- description: Somebody is fast.
-- roles: actor
-- episodes: min_duration = 0.5 s, max_gap = 0.2 s
-- param: speed_min_mps = 30 m/s — speed
-- param: kind = 'BUS' - — category
-- score: speed, m/s
-- severity: low
-- tags: a, b
--
-- Free text, with $speed_min_mps in it.
SELECT log_id, stamp_ns, track_id AS actor, vx_mps AS score FROM object_track
WHERE vx_mps > $speed_min_mps AND category = $kind
";

#[test]
fn the_builtin_scenarios_are_right() {
    let catalogue = Catalogue::builtin().unwrap();
    let names: Vec<_> = catalogue
        .iter()
        .map(|scenario| scenario.name.as_str())
        .collect();
    for name in [
        "cut_in",
        "lead_hard_brake",
        "low_ttc",
        "pedestrian_crossing_ahead",
        "stationary_object_ahead",
    ] {
        assert!(names.contains(&name), "{name}");
        assert_eq!(catalogue.get(name).unwrap().roles[0], "ego");
    }
}

#[test]
fn a_header_is_read() {
    let mut catalogue = Catalogue::default();
    catalogue.add("some/fast.sql", GOOD).unwrap();
    let scenario = catalogue.get("fast").unwrap();
    assert_eq!((scenario.version, scenario.severity), (2, Severity::Low));
    assert_eq!(
        (scenario.min_duration_ns, scenario.max_gap_ns),
        (500_000_000, 200_000_000)
    );
    assert_eq!(scenario.tags, ["a", "b"]);
    let query = scenario.query(&BTreeMap::new()).unwrap();
    assert!(
        query.contains("vx_mps > (30.0) AND category = 'BUS'"),
        "{query}"
    );
    assert!(query.contains("with $speed_min_mps in it"));
    let given = [("speed_min_mps", "-1e-7"), ("kind", "o'clock")];
    let given = given
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let query = scenario.query(&given).unwrap();
    assert!(
        query.contains("vx_mps > (-1e-7) AND category = 'o''clock'"),
        "{query}"
    );
}

#[test]
fn a_parameter_must_exist_and_fit() {
    let mut catalogue = Catalogue::default();
    catalogue.add("fast.sql", GOOD).unwrap();
    for (name, value) in [
        ("sped", "1"),
        ("speed_min_mps", "fast"),
        ("speed_min_mps", "inf"),
    ] {
        let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let error = catalogue.get("fast").unwrap().query(&given).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{error}");
    }
}

#[test]
fn a_wrong_file_says_where() {
    for (from, to, expected) in [
        (
            "-- version: 2",
            "-- version: two",
            "fast.sql:2: expected a whole number from 1, got `two`",
        ),
        (
            "-- scenario: fast",
            "-- scenario: slow",
            "fast.sql:1: expected the name of the file, `fast`",
        ),
        (
            "-- severity: low\n",
            "",
            "expected `-- severity:` in the header",
        ),
        (
            "-- tags: a, b",
            "-- tagz: a, b",
            "fast.sql:10: expected `-- KEY: VALUE`",
        ),
        ("-- roles: actor", "-- roles: actor, actor", "fast.sql:4"),
        ("min_duration = 0.5 s", "min_duration = 0.5", "fast.sql:5"),
        ("— speed", "speed", "fast.sql:6"),
        ("category = $kind", "category = $sort", "$sort"),
        (" AND category = $kind", "", "each parameter in the query"),
        (
            "WHERE",
            "WERE",
            "line 14, column 6: expected end of statement, got vx_mps",
        ),
        (
            "SELECT log_id",
            "DROP TABLE x; SELECT log_id",
            "one query after the header",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        let error = Catalogue::default()
            .add("fast.sql", &text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_folder_adds_and_replaces() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fast.sql"), GOOD).unwrap();
    let cut_in = GOOD.replace("scenario: fast", "scenario: cut_in");
    std::fs::write(folder.path().join("cut_in.sql"), cut_in).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a scenario").unwrap();
    let builtin = Catalogue::builtin().unwrap();
    let count = builtin.iter().count();
    let catalogue = builtin.with_folder(folder.path()).unwrap();
    assert_eq!(catalogue.iter().count(), count + 1);
    assert_eq!(catalogue.get("cut_in").unwrap().version, 2);
    assert!(catalogue.get("nothing").is_err());
    assert!(
        Catalogue::default()
            .with_folder(&folder.path().join("absent"))
            .is_err()
    );
}

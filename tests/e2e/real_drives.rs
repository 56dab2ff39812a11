//! Three real drives, where they are there: what Python reads in their files, and the round on them.

use driveloop_tests::{peers_python, test_data};

use crate::harness::{Bench, Run, peer};

const ROUND: &str = r#"
name = "logs"
[synth]
scenarios = []
[train.params]
steps_max = 50
"#;

#[test]
fn a_round_on_argoverse_drives() {
    let Some(logs) = test_data("argoverse2/sensor/val") else {
        return;
    };
    let bench = Bench::new();
    bench.write("round.toml", ROUND);
    let round = [
        "round",
        "run",
        "round.toml",
        "--source",
        &logs.display().to_string(),
    ];
    let summary = bench.ok(&round);
    assert_eq!(bench.cell("SELECT count(*) FROM drive"), "3");
    assert_eq!(
        bench.cell("SELECT count(*) FROM object_track WHERE category <> 'EGO_VEHICLE'"),
        "37105"
    );
    assert_eq!(bench.cell("SELECT count(*) FROM ego_state"), "8037");
    assert_eq!(bench.cell("SELECT count(*) FROM lidar_sweep"), "2");
    assert!(
        summary.contains("INCONCLUSIVE"),
        "one test drive shows nothing:\n{summary}"
    );
    let lineage = bench.ok(&["lineage", "--format", "csv"]);
    let digests = bench.ok(&["sql", "SELECT source_digest FROM drive", "--format", "csv"]);
    let digests: Vec<_> = digests.lines().skip(1).collect();
    assert_eq!(digests.len(), 3);
    for digest in digests {
        assert!(
            lineage.contains(digest),
            "the lineage leads to {digest}:\n{lineage}"
        );
    }
}

#[test]
fn the_lake_has_what_the_files_have() {
    let Some(logs) = test_data("argoverse2/sensor/val") else {
        return;
    };
    let bench = Bench::new();
    let ingest = ["ingest", &logs.display().to_string()];
    bench.ok(&ingest);
    let versions = bench.ok(&["lake", "tables", "--format", "csv"]);
    bench.ok(&ingest);
    assert_eq!(
        bench.ok(&["lake", "tables", "--format", "csv"]),
        versions,
        "a second run commits nothing"
    );
    assert_eq!(
        bench.cell("SELECT count(*) FROM object_track WHERE category <> 'EGO_VEHICLE'"),
        "37105"
    );
    assert_eq!(bench.cell("SELECT count(*) FROM ego_state"), "8037");
    let Some(mut python) = peers_python() else {
        return;
    };
    let counted = Run::of(
        &python
            .arg(peer("count_argoverse.py"))
            .arg(&logs)
            .output()
            .expect("python3 starts"),
    );
    assert_eq!(counted.status, 0, "{}", counted.stderr);
    let objects = "SELECT log_id, count(*) AS rows, count(DISTINCT track_id) AS tracks, count(DISTINCT stamp_ns) AS stamps \
                   FROM object_track WHERE category <> 'EGO_VEHICLE' GROUP BY log_id";
    let poses = "SELECT log_id, count(*) AS poses FROM ego_state GROUP BY log_id";
    let sql = format!(
        "SELECT log_id, rows, tracks, stamps, poses FROM ({objects}) JOIN ({poses}) USING (log_id) ORDER BY log_id"
    );
    let expected: Vec<_> = counted
        .stdout
        .lines()
        .map(|line| line.replace(' ', ","))
        .collect();
    assert_eq!(expected.len(), 3);
    assert_eq!(bench.lines(&sql), expected);
}

//! The round on three real drives, where they are there.

use crate::harness::{Bench, test_data};

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

//! The release gate on the scores of another evaluator.

use driveloop_tests::test_data;

use crate::harness::Bench;

#[test]
fn a_higher_mean_does_not_hide_more_collisions() {
    let (Some(vov), Some(resnet)) = (
        test_data("planner-scores/gtrs_dense_vov_sim_reward_navtest.csv"),
        test_data("planner-scores/gtrs_dense_resnet_sim_reward_navtest.csv"),
    ) else {
        return;
    };
    let (vov, resnet) = (vov.display().to_string(), resnet.display().to_string());
    let bench = Bench::new();
    let gate = |candidate: &str, format: &str| {
        let arguments = [
            "ota",
            "validate",
            "--scores",
            candidate,
            "--baseline-scores",
            &resnet,
            "--key",
            "token",
            "--format",
            format,
        ];
        bench.run(&[&arguments[..], &["--report", "report.html"]].concat())
    };
    let run = gate(&vov, "json");
    assert_eq!(run.status, 3, "{}", run.stderr);
    let evidence: serde_json::Value = serde_json::from_str(&run.stdout).expect("evidence is JSON");
    let verdict = &evidence["verdict"];
    assert_eq!(verdict["decision"], "BLOCK");
    assert_eq!(verdict["scenes"], 12_146);
    let metric = |name: &str| {
        let mut all = verdict["comparisons"]
            .as_array()
            .expect("comparisons")
            .iter();
        all.find(|row| row["metric"] == name && row["slice"] == "all")
            .expect("the metric")
            .clone()
    };
    let collisions = metric("no_at_fault_collisions");
    let failing = |row: &serde_json::Value| {
        ["baseline", "candidate", "new", "mended"]
            .map(|key| row["failing"][key].as_u64().unwrap_or(u64::MAX))
    };
    assert_eq!(failing(&collisions), [194, 299, 218, 113]);
    let p = collisions["p_value"].as_f64().expect("a p value");
    assert!((p / 8.2e-9 - 1.0).abs() < 0.02, "exact McNemar p = {p:e}");
    let ttc = failing(&metric("time_to_collision_within_bound"));
    assert_eq!(ttc[..2], [248, 357]);
    let score = metric("score");
    let mean = |key: &str| score[key].as_f64().unwrap_or_default();
    // The last row of each file, which is no scene, has these means too.
    assert!(
        (mean("baseline_mean") - 0.845_648_752_75).abs() < 1e-9,
        "{score}"
    );
    assert!(
        (mean("candidate_mean") - 0.848_021_426_13).abs() < 1e-9,
        "{score}"
    );
    let html = std::fs::read_to_string(bench.path("report.html")).expect("the report");
    assert!(html.contains("BLOCK"));
    for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(
            !html.contains(outside),
            "one file, nothing loaded from elsewhere: {outside}"
        );
    }

    let same = gate(&resnet, "table");
    assert_eq!(same.status, 0, "{}", same.stderr);
    assert!(same.stderr.contains("PASS"), "{}", same.stderr);
}

//! The release gate on the scores of another evaluator.

use driveloop_tests::{peers_python, test_data};

use crate::harness::{Bench, Run, peer};

/// Scores of two policies on the same scenes: `vov` and `resnet`.
fn policies() -> Option<(String, String)> {
    let path = |policy: &str| {
        let name = format!("planner-scores/gtrs_dense_{policy}_sim_reward_navtest.csv");
        test_data(&name).map(|path| path.display().to_string())
    };
    path("vov").zip(path("resnet"))
}

/// Runs the gate, and returns the run with the evidence where it is JSON.
fn gate(bench: &Bench, candidate: &str, baseline: &str, more: &[&str]) -> Run {
    let arguments = [
        "ota",
        "validate",
        "--scores",
        candidate,
        "--baseline-scores",
        baseline,
        "--key",
        "token",
    ];
    bench.run(&[&arguments[..], more].concat())
}

#[test]
fn a_higher_mean_does_not_hide_more_collisions() {
    let Some((vov, resnet)) = policies() else {
        return;
    };
    let bench = Bench::new();
    let run = gate(
        &bench,
        &vov,
        &resnet,
        &["--format", "json", "--report", "report.html"],
    );
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
    // Every figure of both directions is named in words.
    for said in [
        "BLOCK",
        "no_at_fault_collisions (safety-critical, all scenes) is significantly worse: \
         failing scenes 194 → 299 of 12,146 (218 new, 113 mended); exact McNemar p = 8.2e-9",
        "time_to_collision_within_bound (safety-critical, all scenes) is significantly worse: \
         failing scenes 248 → 357 of 12,146 (250 new, 141 mended); exact McNemar p = 3.9e-8",
        "lane_keeping (all scenes) is significantly better: failing scenes 421 → 341",
        "driving_direction_compliance (safety-critical, all scenes) is significantly better: failing scenes 118 → 75",
        "mean 0.8456 → 0.8480",
    ] {
        assert!(html.contains(said), "{said}");
    }
    for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(
            !html.contains(outside),
            "one file, nothing loaded from elsewhere: {outside}"
        );
    }

    let same = gate(&bench, &resnet, &resnet, &["--format", "csv"]);
    assert_eq!(same.status, 0, "{}", same.stderr);
    assert!(same.stderr.contains("PASS"), "{}", same.stderr);
    let findings: Vec<&str> = same.stdout.lines().skip(1).collect();
    assert_eq!(findings.len(), 10, "a metric each");
    for finding in findings {
        assert!(finding.ends_with("nodifference"), "{finding}");
    }
}

/// A number of the JSON.
fn number(json: &serde_json::Value, pointer: &str) -> f64 {
    let value = json.pointer(pointer).and_then(serde_json::Value::as_f64);
    value.unwrap_or_else(|| panic!("no {pointer} in {json}"))
}

#[test]
fn three_hundred_scenes_decide_nothing_and_the_count_that_would_is_right() {
    let Some((vov, resnet)) = policies() else {
        return;
    };
    let bench = Bench::new();
    let all = std::fs::read_to_string(&resnet).expect("the scores");
    let few: Vec<&str> = all.lines().take(301).collect();
    bench.write("few.csv", few.join("\n"));
    let more = ["--format", "json", "--wanted", "wanted.json"];
    let run = gate(&bench, &vov, "few.csv", &more);
    assert_eq!(run.status, 3, "{}", run.stderr);
    let evidence: serde_json::Value = serde_json::from_str(&run.stdout).expect("evidence is JSON");
    let verdict = &evidence["verdict"];
    assert_eq!(verdict["decision"], "INCONCLUSIVE");
    assert_eq!(verdict["scenes"], 300);
    let wanted = std::fs::read(bench.path("wanted.json")).expect("what is wanted");
    let wanted: serde_json::Value = serde_json::from_slice(&wanted).expect("JSON");
    assert_eq!(wanted["wanted"], verdict["wanted"]);
    assert_eq!(wanted["wanted"][0]["slice"], "all");
    for reason in verdict["reasons"].as_array().expect("reasons") {
        let shortfall = &reason["shortfall"];
        if shortfall.is_null() {
            continue;
        }
        let needed = number(shortfall, "/scenes") + number(shortfall, "/more_scenes");
        let mut comparisons = verdict["comparisons"]
            .as_array()
            .expect("comparisons")
            .iter();
        let comparison = comparisons
            .find(|row| row["metric"] == shortfall["metric"] && row["slice"] == "all")
            .expect("its comparison");
        let discordant = number(comparison, "/failing/new") + number(comparison, "/failing/mended");
        let share = (discordant + 1.0) / (number(comparison, "/scenes") + 2.0);
        let margin = number(comparison, "/margin");
        // Where it looks worse than the margin, the count is for that; else for the margin or no difference.
        let looks_worse = comparison["needed"]["assumes"] == "seen_effect";
        let difference = if looks_worse {
            number(comparison, "/worsening")
        } else {
            margin
        };
        assert_eq!(looks_worse, number(comparison, "/worsening") > margin);
        assert_eq!(comparison["family"]["of"], "block");
        let threshold = 0.025 / number(comparison, "/family/tests");
        let arguments = [needed, share, margin, 0.025, difference, threshold, 7.0];
        let Some((alike, worse)) = simulated_powers(arguments) else {
            return;
        };
        eprintln!(
            "{}: at {needed} scenes the powers are {alike} and {worse}",
            shortfall["metric"]
        );
        // The count is for the one of the two tests that needs more; the other has more power then.
        let least = if looks_worse { worse } else { alike.min(worse) };
        assert!((0.78..0.84).contains(&least), "{shortfall}: {alike} {worse}");
    }
}

/// The power of both tests as another program simulates it.
fn simulated_powers(arguments: [f64; 7]) -> Option<(f64, f64)> {
    let arguments = arguments.map(|number| number.to_string());
    let mut python = peers_python()?;
    let output = python.arg(peer("gate_power.py")).args(arguments).output();
    let run = Run::of(&output.expect("python3 starts"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    let mut powers = run.stdout.split_whitespace().map(str::parse);
    Some((powers.next()?.ok()?, powers.next()?.ok()?))
}

#[test]
fn parquet_of_another_writer_gives_the_same_verdict() {
    let Some((vov, resnet)) = policies() else {
        return;
    };
    let bench = Bench::new();
    for (csv, parquet) in [(&vov, "vov.parquet"), (&resnet, "resnet.parquet")] {
        let Some(mut python) = peers_python() else {
            return;
        };
        let output = python
            .arg(peer("csv_to_parquet.py"))
            .arg(csv)
            .arg(bench.path(parquet))
            .output();
        let run = Run::of(&output.expect("python3 starts"));
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
    let verdict = |candidate: &str, baseline: &str| {
        let run = gate(&bench, candidate, baseline, &["--format", "json"]);
        assert_eq!(run.status, 3, "{}", run.stderr);
        let evidence: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        evidence["verdict"].clone()
    };
    assert!(verdict("vov.parquet", "resnet.parquet") == verdict(&vov, &resnet));
}

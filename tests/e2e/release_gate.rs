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
        assert!(finding.ends_with(",no_difference"), "{finding}");
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
    // A metric that looks better is tested for "worse" all the same: in the family of those that look worse.
    let mut all = verdict["comparisons"]
        .as_array()
        .expect("comparisons")
        .iter();
    let blocking = all.find(|row| row["family"]["of"] == "block");
    let blocking = number(blocking.expect("one that looks worse"), "/family/tests");
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
        let threshold = 0.025 / blocking;
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
        assert!(
            (0.78..0.84).contains(&least),
            "{shortfall}: {alike} {worse}"
        );
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

/// Unpacks an input of the shared cases into the bench.
fn unpack(bench: &Bench, case: &str, file: &str) -> Option<String> {
    let packed = test_data(&format!("cases/scores/{case}/{file}.csv.gz"))?;
    let output = std::process::Command::new("gzip")
        .arg("-dc")
        .arg(packed)
        .output();
    let output = output.expect("gzip starts");
    assert!(output.status.success());
    let name = format!("{case}-{file}.csv");
    bench.write(&name, output.stdout);
    Some(name)
}

fn evidence(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stderr))
}

/// The failing scenes of a metric over all scenes: before, after, new, mended.
fn failing(evidence: &serde_json::Value, metric: &str) -> [u64; 4] {
    let rows = evidence["verdict"]["comparisons"]
        .as_array()
        .expect("comparisons");
    let row = rows
        .iter()
        .find(|row| row["metric"] == metric && row["slice"] == "all");
    let failing = &row.expect("the metric")["failing"];
    ["baseline", "candidate", "new", "mended"].map(|key| failing[key].as_u64().unwrap_or(u64::MAX))
}

#[test]
fn scenes_that_are_called_like_totals_are_scenes() {
    let bench = Bench::new();
    for renamed in ["", "-renamed"] {
        let unpack = |side: &str| unpack(&bench, "names-like-totals", &format!("{side}{renamed}"));
        let Some((candidate, baseline)) = unpack("candidate").zip(unpack("baseline")) else {
            return;
        };
        let run = gate(&bench, &candidate, &baseline, &["--format", "json"]);
        assert_eq!(run.status, 3, "{}", run.stderr);
        let evidence = evidence(&run);
        let verdict = &evidence["verdict"];
        assert_eq!(verdict["decision"], "BLOCK");
        assert_eq!(
            (&verdict["scenes"], &verdict["newly_failing_count"]),
            (&1_500.into(), &120.into())
        );
        assert_eq!(failing(&evidence, "no_at_fault_collisions")[2], 120);
        let mut rows = verdict["comparisons"]
            .as_array()
            .expect("comparisons")
            .iter();
        let collisions = rows.find(|row| row["metric"] == "no_at_fault_collisions");
        let p_value = number(collisions.expect("collisions"), "/p_value");
        assert!((p_value / 1.5e-36 - 1.0).abs() < 0.02, "{p_value:e}");
    }
}

#[test]
fn rows_that_summarise_two_stages_change_nothing() {
    let bench = Bench::new();
    let Some(columns) = test_data("cases/scores/two-stage-summary/columns.toml") else {
        return;
    };
    let columns = columns.display().to_string();
    let verdicts = ["", "-clean"].map(|clean| {
        let unpack = |side: &str| unpack(&bench, "two-stage-summary", &format!("{side}{clean}"));
        let (candidate, baseline) = unpack("candidate")
            .zip(unpack("baseline"))
            .expect("the case");
        let more = ["--format", "json", "--columns", &columns];
        let run = gate(&bench, &candidate, &baseline, &more);
        assert_eq!(run.status, 3, "{}", run.stderr);
        let evidence = evidence(&run);
        let collisions = failing(&evidence, "no_at_fault_collisions_stage_two");
        assert_eq!(collisions[..2], [4, 15]);
        if clean.is_empty() {
            for key in ["stage_one", "stage_two", "combined"] {
                let said = format!("row `extended_pdm_score_{key}`, the mean of other rows");
                assert!(run.stderr.contains(&said), "{said}: {}", run.stderr);
                assert!(evidence["verdict"]["reasons"].to_string().contains(&said));
            }
        }
        let verdict = &evidence["verdict"];
        (verdict["decision"].clone(), verdict["comparisons"].clone())
    });
    assert!(verdicts[0] == verdicts[1]);
    assert_eq!(verdicts[0].0, "BLOCK");
}

#[test]
fn a_row_that_may_be_a_total_is_asked_and_the_built_in_rules_stay() {
    let bench = Bench::new();
    let unpack = |side: &str| unpack(&bench, "names-like-totals", side);
    let Some((candidate, baseline)) = unpack("candidate").zip(unpack("baseline")) else {
        return;
    };
    for name in [&candidate, &baseline] {
        let scores = std::fs::read_to_string(bench.path(name)).expect("scores");
        let total = "final_score,True,0.93,0.91,0.9,0.9,0.71,0.92,0.9,0.9,0.9,0.85\n";
        bench.write(name, scores + total);
    }
    let run = gate(&bench, &candidate, &baseline, &[]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    let said = "line 1502 (`final_score`): a scene, or an aggregate";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    let lines: Vec<&str> = run.stderr.lines().skip(1).collect();
    assert_eq!(lines[0], "aggregates = [\"final_score\"]");
    bench.write("columns.toml", lines.join("\n"));
    let more = ["--format", "json", "--columns", "columns.toml"];
    let run = gate(&bench, &candidate, &baseline, &more);
    let evidence = evidence(&run);
    assert_eq!(evidence["verdict"]["scenes"], 1_500);
    assert_eq!(evidence["rules"]["name"], "planner-scores");
    let said = "row `final_score`, as the file of --columns calls it an aggregate";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}

#[test]
fn percentages_and_marks_of_missing_values_are_refused_by_name() {
    let bench = Bench::new();
    for (file, got) in [("candidate", "got `40`"), ("minus-one", "got `-1`")] {
        let unpack = |file: &str| unpack(&bench, "percent", file);
        let Some((candidate, baseline)) = unpack(file).zip(unpack("baseline")) else {
            return;
        };
        let run = gate(&bench, &candidate, &baseline, &[]);
        assert_eq!(run.status, 1, "{}", run.stderr);
        let place = format!(
            "{candidate}: line 2, column `no_at_fault_collisions`: expected a pass/fail value from 0 to 1"
        );
        for said in [place.as_str(), got] {
            assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
        }
    }
}

/// A file of 1,000 scenes with a column of collisions, of which the first fail.
fn collisions_csv(failing: usize) -> String {
    let rows = (0..1_000).map(|at| format!("{at},log-{},{}\n", at / 4, u8::from(at < failing)));
    format!("token,log,collision\n{}", rows.collect::<String>())
}

#[test]
fn what_the_files_do_not_tell_is_asked_and_what_they_do_is_said_first() {
    let bench = Bench::new();
    bench.write("better.csv", collisions_csv(20));
    bench.write("worse.csv", collisions_csv(120));
    let run = gate(&bench, "better.csv", "worse.csv", &[]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("which way is better is not declared for `collision`")
    );
    // The lines that the error prints, as they are.
    let lines = run
        .stderr
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("hint:"));
    let lines: Vec<&str> = lines.collect();
    assert!(
        lines.contains(&"lower_is_better = [\"collision\"]"),
        "{lines:?}"
    );
    bench.write("columns.toml", lines.join("\n"));
    let columns = ["--columns", "columns.toml", "--format", "csv"];
    let run = gate(&bench, "better.csv", "worse.csv", &columns);
    assert_eq!(run.status, 3, "{}", run.stderr);
    let first: Vec<&str> = run.stderr.lines().take(2).collect();
    assert_eq!(
        first,
        [
            "collision: pass/fail, 0 = pass, higher is worse (declared)",
            "drives: column log (found by its name)"
        ]
    );
    assert!(
        run.stdout
            .contains("collision,all,1000,250,120.0,20.0,0,100,"),
        "{}",
        run.stdout
    );
    let rows: Vec<&str> = run.stdout.lines().skip(1).collect();
    assert!(rows.iter().all(|row| row.ends_with(",better")), "{rows:?}");
    assert!(!run.stderr.contains("BLOCK"), "{}", run.stderr);
}

#[test]
fn other_formats_are_refused_by_their_name_with_a_way_out() {
    let bench = Bench::new();
    bench.write("good.csv", "token,score\na,0.5\nb,0.25\n");
    let wide: Vec<u8> = "token,score\na,0.5\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(&[u8], &str); 6] = [
        (b"token;score\na;0,5\nb;0,25\n", "separated by `;`"),
        (
            b"token,score\na,\"0,5\"\nb,\"0,25\"\n",
            "a number with a decimal point",
        ),
        (
            b"token,score\na,0,5\nb,0,25\n",
            "numbers have a decimal point",
        ),
        (&wide, "UTF-16"),
        (b"[{\"token\": \"a\", \"score\": 0.5}]", "got JSON"),
        (b"\x1f\x8b\x08", "gunzip"),
    ];
    for (bytes, expected) in cases {
        bench.write("other.csv", bytes);
        for (candidate, baseline) in [("other.csv", "good.csv"), ("good.csv", "other.csv")] {
            let run = gate(&bench, candidate, baseline, &[]);
            assert_eq!(run.status, 1, "{}", run.stderr);
            assert!(run.stderr.contains("other.csv: "), "{}", run.stderr);
            assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
        }
    }
    bench.write("marked.csv", b"\xef\xbb\xbftoken,score\na,0.5\nb,0.25\n");
    let run = gate(&bench, "marked.csv", "good.csv", &[]);
    assert_eq!(
        run.status, 3,
        "a byte-order mark of UTF-8 is no other format: {}",
        run.stderr
    );
}

//! Which rows of a score file are scenes: totals under any name, and scenes that are called like totals.

use driveloop_ota_validation::{
    Error, LeftOut, Paired, Result, Rules, ScoreColumns, ScoreFile, pair_scores,
};

use crate::fixture::Draws;

/// A row of a file: key, category, two pass/fail columns, a score.
#[derive(Clone)]
struct Row {
    key: String,
    category: &'static str,
    values: [f64; 3],
}

const CATEGORIES: [&str; 3] = ["lane_change", "left_turn", "parking"];
const HEADER: &str = "token,kind,clear,comfort,score\n";

/// Scenes with tokens as evaluators write them; a twentieth fails.
fn scenes(count: usize) -> Vec<Row> {
    let mut draws = Draws(11);
    let rows = (0..count).map(|at| {
        let pass = |share: f64, draw: f64| f64::from(u8::from(draw >= share));
        let clear = pass(0.05, draws.unit());
        let comfort = pass(0.2, draws.unit());
        Row {
            key: format!(
                "{:016x}",
                (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ),
            category: CATEGORIES[at % 3],
            values: [clear, comfort, (clear * draws.unit() * 1e6).round() / 1e6],
        }
    });
    rows.collect()
}

fn line(row: &Row) -> String {
    let cells = row.values.map(|value| value.to_string());
    format!("{},{},{}\n", row.key, row.category, cells.join(","))
}

fn csv(rows: &[Row]) -> String {
    HEADER.to_owned() + &rows.iter().map(line).collect::<String>()
}

fn mean(rows: &[Row]) -> [f64; 3] {
    sum(rows).map(|sum| sum / rows.len() as f64)
}

fn sum(rows: &[Row]) -> [f64; 3] {
    [0, 1, 2].map(|at| rows.iter().map(|row| row.values[at]).sum())
}

fn median(rows: &[Row]) -> [f64; 3] {
    [0, 1, 2].map(|at| {
        let mut values: Vec<f64> = rows.iter().map(|row| row.values[at]).collect();
        values.sort_by(f64::total_cmp);
        (values[(rows.len() - 1) / 2] + values[rows.len() / 2]) / 2.0
    })
}

fn rounded(values: [f64; 3], decimals: i32) -> [f64; 3] {
    let scale = 10_f64.powi(decimals);
    values.map(|value| (value * scale).round() / scale)
}

fn row(key: &str, values: [f64; 3]) -> Row {
    Row {
        key: key.to_owned(),
        category: "",
        values,
    }
}

fn pair_with(candidate: &str, baseline: &str, columns: &str) -> Result<(Paired, LeftOut)> {
    let columns = ScoreColumns::from_toml(columns)?;
    let rules = Rules::default().with_columns(&columns)?;
    let file = |name, bytes| ScoreFile { name, bytes };
    pair_scores(
        file("candidate.csv", candidate.as_bytes()),
        file("baseline.csv", baseline.as_bytes()),
        "token",
        &rules,
    )
}

fn pair(candidate: &str, baseline: &str) -> Result<(Paired, LeftOut)> {
    pair_with(candidate, baseline, "")
}

/// Whether both files with these rows behind (or before) the scenes are read as the scenes alone.
#[track_caller]
fn left_out(rows: &[Row], before: &[Row], behind: &[Row]) {
    let clean = csv(rows);
    let full = csv(&[before, rows, behind].concat());
    let keys = before.iter().chain(behind);
    let mut expected: Vec<String> = keys.map(|row| row.key.clone()).collect();
    expected.sort();
    let (paired, left_out) = pair(&full, &full).unwrap();
    let (alone, nothing) = pair(&clean, &clean).unwrap();
    assert_eq!(paired, alone, "{expected:?}");
    assert_eq!(left_out.candidate_aggregates, expected);
    assert_eq!(left_out.baseline_aggregates, expected);
    assert!(nothing.candidate_aggregates.is_empty());
    // In one file alone as well.
    for (candidate, baseline) in [(&full, &clean), (&clean, &full)] {
        let (paired, _) = pair(candidate, baseline).unwrap();
        assert_eq!(paired, alone, "{expected:?} in one file");
    }
}

#[track_caller]
fn asked(rows: &[Row], key: &str) {
    let text = csv(rows);
    let error = pair(&text, &text).unwrap_err();
    let Error::Undeclared { lines, .. } = &error else {
        panic!("{key}: {error}");
    };
    assert!(error.to_string().contains(&format!("(`{key}`)")), "{error}");
    // The lines that are printed are an answer, and so are those behind the comment.
    let (paired, left_out) = pair_with(&text, &text, lines).unwrap();
    assert!(left_out.candidate_aggregates.contains(&key.to_owned()));
    let scenes = lines.lines().last().unwrap().trim_start_matches("# ");
    let with_all = pair_with(&text, &text, scenes);
    if key.is_empty() {
        let error = with_all.unwrap_err().to_string();
        assert!(error.contains("expected the key of a scene"), "{error}");
        return;
    }
    let (with_all, left_out) = with_all.unwrap();
    assert!(!left_out.candidate_aggregates.contains(&key.to_owned()));
    assert!(with_all.scenes().len() > paired.scenes().len());
}

#[test]
fn totals_are_no_scenes_whatever_they_are_called() {
    let rows = scenes(200);
    for key in [
        "average_all_frames",
        "avg",
        "final_score",
        "extended_pdm_score_combined",
        "MEAN",
        "nan",
        "",
        "-",
        "my model",
        "Durchschnitt",
    ] {
        left_out(&rows, &[], &[row(key, mean(&rows))]);
        left_out(&rows, &[row(key, mean(&rows))], &[]);
        left_out(&rows, &[], &[row(key, sum(&rows))]);
    }
    for key in ["avg", "average_all_frames"] {
        left_out(&rows, &[], &[row(key, rounded(mean(&rows), 4))]);
        left_out(&rows, &[], &[row(key, rounded(mean(&rows), 2))]);
        left_out(
            &rows,
            &[],
            &[row(key, mean(&rows).map(|mean| f64::from(mean as f32)))],
        );
    }
    left_out(&rows, &[], &[row("median", median(&rows))]);
    left_out(
        &rows,
        &[row("mean", mean(&rows))],
        &[row("sum", sum(&rows)), row("average", mean(&rows))],
    );
    // Numbers and place are enough: the key goes on as the scenes' do.
    left_out(&rows, &[], &[row("00000000000000c9", mean(&rows))]);
}

#[test]
fn a_total_in_the_middle_is_recognised_by_numbers_and_key() {
    let mut rows = scenes(200);
    let clean = csv(&rows);
    rows.insert(77, row("average_all_frames", mean(&rows)));
    let (paired, left_out) = pair(&csv(&rows), &clean).unwrap();
    assert_eq!(
        (paired.scenes().len(), left_out.candidate_aggregates.len()),
        (200, 1)
    );
}

#[test]
fn a_row_a_category_is_no_scene() {
    let rows = scenes(300);
    let of = |category: &str| -> Vec<Row> {
        let of = rows.iter().filter(|row| row.category == category);
        of.cloned().collect()
    };
    for statistic in [mean, sum] {
        // Named by its key, which is a word of a column.
        let by_key: Vec<Row> = CATEGORIES
            .iter()
            .map(|category| row(category, statistic(&of(category))))
            .collect();
        left_out(&rows, &[], &by_key);
        // Named by its own cell in that column, with a total behind.
        let mut by_cell: Vec<Row> = CATEGORIES
            .iter()
            .map(|category| Row {
                category,
                ..row(&format!("{category} scenes"), statistic(&of(category)))
            })
            .collect();
        by_cell.push(row("final_score", statistic(&rows)));
        left_out(&rows, &[], &by_cell);
    }
    // The mean of the categories' means, which are not of as many scenes.
    let rows = scenes(301);
    let of = |category: &str| -> Vec<Row> {
        let of = rows.iter().filter(|row| row.category == category);
        of.cloned().collect()
    };
    let means: Vec<Row> = CATEGORIES
        .iter()
        .map(|category| row(category, mean(&of(category))))
        .collect();
    let total = row("final_score", mean(&means));
    left_out(&rows, &[], &[means, vec![total]].concat());
    let rows = scenes(300);
    // Categories that no column names: together they have the sums of the scenes.
    let thirds: Vec<Row> = rows
        .chunks(100)
        .zip(["urban", "rural", "motorway"])
        .map(|(third, key)| row(key, sum(third)))
        .collect();
    left_out(&rows, &[], &thirds);
    // Their means are nobody's: that is a question.
    let thirds: Vec<Row> = rows
        .chunks(100)
        .zip(["urban", "rural", "motorway"])
        .map(|(third, key)| row(key, mean(third)))
        .collect();
    asked(&[rows.clone(), thirds].concat(), "rural");
}

#[test]
fn a_row_a_category_is_recognised_beside_scenes_that_are_words() {
    let mut rows = scenes(300);
    for (at, row) in rows.iter_mut().enumerate() {
        let letter = |at: usize| char::from(b'a' + (at % 26) as u8);
        row.key = format!("{}_{}{}", row.category, letter(at), letter(at / 26));
        // Of the last category, all scenes pass.
        if row.category == "parking" {
            row.values = [1.0, 1.0, 1.0];
        }
    }
    let of = |category: &str| -> Vec<Row> {
        let of = rows.iter().filter(|row| row.category == category);
        of.cloned().collect()
    };
    for statistic in [mean, sum] {
        let categories = CATEGORIES.map(|category| row(category, statistic(&of(category))));
        left_out(&rows, &[], &categories);
        left_out(&rows, &categories, &[]);
        let with_total = [&categories[..], &[row("final_score", statistic(&rows))]].concat();
        left_out(&rows, &[], &with_total);
        // In the order of keys, the row of a category stands before its scenes.
        let mut sorted = [rows.clone(), categories.to_vec()].concat();
        sorted.sort_by(|a, b| a.key.cmp(&b.key));
        let (paired, left_out) = pair(&csv(&sorted), &csv(&rows)).unwrap();
        assert_eq!(
            (paired.scenes().len(), left_out.candidate_aggregates.len()),
            (300, 3)
        );
    }
    // What is not the mean of its category is no scene either: that is a question.
    asked(
        &[rows.clone(), vec![row("lane_change", [0.91, 0.83, 0.4])]].concat(),
        "lane_change",
    );
    asked(
        &[rows.clone(), vec![row("some_route", [0.91, 0.83, 0.4])]].concat(),
        "some_route",
    );
    let mut middle = rows.clone();
    middle.insert(150, row("some_route", [0.91, 0.83, 0.4]));
    asked(&middle, "some_route");
}

#[test]
fn extremes_of_a_description_are_asked() {
    let rows = scenes(200);
    let edge = |pick: fn(f64, f64) -> f64| {
        [0, 1, 2].map(|at| rows.iter().map(|row| row.values[at]).fold(f64::NAN, pick))
    };
    for (key, values) in [
        ("min", edge(f64::min)),
        ("max", edge(f64::max)),
        ("25%", edge(f64::max)),
    ] {
        asked(
            &[
                rows.clone(),
                vec![row("mean", mean(&rows)), row(key, values)],
            ]
            .concat(),
            key,
        );
    }
    asked(
        &[rows.clone(), vec![row("min", edge(f64::min))]].concat(),
        "min",
    );
}

#[test]
fn scenes_are_scenes_whatever_they_are_called() {
    let mut rows = scenes(400);
    // 60 scenes at the end, of which half fail, under names that read like totals.
    for (at, row) in rows.iter_mut().enumerate().skip(340) {
        row.key = if at % 2 == 0 {
            format!("all-way-stop-{at}")
        } else {
            format!("total occlusion {at}")
        };
        row.values = [0.0, f64::from(u8::from(at % 3 == 0)), 0.0];
    }
    let text = csv(&rows);
    let (paired, left_out) = pair(&text, &text).unwrap();
    assert_eq!(paired.scenes().len(), 400);
    assert!(left_out.candidate_aggregates.is_empty());
    // One alone, and one whose name is a summary's: what it scored is what a scene scores.
    for key in ["all-way stop", "total occlusion", "overall", "average"] {
        let mut rows = scenes(400);
        rows[399].key = key.to_owned();
        rows[399].values = [0.0, 1.0, 0.25];
        let (paired, left_out) = pair(&csv(&rows), &csv(&rows)).unwrap();
        assert_eq!(paired.scenes().len(), 400, "{key}");
        assert!(left_out.candidate_aggregates.is_empty(), "{key}");
    }
}

#[test]
fn a_scene_that_equals_the_mean_of_others_stays() {
    for value in [0.0, 1.0] {
        let rows: Vec<Row> = scenes(100)
            .into_iter()
            .map(|row| Row {
                values: [value; 3],
                ..row
            })
            .collect();
        let (paired, left_out) = pair(&csv(&rows), &csv(&rows)).unwrap();
        assert_eq!(paired.scenes().len(), 100);
        assert!(left_out.candidate_aggregates.is_empty());
        // The total of such a file has the numbers of a scene, and the name of a total.
        left_out_of_equals(&rows, value);
    }
    // Its only failure beside the sum of the others, which is one failure too.
    let mut csv = "token,collisions\n".to_owned();
    for at in 0..1_500 {
        csv += &format!("scene-{at:04},{}\n", u8::from(at == 7 || at == 1_499));
    }
    assert_eq!(pair(&csv, &csv).unwrap().0.scenes().len(), 1_500);
}

fn left_out_of_equals(rows: &[Row], value: f64) {
    left_out(rows, &[], &[row("average_all_frames", [value; 3])]);
}

#[test]
fn what_may_be_either_is_asked_with_the_lines_to_write() {
    let rows = scenes(200);
    let with = |key: &str, values: [f64; 3]| [rows.clone(), vec![row(key, values)]].concat();
    // A weighted mean that nobody can compute again.
    asked(&with("final_score", [0.931, 0.877, 0.641]), "final_score");
    asked(&with("", [0.931, 0.877, 0.641]), "");
    asked(
        &with("weighted by route", [0.931, 0.877, 0.641]),
        "weighted by route",
    );
    asked(
        &with("00000000000000c9", [0.931, 0.877, 0.641]),
        "00000000000000c9",
    );
}

#[test]
fn what_is_an_aggregate_in_one_file_and_a_scene_in_the_other_is_asked() {
    let rows = scenes(200);
    let total = csv(&[rows.clone(), vec![row("overall", mean(&rows))]].concat());
    let scene = csv(&[rows.clone(), vec![row("overall", [0.0, 1.0, 0.5])]].concat());
    for (candidate, baseline) in [(&total, &scene), (&scene, &total)] {
        let error = pair(candidate, baseline).unwrap_err();
        assert!(matches!(error, Error::Undeclared { .. }), "{error}");
    }
}

#[test]
fn rows_without_any_value_are_counted_and_no_scenes() {
    let rows = csv(&scenes(50));
    let with_blanks = format!("{rows},,,,\n,,,,\n");
    let (paired, left_out) = pair(&with_blanks, &rows).unwrap();
    assert_eq!((paired.scenes().len(), left_out.blank_rows), (50, 2));
}

//! Runs the scenarios over the scenes of `tests/slt`, as they are and transformed.

use std::collections::BTreeMap;
use std::path::Path;

use datafusion::prelude::SessionContext;

use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::mine::{Found, find};
use crate::session::{SCENE, session_over};

/// What is done to a scene; no answer may change.
#[derive(Debug, Clone, Copy)]
struct Transform {
    shift_ns: i64,
    mirror: i32,
    rename: &'static str,
}

const AS_IS: Transform = Transform {
    shift_ns: 0,
    mirror: 1,
    rename: "",
};

/// No scene has a map unless its file fills this in.
const LANE: &str = "CREATE TABLE lane (log_id VARCHAR, lane_id VARCHAR, lane_type VARCHAR, centre DOUBLE[], successors VARCHAR[])";
/// No scene is a composed drive.
const SYNTHETIC_ITEM: &str = "CREATE TABLE synthetic_item (item_id VARCHAR, host_log_id VARCHAR)";

/// A session whose `object_track` is made from the table `motion`, and the statement `mine`.
struct Scenes {
    context: SessionContext,
    catalogue: Catalogue,
    transform: Transform,
}

impl Scenes {
    async fn new(transform: Transform) -> Result<Self> {
        let fail = |source| Error::query("fixture", source);
        let context = session_over([]).await.map_err(fail)?;
        let numbers = "length_m, width_m, x_m, y_m, speed_mps, brake_s, decel_mps2, side_s, side_end_s, \
            side_mps, hole_s, hole_end_s, nan_s, nan_end_s";
        let table = format!(
            "CREATE TABLE motion (log_id VARCHAR, track_id VARCHAR, category VARCHAR, {} DOUBLE)",
            numbers.replace(',', " DOUBLE,")
        );
        let tracks = include_str!("../tests/slt/object_track.sql")
            .replace("{shift_ns}", &transform.shift_ns.to_string())
            .replace("{mirror}", &transform.mirror.to_string())
            .replace("{rename}", transform.rename);
        let view = |name: &str, text: &str| format!("CREATE VIEW {name} AS {text}");
        for statement in [
            table,
            LANE.to_owned(),
            SYNTHETIC_ITEM.to_owned(),
            view("object_track", &tracks),
            view(SCENE.0, SCENE.1),
        ] {
            context
                .sql(&statement)
                .await
                .map_err(fail)?
                .collect()
                .await
                .map_err(fail)?;
        }
        Ok(Self {
            context,
            catalogue: Catalogue::builtin()?,
            transform,
        })
    }

    /// The rows of `mine NAME param=value …`; other statements are run and give none.
    async fn run(&self, sql: &str) -> Result<Vec<String>> {
        if let Some(request) = sql.trim().strip_prefix("mine ") {
            return self.mine(request).await;
        }
        let fail = |source| Error::query("fixture", source);
        self.context
            .sql(sql)
            .await
            .map_err(fail)?
            .collect()
            .await
            .map_err(fail)?;
        Ok(Vec::new())
    }

    async fn mine(&self, request: &str) -> Result<Vec<String>> {
        let mut words = request.split_whitespace();
        let scenario = self.catalogue.get(words.next().unwrap_or_default())?;
        let params: BTreeMap<String, String> = words
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let query = scenario.query(&params)?;
        let found = find(&self.context, scenario, &query, 1000).await?;
        Ok(found.into_iter().map(|found| self.row(found)).collect())
    }

    fn row(&self, found: Found) -> String {
        let seconds =
            |stamp_ns: i64| format!("{:.1}", (stamp_ns - self.transform.shift_ns) as f64 / 1e9);
        let actors: Vec<_> = found
            .actors
            .iter()
            .map(|actor| actor.strip_prefix(self.transform.rename).unwrap_or(actor))
            .collect();
        [
            found.log_id,
            actors.join(","),
            seconds(found.start_ns),
            seconds(found.end_ns),
            format!("{:.3}", found.score),
        ]
        .join(" ")
    }
}

/// A record of an `.slt` file: `statement ok` or `query …`, the SQL, and after `----` the rows.
struct Record<'a> {
    is_query: bool,
    sql: String,
    rows: Vec<&'a str>,
}

/// Records have an empty line between them; lines that begin with `#` are comments.
fn records(text: &str) -> impl Iterator<Item = Record<'_>> {
    let is_comment = |line: &&str| line.starts_with('#');
    text.split("\n\n").filter_map(move |block| {
        let mut lines = block
            .lines()
            .filter(|line| !is_comment(line) && !line.is_empty());
        let kind = lines.next()?;
        let sql: Vec<&str> = lines.by_ref().take_while(|line| *line != "----").collect();
        let is_query = kind.starts_with("query");
        assert!(
            is_query || kind == "statement ok",
            "unknown record `{kind}`"
        );
        Some(Record {
            is_query,
            sql: sql.join("\n"),
            rows: lines.collect(),
        })
    })
}

async fn run_all(transform: Transform) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    assert!(files.len() >= 6);
    for file in files {
        let scenes = Scenes::new(transform).await.unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        for record in records(&text) {
            let rows = scenes.run(&record.sql).await.unwrap();
            if record.is_query {
                assert_eq!(rows, record.rows, "{} under {transform:?}", file.display());
            }
        }
    }
}

#[tokio::test]
async fn scenarios_find_their_scenes() {
    run_all(AS_IS).await;
}

#[tokio::test]
async fn a_shift_in_time_changes_nothing() {
    run_all(Transform {
        shift_ns: 1_763_000_000_123_456_789,
        ..AS_IS
    })
    .await;
}

#[tokio::test]
async fn left_and_right_are_alike() {
    run_all(Transform {
        mirror: -1,
        ..AS_IS
    })
    .await;
}

#[tokio::test]
async fn the_names_of_tracks_do_not_matter() {
    run_all(Transform {
        rename: "zz-",
        ..AS_IS
    })
    .await;
}

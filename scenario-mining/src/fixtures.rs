//! Runs the scenarios over the scenes of `tests/slt`, as they are and transformed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::compute::concat_batches;
use datafusion::datasource::MemTable;
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
    /// Order of the rows of `object_track`.
    order: &'static str,
    /// Files that the rows are dealt to in turn.
    files: usize,
}

const AS_IS: Transform = Transform {
    shift_ns: 0,
    mirror: 1,
    rename: "",
    order: "log_id, track_id, stamp_ns",
    files: 1,
};

/// No scene has a map unless its file fills these in: a straight lane each.
const LANE: &str = "CREATE TABLE straight_lane
    (log_id VARCHAR, lane_id VARCHAR, x0_m DOUBLE, y0_m DOUBLE, x1_m DOUBLE, y1_m DOUBLE, successor VARCHAR)";
const LANE_VIEW: &str = "SELECT log_id, lane_id, 'VEHICLE' AS lane_type,
    make_array(x0_m, {mirror} * y0_m, x1_m, {mirror} * y1_m) AS centre,
    CASE WHEN successor IS NULL THEN CAST(make_array() AS VARCHAR[]) ELSE make_array(successor) END AS successors
    FROM straight_lane";
const HEADING: &str = "CREATE TABLE heading
    (log_id VARCHAR, track_id VARCHAR, yaw_rad DOUBLE, turn_s DOUBLE, turn_end_s DOUBLE, turn_radps DOUBLE, turn_back DOUBLE)";
const NUMBERS: &str = "length_m, width_m, x_m, y_m, speed_mps, brake_s, decel_mps2, side_s, side_end_s, \
    side_mps, hole_s, hole_end_s, nan_s, nan_end_s";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A session whose tables `motion`, `heading` and `straight_lane` are filled in by statements, and the statement `mine`.
struct Scenes {
    context: SessionContext,
    catalogue: Catalogue,
    transform: Transform,
}

impl Scenes {
    async fn new(transform: Transform) -> Result<Self> {
        let context = session_over([])
            .await
            .map_err(|source| Error::query("fixture", source))?;
        let scenes = Self {
            context,
            // As they lie there: a scenario that is being written needs no build.
            catalogue: Catalogue::builtin()?.with_folder(&folder("scenarios"))?,
            transform,
        };
        let motion = format!(
            "CREATE TABLE motion (log_id VARCHAR, track_id VARCHAR, category VARCHAR, {} DOUBLE)",
            NUMBERS.replace(',', " DOUBLE,")
        );
        for statement in [&motion, HEADING, LANE] {
            scenes.sql(statement).await?;
        }
        Ok(scenes)
    }

    async fn sql(&self, statement: &str) -> Result<Vec<arrow::record_batch::RecordBatch>> {
        let fail = |source| Error::query("fixture", source);
        let frame = self.context.sql(statement).await.map_err(fail)?;
        frame.collect().await.map_err(fail)
    }

    /// Makes `object_track`, `lane` and `scene` from what the statements have filled in.
    async fn build(&self) -> Result<()> {
        let fail = |source| Error::query("fixture", source);
        let Transform {
            shift_ns,
            mirror,
            rename,
            order,
            files,
        } = self.transform;
        let text = std::fs::read_to_string(folder("tests/slt/object_track.sql")).unwrap();
        let tracks = text
            .replace("{shift_ns}", &shift_ns.to_string())
            .replace("{mirror}", &mirror.to_string())
            .replace("{rename}", rename);
        let lanes = LANE_VIEW.replace("{mirror}", &mirror.to_string());
        self.sql(&format!("CREATE OR REPLACE VIEW lane AS {lanes}"))
            .await?;
        let batches = self
            .sql(&format!("SELECT * FROM ({tracks}) ORDER BY {order}"))
            .await?;
        let schema = batches[0].schema();
        let rows = concat_batches(&schema, &batches).unwrap();
        let mut partitions = vec![Vec::new(); files];
        for row in 0..rows.num_rows() {
            partitions[row % files].push(rows.slice(row, 1));
        }
        let partitions = (partitions.iter())
            .map(|rows| vec![concat_batches(&schema, rows).unwrap()])
            .collect();
        let table = MemTable::try_new(schema, partitions).map_err(fail)?;
        for name in ["object_track", SCENE.name] {
            self.context.deregister_table(name).map_err(fail)?;
        }
        self.context
            .register_table("object_track", Arc::new(table))
            .map_err(fail)?;
        let scene = self.context.sql(SCENE.sql).await.map_err(fail)?;
        let held = scene.cache().await.map_err(fail)?.into_view();
        self.context.register_table(SCENE.name, held).map_err(fail)?;
        Ok(())
    }

    /// The rows of `mine NAME param=value …`; other statements are run and give none.
    async fn run(&self, sql: &str) -> Result<Vec<String>> {
        if let Some(request) = sql.trim().strip_prefix("mine ") {
            return self.mine(request).await;
        }
        self.sql(sql).await?;
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
    let scenarios = Catalogue::builtin().unwrap();
    let mut files: Vec<_> = std::fs::read_dir(folder("tests/slt"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    for scenario in scenarios.iter() {
        let of_scenario = |file: &&PathBuf| {
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            stem.is_some_and(|stem| stem == scenario.name)
        };
        assert!(
            files.iter().any(|file| of_scenario(&file)),
            "no fixture of {}",
            scenario.name
        );
    }
    let mut wrong = Vec::new();
    for file in files {
        let scenes = Scenes::new(transform).await.unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let mut is_built = false;
        for record in records(&text) {
            if record.is_query && !is_built {
                scenes.build().await.unwrap();
                is_built = true;
            }
            let rows = scenes.run(&record.sql).await.unwrap();
            if record.is_query && rows != record.rows {
                let (found, told) = (rows.join("\n"), record.rows.join("\n"));
                let what = format!("{}: {}", file.display(), record.sql);
                wrong.push(format!("{what}\nfound\n{found}\nexpected\n{told}\n"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "under {transform:?}:\n{}",
        wrong.join("\n")
    );
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

#[tokio::test]
async fn the_order_of_rows_and_their_files_do_not_matter() {
    run_all(Transform {
        order: "stamp_ns DESC, track_id DESC, log_id DESC",
        files: 3,
        ..AS_IS
    })
    .await;
}

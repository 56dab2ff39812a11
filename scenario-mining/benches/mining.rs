//! Nine mining queries, side by side with DuckDB and stock DataFusion (both from `PyPI`), each query in a process of its own.
//!
//! `make bench` runs it. It prints a table and asks for nothing: machines differ.
//!
//! `DRIVELOOP_BENCH_TRACKS` names a folder with `objects/*.parquet`, `ego.parquet` and `can.parquet`; without it a table of that
//! shape is made, of `DRIVELOOP_BENCH_DRIVES` drives (300; some 3,000 rows each). It is brought into the lake's order first (drive, track, stamp), once; the
//! others are timed on both. `DRIVELOOP_BENCH_QUERIES=q1,q5` runs some of the nine.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops at the first surprise"
)]

#[path = "../tests/it/tracks.rs"]
mod tracks;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::config::TableParquetOptions;
use datafusion::dataframe::{DataFrame, DataFrameWriteOptions};
use datafusion::logical_expr::col;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use driveloop_scenario_mining::{OperatorLimits, query, register_operators};
use driveloop_tests::{Usage, bench_python, run_measured, setting};

use tracks::{QUERIES, Query};

/// What runs a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Driveloop,
    DuckDb,
    DataFusion,
}

/// An engine on files of some order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Runner {
    name: &'static str,
    engine: Engine,
    is_ordered: bool,
}

const fn runner(name: &'static str, engine: Engine, is_ordered: bool) -> Runner {
    Runner {
        name,
        engine,
        is_ordered,
    }
}

const RUNNERS: [Runner; 5] = [
    runner("driveloop", Engine::Driveloop, true),
    runner("DuckDB, ordered", Engine::DuckDb, true),
    runner("DuckDB, as given", Engine::DuckDb, false),
    runner("DataFusion, ordered", Engine::DataFusion, true),
    runner("DataFusion, as given", Engine::DataFusion, false),
];
/// What the start of an engine costs, which is no part of a query.
const NOTHING: Query = Query {
    name: "nothing",
    ours: "SELECT 0 AS n, 0 AS m",
    plain: "SELECT 0 AS n, 0 AS m",
    duckdb: "SELECT 0 AS n, 0 AS m",
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    // Parts that are processes of their own. What a process took before it starts another counts as the other's memory, so
    // that this one is to stay small.
    match arguments.as_slice() {
        [_, mode, folder, query] if mode == "one" => {
            let text = std::fs::read_to_string(query).expect("the query");
            let row = runtime.block_on(one(Path::new(folder), &text));
            println!("{row:?}");
            return;
        }
        [_, mode, given, ordered] if mode == "order" => {
            runtime.block_on(order(Path::new(given), Path::new(ordered)));
            return;
        }
        _ => {}
    }
    if bench_python().is_none() {
        return; // Said so on standard error.
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-mining");
    std::fs::create_dir_all(&folder).expect("a folder");
    drop(runtime);
    let given = given(&folder);
    let ordered = ordered(&folder, &given);
    compare(&folder, &given, &ordered);
}

/// The table as it is given, or one made of a seed.
fn given(folder: &Path) -> PathBuf {
    if let Some(given) = std::env::var_os("DRIVELOOP_BENCH_TRACKS") {
        return given.into();
    }
    let drives: i32 = setting("DRIVELOOP_BENCH_DRIVES", 300);
    let made = folder.join(format!("made-{drives}"));
    if made.join("can.parquet").exists() {
        return made;
    }
    std::fs::create_dir_all(made.join("objects")).expect("a folder");
    let first = tracks::drive(0, 7);
    let writer = |name: &str, schema| {
        let file = File::create(made.join(name)).expect("a file");
        ArrowWriter::try_new(file, schema, None).expect("a writer")
    };
    let mut objects: Vec<_> = (0..4)
        .map(|part| {
            writer(
                &format!("objects/part-{part}.parquet"),
                first.objects.schema(),
            )
        })
        .collect();
    let mut ego = writer("ego.parquet", first.ego.schema());
    let mut can = writer("can.part", first.can.schema());
    for log_id in 0..drives {
        let drive = tracks::drive(log_id, 7);
        let part = (log_id * 4 / drives) as usize;
        // By stamp, as a log has them.
        let stamps = drive.objects.column_by_name("stamp_ns").expect("stamps");
        let order = arrow::compute::sort_to_indices(stamps, None, None).expect("an order");
        let rows = arrow::compute::take_record_batch(&drive.objects, &order).expect("rows");
        objects[part].write(&rows).expect("written");
        ego.write(&drive.ego).expect("written");
        can.write(&drive.can).expect("written");
    }
    for writer in objects.into_iter().chain([ego, can]) {
        writer.close().expect("closed");
    }
    // The last file says that all are whole.
    std::fs::rename(made.join("can.part"), made.join("can.parquet")).expect("renamed");
    made
}

/// The same rows in the lake's order.
fn ordered(folder: &Path, given: &Path) -> PathBuf {
    let name: String = given.display().to_string();
    let name: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    let ordered = folder.join(format!("ordered{name}"));
    let done = ordered.join("done");
    if done.exists() {
        return ordered;
    }
    let _ = std::fs::remove_dir_all(&ordered);
    let mut own = Command::new(std::env::current_exe().expect("a path"));
    let status = own.arg("order").arg(given).arg(&ordered).status();
    assert!(status.expect("it starts").success(), "the rows are sorted");
    std::fs::write(done, "").expect("written");
    ordered
}

/// Sorts the rows, file by file.
async fn order(given: &Path, ordered: &Path) {
    let parts = std::fs::read_dir(given.join("objects")).expect("the folder objects");
    let mut parts: Vec<_> = parts
        .map(|part| part.expect("a file").file_name())
        .collect();
    parts.sort();
    for part in parts {
        let part = Path::new("objects").join(part);
        sort(given, ordered, &part, &["log_id", "track_id", "stamp_ns"]).await;
    }
    for table in ["ego.parquet", "can.parquet"] {
        sort(given, ordered, Path::new(table), &["log_id", "stamp_ns"]).await;
    }
}

async fn sort(given: &Path, ordered: &Path, file: &Path, key: &[&str]) {
    let (from, to) = (given.join(file), ordered.join(file));
    std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let rows = read(&context, &from).await;
    let names: Vec<String> = rows
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let others = names
        .iter()
        .filter(|name| !key.contains(&name.as_str()) && *name != "t_ns");
    let columns = key
        .iter()
        .copied()
        .chain(others.map(String::as_str))
        .map(col);
    let rows = rows.select(columns).expect("the columns");
    let order = key.iter().map(|name| col(*name).sort(true, true)).collect();
    // As the lake writes: dictionaries for names alone.
    let mut options = TableParquetOptions::default();
    options.global.compression = Some("zstd(1)".to_owned());
    options.global.max_row_group_size = 128 << 10;
    options.global.dictionary_enabled = Some(false);
    for name in ["log_id", "track_id", "category"] {
        let column = options
            .column_specific_options
            .entry(name.to_owned())
            .or_default();
        column.dictionary_enabled = Some(true);
    }
    let rows = rows.sort(order).expect("sorted");
    let how = DataFrameWriteOptions::new().with_single_file_output(true);
    rows.write_parquet(&to.display().to_string(), how, Some(options))
        .await
        .expect("written");
}

/// A file or folder, with its stamps as `stamp_ns`.
async fn read(context: &SessionContext, path: &Path) -> DataFrame {
    let path = path.display().to_string();
    let rows = context
        .read_parquet(path, ParquetReadOptions::default())
        .await;
    let rows = rows.expect("a Parquet file");
    if rows
        .schema()
        .fields()
        .iter()
        .any(|field| field.name() == "stamp_ns")
    {
        return rows;
    }
    rows.with_column("stamp_ns", col("t_ns")).expect("a stamp")
}

/// The answer of this crate.
async fn one(folder: &Path, text: &str) -> Vec<i64> {
    let mut config = SessionConfig::new().with_target_partitions(2);
    // As the lake's tables are read.
    config.options_mut().execution.parquet.pushdown_filters = true;
    let context = SessionContext::new_with_config(config);
    register_operators(&context, OperatorLimits::default()).expect("operators");
    for table in ["objects", "ego", "can"] {
        let path = match table {
            "objects" => folder.join("objects/"),
            _ => folder.join(format!("{table}.parquet")),
        };
        let rows = read(&context, &path).await.into_view();
        context.register_table(table, rows).expect("registered");
    }
    let rows = query(&context, text)
        .await
        .expect("a plan")
        .collect()
        .await
        .expect("rows");
    let row = rows.iter().find(|rows| rows.num_rows() > 0).expect("a row");
    let value = |column: &ArrayRef| {
        let values = cast(column, &DataType::Int64).expect("a number");
        values.as_primitive::<Int64Type>().value(0)
    };
    row.columns().iter().map(value).collect()
}

fn compare(folder: &Path, given: &Path, ordered: &Path) {
    println!(
        "{} and its rows in order; CPU s without the start of the process, peak MB",
        given.display()
    );
    let folder_of = |runner: Runner| if runner.is_ordered { ordered } else { given };
    let start: Vec<f64> = RUNNERS
        .iter()
        .map(|&runner| {
            run(folder, folder_of(runner), runner, &NOTHING)
                .1
                .cpu
                .as_secs_f64()
        })
        .collect();
    print!("{:<24}", "");
    for runner in RUNNERS {
        print!("{:>22}", runner.name);
    }
    println!("  answers");
    let wanted: String = setting("DRIVELOOP_BENCH_QUERIES", String::new());
    let mut totals = [0.0; RUNNERS.len()];
    for query in &QUERIES {
        let is_wanted = wanted.split(',').any(|name| query.name.starts_with(name));
        if !is_wanted {
            continue;
        }
        print!("{:<24}", query.name);
        let mut answers: Vec<String> = Vec::new();
        for (index, runner) in RUNNERS.into_iter().enumerate() {
            let (answer, usage) = run(folder, folder_of(runner), runner, query);
            let cpu_s = (usage.cpu.as_secs_f64() - start[index]).max(0.0);
            totals[index] += cpu_s;
            print!("{cpu_s:>14.2}{:>8.0}", usage.memory_bytes_max as f64 / 1e6);
            answers.push(answer);
        }
        let same = answers.iter().all(|answer| *answer == answers[0]);
        println!(
            "  {}",
            if same {
                format!("all {}", answers[0])
            } else {
                answers.join(" ")
            }
        );
    }
    print!("{:<24}", "total");
    for total in totals {
        print!("{total:>14.2}{:>8}", "");
    }
    println!();
}

/// Runs a query in a process of its own: what it answers, and what that costs.
fn run(folder: &Path, tables: &Path, runner: Runner, query: &Query) -> (String, Usage) {
    let text = match runner.engine {
        Engine::Driveloop => query.ours,
        Engine::DuckDb => query.duckdb,
        Engine::DataFusion => query.plain,
    };
    let (file, out) = (folder.join("query.sql"), folder.join("answer.txt"));
    std::fs::write(&file, text).expect("written");
    let mut command = match runner.engine {
        Engine::Driveloop => {
            let mut own = Command::new(std::env::current_exe().expect("a path"));
            own.arg("one");
            own
        }
        engine => {
            let mut python = bench_python().expect("it was there");
            python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers.py"));
            python.arg(if engine == Engine::DuckDb {
                "duckdb"
            } else {
                "datafusion"
            });
            python
        }
    };
    command
        .arg(tables)
        .arg(&file)
        .stdout(File::create(&out).expect("a file"));
    let usage = run_measured(&mut command);
    let answer = std::fs::read_to_string(&out)
        .expect("an answer")
        .trim()
        .to_owned();
    if usage.status.success() {
        (answer, usage)
    } else {
        ("failed".to_owned(), usage)
    }
}

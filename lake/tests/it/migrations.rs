//! Lakes that an older version wrote.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
    ListArray, StringArray, new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use driveloop_lake::{Commit, Lake};
use driveloop_schemas::migrations::{DefaultValue, MIGRATIONS, default_of, version_of};
use driveloop_schemas::time::Day;
use driveloop_schemas::{Drive, Finding, Lane, Row as _, SampleMetric, TABLES, TableSpec};

use crate::rows::{drive, transaction};

/// The table as it was before its first migration.
fn first_version(spec: &TableSpec) -> &'static TableSpec {
    let columns = spec.columns.iter().copied();
    let columns: Vec<_> = columns
        .filter(|column| default_of(spec.name, column.name).is_none())
        .collect();
    let is_first = |name: &&str| default_of(spec.name, name).is_none();
    let key: Vec<_> = spec.key.iter().copied().filter(is_first).collect();
    Box::leak(Box::new(TableSpec {
        columns: columns.leak(),
        key: key.leak(),
        version: 1,
        ..*spec
    }))
}

/// One row of any table.
fn row(spec: &TableSpec) -> RecordBatch {
    let schema = spec.schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.data_type() {
            _ if field.is_nullable() => new_null_array(field.data_type(), 1),
            DataType::Utf8 => Arc::new(StringArray::from(vec!["x"])),
            DataType::Int64 => Arc::new(Int64Array::from(vec![1])),
            DataType::Int32 => Arc::new(Int32Array::from(vec![1])),
            DataType::Float64 => Arc::new(Float64Array::from(vec![1.0])),
            DataType::Date32 => Arc::new(Date32Array::from(vec![0])),
            DataType::Binary => Arc::new(BinaryArray::from(vec![b"x".as_slice()])),
            DataType::Boolean => Arc::new(BooleanArray::from(vec![false])),
            DataType::List(field) => Arc::new(ListArray::new(
                Arc::clone(field),
                OffsetBuffer::from_lengths([0]),
                new_empty_array(field.data_type()),
                None,
            )),
            other => panic!("a column of type {other}"),
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

async fn write(lake: &Lake, spec: &'static TableSpec) {
    write_as(lake, spec, &Commit::new("ingest", "run")).await;
}

async fn write_as(lake: &Lake, spec: &'static TableSpec, commit: &Commit) {
    let mut stage = lake.stage(spec);
    stage.write(&row(spec)).await.unwrap();
    let staged = stage.finish().await.unwrap();
    lake.commit_staged(staged, commit).await.unwrap();
}

/// The version of a table by the columns that it has in the store.
async fn stored_version(lake: &Lake, spec: &TableSpec) -> Option<u32> {
    let log = format!("tables/{}/_delta_log", spec.name);
    let mut stored = None;
    for entry in lake.store().list(&log).await.unwrap() {
        let bytes = lake.store().get(&entry.path).await.unwrap();
        for line in bytes.split(|byte| *byte == b'\n') {
            let action: serde_json::Value = serde_json::from_slice(line).unwrap();
            let Some(text) = action["metaData"]["schemaString"].as_str() else {
                continue;
            };
            let schema: serde_json::Value = serde_json::from_str(text).unwrap();
            let fields = schema["fields"].as_array().unwrap().iter();
            let fields = fields.map(|field| {
                arrow::datatypes::Field::new(field["name"].as_str().unwrap(), DataType::Null, true)
            });
            stored = version_of(
                spec,
                &arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()),
            );
        }
    }
    stored
}

#[tokio::test]
async fn every_table_of_an_older_version_is_read_and_written() {
    let lake = Lake::open("memory://migrations/every").await.unwrap();
    let migrated: Vec<_> = TABLES
        .iter()
        .filter(|spec| MIGRATIONS.iter().any(|step| step.table == spec.name))
        .collect();
    assert!(migrated.len() > 1);
    for spec in migrated {
        write(&lake, first_version(spec)).await;
        assert_eq!(stored_version(&lake, spec).await, Some(1));
        // The lake that wrote it knows the columns of then; one that is opened now has those of now.
        let now = Lake::open("memory://migrations/every").await.unwrap();
        let sql = format!("SELECT * FROM with_composed.{}", spec.name);
        for written in 0..3 {
            let batches = now.query(&sql).await.unwrap();
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows, 1 + written, "{}", spec.name);
            let schema = batches[0].schema();
            let names: Vec<_> = schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            let expected: Vec<_> = spec.columns.iter().map(|column| column.name).collect();
            assert_eq!(names, expected, "{}", spec.name);
            write(&now, spec).await;
            assert_eq!(stored_version(&lake, spec).await, Some(spec.version));
        }
    }
}

#[tokio::test]
async fn new_values_stand_beside_defaults() {
    let finding = |log_id: &str, offset_bytes| Finding {
        log_id: log_id.into(),
        day: Day(0),
        check: "chunk_checksum".into(),
        severity: "error".into(),
        subject: "chunk".into(),
        start_ns: None,
        end_ns: None,
        count: 1,
        dropped: 0,
        message: String::new(),
        offset_bytes,
        composed: Some(false),
    };
    let lake = Lake::open("memory://migrations/beside").await.unwrap();
    write(&lake, first_version(Finding::SPEC)).await;
    let now = Lake::open("memory://migrations/beside").await.unwrap();
    now.append(&[finding("y", Some(7))], &Commit::new("ingest", "run"))
        .await
        .unwrap();
    let read: Vec<_> = now.read::<Finding>(None).await.unwrap();
    let offsets: Vec<_> = read
        .iter()
        .map(|row| (row.log_id.as_str(), row.offset_bytes))
        .collect();
    assert_eq!(offsets, [("x", None), ("y", Some(7))]);
    let filtered = now.read::<Finding>(Some("offset_bytes > 5")).await.unwrap();
    assert_eq!(filtered.len(), 1);
    let stages: Vec<_> = now
        .history("finding")
        .await
        .unwrap()
        .into_iter()
        .filter_map(|commit| commit.stage)
        .collect();
    assert_eq!(stages[stages.len() - 3..], ["ingest", "migrate", "ingest"]);
}

/// What is replaced is named by a column that the stored table lacks: rows from before are no part of it.
#[tokio::test]
async fn rows_are_replaced_by_a_column_that_older_rows_lack() {
    let metric = |value| SampleMetric {
        model_id: "x".into(),
        dataset: "x".into(),
        sample_id: "x".into(),
        host_log_id: "x".into(),
        metric: "x".into(),
        value,
        split: "test".into(),
        source: "real".into(),
    };
    let lake = Lake::open("memory://migrations/replaced").await.unwrap();
    write(&lake, first_version(SampleMetric::SPEC)).await;
    let now = Lake::open("memory://migrations/replaced").await.unwrap();
    let of_split = "model_id = 'x' AND split = 'test'";
    assert!(
        now.read::<SampleMetric>(Some(of_split))
            .await
            .unwrap()
            .is_empty()
    );
    for value in [2.0, 3.0] {
        let commit = Commit::new("evaluation", "run");
        now.replace(of_split, &[metric(value)], &commit)
            .await
            .unwrap();
    }
    let mut read: Vec<_> = now.read::<SampleMetric>(None).await.unwrap();
    read.sort_by(|a, b| a.split.cmp(&b.split));
    let splits: Vec<_> = read
        .iter()
        .map(|row| (row.split.as_str(), row.value))
        .collect();
    assert_eq!(splits, [("test", 3.0), ("unknown", 1.0)]);
}

/// Lakes of older versions hold composed drives whose rows do not say so: they are unknown, never called recorded, and stay hidden.
#[tokio::test]
async fn rows_of_an_older_version_are_composed_where_their_drive_is() {
    let old = Lake::open("memory://migrations/composed").await.unwrap();
    let composed = Commit::new("synth", "run").with_transactions(["x"]);
    write_as(&old, first_version(Lane::SPEC), &composed).await;
    let drive_of = |log_id: &str, composed| Drive {
        composed,
        ..drive(log_id)
    };
    old.append(&[drive_of("x", true)], &composed).await.unwrap();

    let now = Lake::open("memory://migrations/composed").await.unwrap();
    let values = async |sql: &str| -> Vec<String> {
        let batches = now.query(sql).await.unwrap();
        let cells = batches.iter().flat_map(|batch| {
            let cell = |column: usize, row| array_value_to_string(batch.column(column), row);
            (0..batch.num_rows()).map(move |row| {
                let cells = (0..batch.num_columns()).map(|column| cell(column, row).unwrap());
                cells.collect::<Vec<_>>().join(" ")
            })
        });
        cells.collect()
    };
    let all = "SELECT log_id, composed FROM with_composed.lane ORDER BY log_id";
    assert_eq!(values(all).await, ["x "]);
    assert_eq!(values("SELECT log_id FROM lane").await, [""; 0]);
    let of_lane = |log_id: &str, composed| Lane {
        log_id: log_id.into(),
        composed: Some(composed),
        ..Lane::from_batch(&row(Lane::SPEC)).unwrap().remove(0)
    };
    for (log_id, composed, id) in [("y", false, transaction("y")), ("z", true, "z".to_owned())] {
        let commit = Commit::new("test", "run").with_transactions([id]);
        let lanes = [of_lane(log_id, composed)];
        now.append(&lanes, &commit).await.unwrap();
        let drives = [drive_of(log_id, composed)];
        now.append(&drives, &commit).await.unwrap();
    }
    assert_eq!(values(all).await, ["x ", "y false", "z true"]);
    assert_eq!(values("SELECT log_id FROM lane").await, ["y"]);
}

/// Each table that has a drive says whether the drive is composed, and every row of this version can.
#[test]
fn every_table_of_a_drive_says_whether_it_is_composed() {
    for spec in TABLES.iter().filter(|spec| spec.has_column("log_id")) {
        let composed = spec.columns.iter().find(|column| column.name == "composed");
        let composed = composed.unwrap_or_else(|| panic!("{} does not say it", spec.name));
        assert_eq!((composed.data_type)(), DataType::Boolean, "{}", spec.name);
        let added = default_of(spec.name, "composed");
        assert_eq!(composed.nullable, added.is_some(), "{}", spec.name);
        assert!(
            added.is_none_or(|value| value == DefaultValue::Null),
            "{}: a row of an older version is not known to be recorded",
            spec.name
        );
    }
}

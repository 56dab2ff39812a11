//! Feather files in every type, and files with every byte altered.

use std::sync::Arc;

use arrow::array::{
    DictionaryArray, Float32Array, Float64Array, Int16Array, LargeStringArray, ListArray,
    NullArray, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Int32Type, Schema};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};

use super::*;
use crate::allocations;

/// Rows of a batch.
const ROWS: usize = 5;
/// What a decoder of the files here may ask for at once.
const REQUEST_MAX: usize = 256 << 10;

fn limits() -> Limits {
    Limits {
        table_bytes_max: 64 << 10,
        table_metadata_bytes_max: 16 << 10,
        records_max: 1000,
        ..Limits::default()
    }
}

fn file(batches: &[RecordBatch], packed: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default();
    let options = options.try_with_compression(packed).unwrap();
    let schema = batches[0].schema();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn open(bytes: Vec<u8>, wanted: &[&'static str], limits: &Limits) -> Result<Table> {
    decode("a.feather", bytes.into(), wanted, limits)
}

/// A column of each storage, with a null in the second row of those that can have one.
fn all_kinds() -> RecordBatch {
    let texts = [
        Some("a"),
        None,
        Some("a text of more than twelve bytes"),
        Some("a"),
        Some(""),
    ];
    let keys: DictionaryArray<Int32Type> = texts.into_iter().collect();
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>((0..5).map(|k| Some([Some(k)])));
    batch(vec![
        (
            "stamp",
            Arc::new(UInt64Array::from_iter_values(10..15)) as ArrayRef,
        ),
        ("extra", Arc::new(list)),
        ("dictionary", Arc::new(keys)),
        ("views", Arc::new(StringViewArray::from_iter(texts))),
        ("text", Arc::new(StringArray::from_iter(texts))),
        ("large", Arc::new(LargeStringArray::from_iter(texts))),
        (
            "points",
            Arc::new(Int16Array::from(vec![
                Some(1),
                None,
                Some(3),
                Some(4),
                Some(5),
            ])),
        ),
        ("nulls", Arc::new(NullArray::new(ROWS))),
        ("x", Arc::new(Float32Array::from(vec![0.5; ROWS]))),
    ])
}

const ALL: [&str; 8] = [
    "stamp",
    "dictionary",
    "views",
    "text",
    "large",
    "points",
    "nulls",
    "x",
];

/// What a table says, column by column.
fn told(table: &Table) -> String {
    let texts = ["dictionary", "views", "text", "large"].map(|column| {
        let texts = table.texts(column);
        texts.map(|texts| {
            let row = |row| texts.get(row).map(str::to_owned);
            (0..table.rows()).map(row).collect::<Vec<_>>()
        })
    });
    let stamps = table.stamps("stamp").map(|stamps| stamps.values);
    let numbers = ["points", "nulls"].map(|column| table.i64(column));
    format!("{stamps:?} {texts:?} {numbers:?} {:?}", table.f64("x"))
}

#[test]
fn every_storage_gives_the_same_values() {
    for packed in [
        None,
        Some(CompressionType::LZ4_FRAME),
        Some(CompressionType::ZSTD),
    ] {
        let bytes = file(&[all_kinds(), all_kinds()], packed);
        let table = open(bytes, &ALL, &limits()).unwrap();
        assert_eq!(table.rows(), 2 * ROWS);
        let expected = [
            Some("a"),
            None,
            Some("a text of more than twelve bytes"),
            Some("a"),
            Some(""),
        ];
        for column in ["dictionary", "views", "text", "large"] {
            let texts = table.texts(column).unwrap();
            for row in 0..2 * ROWS {
                assert_eq!(texts.get(row), expected[row % ROWS], "{column} {row}");
            }
        }
        let stamps = table.stamps("stamp").unwrap();
        assert_eq!(stamps.values[..3], [Some(10), Some(11), Some(12)]);
        assert!(!stamps.are_rounded);
        assert_eq!(table.i64("points").unwrap()[..3], [Some(1), None, Some(3)]);
        assert_eq!(table.i64("nulls").unwrap(), [None; 2 * ROWS]);
        assert_eq!(table.f64("x").unwrap(), [0.5; 2 * ROWS]);
    }
}

#[test]
fn stamps_of_any_unit_are_nanoseconds() {
    let micros = Arc::new(TimestampMicrosecondArray::from(vec![5, i64::MAX]));
    let micros = micros.as_ref().clone().with_timezone("+02:00");
    let floats = Float64Array::from(vec![5e3, f64::NAN]);
    let columns = vec![
        ("micros", Arc::new(micros) as ArrayRef),
        ("floats", Arc::new(floats)),
        ("floats32", Arc::new(Float32Array::from(vec![1.0, 2.0]))),
        ("texts", Arc::new(StringArray::from(vec!["5000", "later"]))),
    ];
    let bytes = file(&[batch(columns)], None);
    let table = open(bytes, &["micros", "floats", "floats32", "texts"], &limits()).unwrap();
    for column in ["micros", "floats", "texts"] {
        let stamps = table.stamps(column).unwrap();
        assert_eq!(stamps.values, [Some(5000), None], "{column}");
        assert_eq!(stamps.are_rounded, column == "floats");
    }
    assert!(table.stamps("floats32").is_err());
    assert!(
        table.f64("micros").is_err(),
        "a stamp is no number of metres"
    );
}

#[test]
fn binary_uuids_are_texts() {
    let uuids = arrow::array::FixedSizeBinaryArray::try_from_iter([[0xab_u8; 16]].iter()).unwrap();
    let bytes = file(&[batch(vec![("id", Arc::new(uuids) as ArrayRef)])], None);
    let table = open(bytes, &["id"], &limits()).unwrap();
    let expected = "abababab-abab-abab-abab-abababababab";
    assert_eq!(table.texts("id").unwrap().get(0), Some(expected));
}

#[test]
fn a_table_without_batches_has_no_rows() {
    let schema = Arc::new(Schema::new(all_kinds().schema().fields().clone()));
    let writer = FileWriter::try_new(Vec::new(), &schema).unwrap();
    let table = open(writer.into_inner().unwrap(), &ALL, &limits()).unwrap();
    assert_eq!(table.rows(), 0);
    assert_eq!(table.f64("x").unwrap(), [0.0; 0]);
    assert!(!table.has("y") && table.f64("y").is_err());
}

#[test]
fn other_files_are_named() {
    let named = |bytes: &[u8]| {
        open(bytes.to_vec(), &["x"], &limits())
            .err()
            .unwrap()
            .to_string()
    };
    assert!(named(b"FEA1....").contains("a feather file of version 1"));
    assert!(named(&[0xff; 40]).contains("an Arrow stream"));
    for bytes in [
        &b"ARROW1"[..],
        b"",
        b"ARROW1\0\0ARROW1",
        b"ARROW1\0\0\xff\xff\xff\x7fARROW1",
    ] {
        assert!(named(bytes).contains("the footer"));
    }
}

#[test]
fn what_unpacks_to_too_much_is_refused_before() {
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0; 1 << 20]));
    for packed in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let bytes = file(&[batch(vec![("x", Arc::clone(&zeros))])], Some(packed));
        let limits = Limits {
            table_bytes_max: 1 << 20,
            ..Limits::default()
        };
        allocations::forget();
        let error = open(bytes.clone(), &["x"], &limits)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("table_bytes_max"), "{error}");
        assert!(
            allocations::largest() < REQUEST_MAX,
            "{}",
            allocations::largest()
        );
        // Unpacked, it would be refused; nobody asks for it.
        assert_eq!(open(bytes, &["y"], &limits).unwrap().rows(), 1 << 20);
    }
}

#[test]
fn rows_batches_columns_and_depth_are_bounded() {
    let bytes = file(&[all_kinds(), all_kinds()], None);
    type Bound = fn(&mut Limits);
    let bounds: [(&str, Bound); 5] = [
        ("records_max", |limits| limits.records_max = 9),
        ("table_batches_max", |limits| limits.table_batches_max = 1),
        ("table_columns_max", |limits| limits.table_columns_max = 9),
        ("depth_max", |limits| limits.depth_max = 0),
        ("table_metadata_bytes_max", |limits| {
            limits.table_metadata_bytes_max = 100;
        }),
    ];
    for (name, bound) in bounds {
        let mut limits = limits();
        bound(&mut limits);
        let error = open(bytes.clone(), &ALL, &limits)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn one_long_text_for_all_rows_is_held_once() {
    let text = "x".repeat(10_000);
    let keys: DictionaryArray<Int32Type> = std::iter::repeat_n(text.as_str(), 999).collect();
    let bytes = file(&[batch(vec![("id", Arc::new(keys) as ArrayRef)])], None);
    allocations::forget();
    let table = open(bytes, &["id"], &limits()).unwrap();
    assert_eq!(table.texts("id").unwrap().get(998), Some(text.as_str()));
    assert!(
        allocations::largest() < REQUEST_MAX,
        "{}",
        allocations::largest()
    );
}

/// Decodes altered bytes: that neither panics nor asks for much memory.
fn survives(bytes: Vec<u8>, what: &dyn Fn() -> String) {
    allocations::forget();
    let told = open(bytes, &ALL, &limits()).map(|table| told(&table));
    let largest = allocations::largest();
    assert!(
        largest <= REQUEST_MAX,
        "{}: asked for {largest} bytes",
        what()
    );
    if let Err(Error::Decoder { reason, .. }) = told {
        panic!("{}: {reason}", what());
    }
}

#[test]
fn no_altered_byte_panics_or_asks_for_much_memory() {
    for packed in [
        None,
        Some(CompressionType::LZ4_FRAME),
        Some(CompressionType::ZSTD),
    ] {
        let sound = file(&[all_kinds(), all_kinds()], packed);
        for at in 0..sound.len() {
            for flip in [0x01, 0x02, 0x08, 0x40, 0x80, 0xff] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                survives(bytes, &|| format!("{packed:?}, byte {at} with {flip:#x}"));
            }
        }
    }
}

#[test]
fn no_altered_number_panics_or_asks_for_much_memory() {
    let numbers = [-1, i64::MIN, i64::MAX, 1 << 32, 1 << 40, 1 << 62, 0];
    for packed in [None, Some(CompressionType::ZSTD)] {
        let sound = file(&[all_kinds()], packed);
        for at in (0..sound.len() - 8).step_by(4) {
            for number in numbers {
                let mut bytes = sound.clone();
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
                survives(bytes, &|| format!("{packed:?}, {number} at {at}"));
            }
        }
        for end in 0..sound.len() {
            survives(sound[..end].to_vec(), &|| {
                format!("{packed:?}, cut at {end}")
            });
        }
    }
}

#[test]
fn a_panic_names_the_file_and_the_place() {
    let place = Cell::new(Place::Batch(3));
    let error = caught::<()>("a.feather", &place, || panic!("{}", 7)).unwrap_err();
    let expected = "`a.feather`: the decoder stopped: 7, in record batch 3";
    assert_eq!(error.to_string(), expected);
}

//! Bus logs in MDF 4: what is read of every layout, frame by frame, and the same logs as `asammdf` reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use driveloop_ingest::{DatabaseFile, IngestOptions, IngestReport};
use driveloop_schemas::{BusFrame, Drive, EgoState, Finding, Signal};

use crate::bus_log::{database, one};
use crate::mdf4_log::{Frame, Payloads, START_NS, Shape, Storage, Writer, frames, log};
use crate::{TestLake, shared};

/// Stamp, bus, identifier, whether it is a long one, and payload.
type Row = (i64, String, i64, bool, Vec<u8>);

pub(crate) async fn ingested(
    source: &Path,
    databases: Vec<DatabaseFile>,
) -> (TestLake, IngestReport) {
    let options = IngestOptions {
        databases,
        ..IngestOptions::new("run-1")
    };
    let test = TestLake::new().await;
    let report = test.ingest_with(source, &options).await.unwrap();
    (test, report)
}

/// The lake of a log of these bytes.
pub(crate) async fn of_bytes(bytes: &[u8]) -> (TestLake, IngestReport) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.MF4");
    std::fs::write(&file, bytes).unwrap();
    ingested(&file, Vec::new()).await
}

/// The frames of the lake, sorted.
async fn rows(test: &TestLake) -> Vec<Row> {
    let row = |row: BusFrame| {
        assert!(!(row.is_remote || row.is_error));
        (row.stamp_ns, row.bus, row.can_id, row.is_extended, row.data)
    };
    let mut rows: Vec<Row> = test.rows::<BusFrame>().await.into_iter().map(row).collect();
    rows.sort();
    rows
}

fn expected(frames: &[Frame]) -> Vec<Row> {
    let row = |frame: &Frame| {
        let bus = format!("CAN{}", frame.bus);
        let (id, is_long) = (i64::from(frame.id), frame.is_extended);
        (
            START_NS + frame.since_ns,
            bus,
            id,
            is_long,
            frame.data.clone(),
        )
    };
    let mut rows: Vec<Row> = frames.iter().map(row).collect();
    rows.sort();
    rows
}

/// Runs `peers/mdf4.py`; none where its packages are absent, which is said.
fn peer(arguments: &[&Path]) -> Option<String> {
    let Ok(peers) = std::env::var("DRIVELOOP_PEERS") else {
        eprintln!("skipped: no DRIVELOOP_PEERS");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/mdf4.py");
    let output = Command::new("python3")
        .arg(script)
        .args(arguments)
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The frames of a log as `asammdf` reads them, sorted.
fn peer_rows(logs: &[PathBuf]) -> Option<Vec<Row>> {
    let command = PathBuf::from("frames");
    let arguments: Vec<&Path> = [&command]
        .into_iter()
        .chain(logs)
        .map(PathBuf::as_path)
        .collect();
    let row = |line: &str| {
        let parts: Vec<&str> = line.split(' ').collect();
        let [stamp, bus, id, is_long, data] = parts.as_slice() else {
            panic!("expected five parts, got `{line}`");
        };
        let data = hex::decode(data).unwrap();
        let bus = format!("CAN{bus}");
        (
            stamp.parse().unwrap(),
            bus,
            id.parse().unwrap(),
            *is_long == "1",
            data,
        )
    };
    let mut rows: Vec<Row> = peer(&arguments)?.lines().map(row).collect();
    rows.sort();
    Some(rows)
}

fn shapes() -> Vec<Shape> {
    let payloads = [
        Payloads::Within,
        Payloads::Apart,
        Payloads::Before,
        Payloads::Behind,
    ];
    let storages = [
        Storage::Block,
        Storage::List,
        Storage::Packed,
        Storage::Transposed,
    ];
    let shape = |payloads| {
        storages.map(|storage| Shape {
            payloads,
            storage,
            ..Shape::default()
        })
    };
    payloads.into_iter().flat_map(shape).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_layout_gives_the_same_frames() {
    let frames = frames(300);
    for shape in shapes() {
        let bytes = log(&frames, &shape);
        let (test, report) = of_bytes(&bytes).await;
        assert_eq!(report.committed(), 1, "{shape:?} {report:#?}");
        assert_eq!(rows(&test).await, expected(&frames), "{shape:?}");
        let drive = test.rows::<Drive>().await.remove(0);
        assert_eq!(
            (drive.records_in, drive.records_dropped),
            (300, 0),
            "{shape:?}"
        );
        assert_eq!(
            (drive.format.as_str(), drive.privacy_state.as_str()),
            ("mdf4", "none")
        );
        assert!(!report.has_losses(), "{shape:?} {report:#?}");
        let findings = test.findings().await;
        let is_odd =
            |check: &str| ["time_backwards", "local_time", "unfinished_file"].contains(&check);
        assert!(
            !findings.iter().any(|found| is_odd(&found.0)),
            "{findings:?}"
        );
        assert_eq!(test.rows::<EgoState>().await.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peer_reads_these_logs_alike() {
    let folder = tempfile::tempdir().unwrap();
    let frames = frames(300);
    let mut shapes = shapes();
    let unfinished = |payloads, open| Shape {
        payloads,
        unfinished: Some(open),
        ..Shape::default()
    };
    shapes.extend([Payloads::Within, Payloads::Before].map(|payloads| unfinished(payloads, 0x25)));
    for (k, shape) in shapes.iter().enumerate() {
        let file = folder.path().join(format!("{k}.mf4"));
        std::fs::write(&file, log(&frames, shape)).unwrap();
        let Some(theirs) = peer_rows(&[file]) else {
            return;
        };
        assert_eq!(theirs, expected(&frames), "{shape:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_peer_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let frames = frames(200);
    let file = folder.path().join("ours.mf4");
    std::fs::write(&file, log(&frames, &Shape::default())).unwrap();
    let saved = folder.path().join("saved");
    std::fs::create_dir(&saved).unwrap();
    if peer(&[Path::new("save"), &file, &saved]).is_none() {
        return;
    }
    let logs: Vec<PathBuf> = std::fs::read_dir(&saved)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(logs.len(), 10, "{logs:?}");
    for path in logs {
        let (test, report) = ingested(&path, Vec::new()).await;
        assert!(!report.has_losses(), "{path:?} {report:#?}");
        assert_eq!(rows(&test).await, expected(&frames), "{path:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_decodes_a_bus_of_the_log() {
    let frames: Vec<Frame> = [(1, 40), (2, 80)]
        .map(|(bus, byte)| Frame {
            since_ns: i64::from(bus) * 1000,
            bus,
            id: 256,
            is_extended: false,
            data: vec![byte, 0, 0, 0, 0, 0, 0, 0],
        })
        .to_vec();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.mf4");
    std::fs::write(&file, log(&frames, &Shape::default())).unwrap();
    let bound = database(Some("CAN2"), "engine.dbc", &one("Engine", 256, "Rpm"));
    let (test, _) = ingested(&file, vec![bound]).await;
    let signals: Vec<Signal> = test.rows().await;
    let [signal] = signals.as_slice() else {
        panic!("expected a signal, got {signals:#?}");
    };
    assert_eq!(
        (signal.name.as_str(), signal.value, signal.stamp_ns),
        ("CAN2.Engine.Rpm", Some(20.0), START_NS + 2000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_log_is_read_as_far_as_it_goes() {
    let frames = frames(100);
    for (payloads, open) in [
        (Payloads::Within, 0x5),
        (Payloads::Before, 0x25),
        (Payloads::Behind, 0x65),
    ] {
        let shape = Shape {
            payloads,
            unfinished: Some(open),
            ..Shape::default()
        };
        let bytes = log(&frames, &shape);
        let (test, report) = of_bytes(&bytes).await;
        assert_eq!(rows(&test).await, expected(&frames), "{shape:?}");
        assert!(!report.has_losses(), "{report:#?}");
        assert!(
            test.findings()
                .await
                .iter()
                .any(|found| found.0 == "unfinished_file")
        );
        // The power went in the middle of the last record.
        let (test, report) = of_bytes(&bytes[..bytes.len() - 3]).await;
        assert!(report.has_losses(), "{report:#?}");
        let drive = test.rows::<Drive>().await.remove(0);
        assert_eq!(
            (drive.records_in, drive.records_dropped),
            (100, 1),
            "{shape:?}"
        );
        assert_eq!(rows(&test).await, expected(&frames[..99]), "{shape:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_time_is_said() {
    let frames = frames(10);
    let shape = Shape {
        is_local: true,
        ..Shape::default()
    };
    let (test, _) = of_bytes(&log(&frames, &shape)).await;
    assert_eq!(rows(&test).await, expected(&frames));
    let found = ("local_time".to_owned(), "a.MF4".to_owned(), 1, 0);
    assert!(test.findings().await.contains(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_start_are_one_drive() {
    let folder = tempfile::tempdir().unwrap();
    let all = frames(90);
    let later = Shape {
        start_ns: START_NS + 1_000_000_000_000,
        ..Shape::default()
    };
    let place = folder.path().join("truck");
    std::fs::create_dir(&place).unwrap();
    for (name, part) in [("log_2.MF4", &all[..40]), ("log_10.mf4", &all[40..])] {
        std::fs::write(place.join(name), log(part, &Shape::default())).unwrap();
    }
    let (test, report) = ingested(folder.path(), Vec::new()).await;
    assert_eq!(report.drives.len(), 1, "{report:#?}");
    assert!(report.drives[0].log_id.starts_with("truck-"), "{report:#?}");
    assert_eq!(rows(&test).await, expected(&all));
    let findings = test.findings().await;
    assert!(
        !findings.iter().any(|found| found.0 == "time_backwards"),
        "{findings:?}"
    );
    // Another recording in the same folder, and a file that is none.
    std::fs::write(place.join("log_11.mf4"), log(&all, &later)).unwrap();
    std::fs::write(place.join("log_12.mf4"), b"MDF     3.30").unwrap();
    let (test, report) = ingested(folder.path(), Vec::new()).await;
    assert_eq!((report.committed(), report.failed()), (2, 1), "{report:#?}");
    let drives = test.rows::<Drive>().await;
    let records: Vec<i64> = drives.iter().map(|drive| drive.records_in).collect();
    assert_eq!(records, [90, 90], "{drives:#?}");
}

/// Groups of other records, and frames that have no bytes, beside each other.
#[tokio::test(flavor = "multi_thread")]
async fn other_records_are_counted_and_other_frames_kept() {
    let mut writer = Writer::new(None);
    let mut next = 0;
    for (name, id_place) in [
        ("CAN_RemoteFrame", Some([8, 0, 32])),
        ("CAN_ErrorFrame", None),
        ("LIN_Frame", Some([8, 0, 32])),
    ] {
        let bus = writer.channel(&format!("{name}.BusChannel"), [0; 4], [0, 0], [12, 0, 8]);
        let part = match id_place {
            Some(place) => writer.channel(&format!("{name}.ID"), [bus, 0, 0, 0], [0, 0], place),
            None => bus,
        };
        let frame = writer.channel(name, [0, part, 0, 0], [0, 10], [8, 0, 40]);
        let time = writer.conversion(0.0, 1e-3);
        let time = writer.channel("t", [frame, 0, time, 0], [2, 0], [0, 0, 64]);
        let group = writer.group([0, time], (0, 2, 6, 13));
        let record = |k: u64| [&(10 + k).to_le_bytes()[..], &[7, 0, 0, 0], &[3]].concat();
        let records = [record(0), record(1)].concat();
        let data = writer.block(*b"DT", &[], &records);
        next = writer.block(*b"DG", &[next, group, data, 0], &[0; 8]);
    }
    let bytes = writer.finish(next, &Shape::default());
    let (test, _) = of_bytes(&bytes).await;
    let mut frames: Vec<BusFrame> = test.rows().await;
    frames.sort_by_key(|row| (row.is_error, row.stamp_ns));
    let kinds: Vec<_> = frames
        .iter()
        .map(|row| {
            (
                row.bus.as_str(),
                row.can_id,
                row.is_remote,
                row.is_error,
                row.data.len(),
            )
        })
        .collect();
    let [remote, error] = [("CAN3", 7, true, false, 0), ("CAN3", 0, false, true, 0)];
    assert_eq!(kinds, [remote, remote, error, error]);
    assert_eq!(frames[0].stamp_ns, START_NS + 10_000_000);
    let findings: Vec<Finding> = test.rows().await;
    assert!(
        !findings.iter().any(|found| found.check == "time_backwards"),
        "{findings:#?}"
    );
    // The group of the other bus has the name that all groups of the writer have.
    let unmapped = findings
        .iter()
        .find(|found| found.check == "unmapped_topic");
    assert_eq!(
        unmapped.map(|found| found.dropped),
        Some(2),
        "{findings:#?}"
    );
}

/// The session of a real logger: every frame and signal is that of the peer.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_session_is_what_the_peer_reads() {
    let Some(data) = shared("mdf4") else { return };
    let name = "canmod-gps.dbc";
    let bytes = std::fs::read(data.join(name)).unwrap();
    let (test, report) = ingested(&data, vec![database(None, name, &bytes)]).await;
    assert_eq!(
        (report.committed(), report.drives.len()),
        (1, 1),
        "{report:#?}"
    );
    assert!(!report.has_losses(), "{report:#?}");
    let drive = test.rows::<Drive>().await.remove(0);
    assert_eq!((drive.records_in, drive.records_dropped), (292_097, 0));
    let folder = data.join("3BA199E2/00000164");
    let logs = std::fs::read_dir(&folder).unwrap();
    let logs: Vec<PathBuf> = logs.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(logs.len(), 5);
    let Some(theirs) = peer_rows(&logs) else {
        return;
    };
    let ours = rows(&test).await;
    assert_eq!(ours.len(), theirs.len());
    let differ = ours
        .iter()
        .zip(&theirs)
        .find(|(ours, theirs)| ours != theirs);
    assert_eq!(differ, None);
    let out = tempfile::tempdir().unwrap();
    let (command, database) = (PathBuf::from("signals"), data.join(name));
    let fixed = [command.as_path(), &database, out.path()];
    let arguments: Vec<&Path> = fixed
        .into_iter()
        .chain(logs.iter().map(PathBuf::as_path))
        .collect();
    peer(&arguments).unwrap();
    same_signals(&test, out.path()).await;
}

/// Every signal of the lake is a file of the folder, with the same stamps and values.
async fn same_signals(test: &TestLake, folder: &Path) {
    let mut ours: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for row in test.rows::<Signal>().await {
        let value = row.value.unwrap();
        ours.entry(row.name)
            .or_default()
            .push((row.stamp_ns, value));
    }
    let names = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        names.iter().collect::<Vec<_>>()
    );
    for name in names {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        let (stamps, values) = bytes.split_at(bytes.len() / 2);
        let words = |bytes: &[u8]| -> Vec<[u8; 8]> {
            bytes
                .chunks_exact(8)
                .map(|word| word.try_into().unwrap())
                .collect()
        };
        let stamps = words(stamps).into_iter().map(i64::from_le_bytes);
        let values = words(values).into_iter().map(f64::from_le_bytes);
        let mut theirs: Vec<(i64, f64)> = stamps.zip(values).collect();
        let ours = ours.get_mut(&name).unwrap();
        let by_stamp = |a: &(i64, f64), b: &(i64, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
        ours.sort_by(by_stamp);
        theirs.sort_by(by_stamp);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let is_same = |a: &(i64, f64), b: &(i64, f64)| {
            a.0 == b.0 && (a.1 - b.1).abs() <= 1e-12 * (1.0 + b.1.abs())
        };
        let differ = ours.iter().zip(&theirs).find(|(a, b)| !is_same(a, b));
        assert_eq!(differ, None, "{name}");
    }
}

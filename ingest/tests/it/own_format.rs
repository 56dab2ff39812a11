//! A format that the caller brings: the example of the documentation, as it stands.

#[path = "../../examples/own_format.rs"]
#[allow(dead_code, reason = "the example is a program of its own")]
mod example;

use std::sync::Arc;

use driveloop_ingest::{DriveOutcome, IngestOptions, Watch, ingest};
use driveloop_lake::Lake;
use driveloop_schemas::{Drive, EgoState, Finding};

use example::Trace;

fn options() -> IngestOptions {
    IngestOptions {
        formats: vec![Arc::new(Trace)],
        ..IngestOptions::new("run")
    }
}

#[tokio::test]
async fn logs_of_an_own_format_become_rows_findings_and_drives() {
    let folder = tempfile::tempdir().unwrap();
    let line = |k: u32| format!("{}.5,{},2.0,90.0,1.0\n", 1_700_000_000 + k, f64::from(k));
    let lines: String = (0..20).map(line).collect();
    let damaged = format!("{lines}1,2,three\n{}", line(20));
    std::fs::create_dir(folder.path().join("logs")).unwrap();
    std::fs::write(folder.path().join("logs/a.trace"), &damaged).unwrap();
    std::fs::write(folder.path().join("logs/notes.txt"), "none of ours").unwrap();
    let lake = Lake::open(folder.path().join("lake").to_str().unwrap())
        .await
        .unwrap();
    let source = folder.path().join("logs");
    let source = source.to_str().unwrap();
    let report = ingest(&lake, source, &options(), &|_| {}).await.unwrap();
    assert_eq!(report.unrecognised, ["notes.txt"]);
    let [drive] = report.drives.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(drive.outcome, DriveOutcome::Committed);
    assert!(
        drive.log_id.starts_with("a.trace-") && drive.is_damaged,
        "{drive:?}"
    );
    assert_eq!((drive.records_in, drive.records_lost), (22, 1));

    let rows = lake.read::<EgoState>(None).await.unwrap();
    assert_eq!(rows.len(), 21);
    let row = &rows[7];
    assert_eq!(
        (row.stamp_ns, row.x_m, row.y_m),
        (1_700_000_007_500_000_000, 7.0, 2.0)
    );
    let drives = lake.read::<Drive>(None).await.unwrap();
    assert_eq!((drives.len(), drives[0].format.as_str()), (1, "trace"));
    let findings = lake.read::<Finding>(None).await.unwrap();
    let damage = findings
        .iter()
        .find(|finding| finding.check == "record_damaged")
        .unwrap();
    assert!(
        damage.message.contains(&format!("at byte {}", lines.len())),
        "{damage:?}"
    );

    // The second time the listing tells that it is there; a watch knows the format too.
    let again = ingest(&lake, source, &options(), &|_| {}).await.unwrap();
    assert_eq!(again.already_there(), 1);
    let mut watch = Watch::new(source, None);
    let first = watch.look(&lake, &options(), &|_| {}).await.unwrap();
    assert_eq!(first.waiting, ["a.trace"]);
    let second = watch.look(&lake, &options(), &|_| {}).await.unwrap();
    assert_eq!(
        (second.report.already_there(), second.waiting.len()),
        (1, 0)
    );
    let third = watch.look(&lake, &options(), &|_| {}).await.unwrap();
    assert!(third.report.drives.is_empty());
}

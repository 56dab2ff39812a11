//! Damaged and hostile bus logs in MDF 4: what is whole is kept, what is lost is counted, and nothing hangs or takes memory.

use std::time::{Duration, Instant};

use driveloop_ingest::DriveOutcome;
use driveloop_schemas::{BusFrame, Drive};

use crate::mdf4::{ingested, of_bytes};
use crate::mdf4_log::{Payloads, Shape, Storage, Writer, block, frames, log, packed};

/// Frames of the logs.
const FRAMES: usize = 60;

/// What an ingest keeps of each file, in the order of the files; none where it fails. Every record is accounted for, no frame is lost
/// unseen, and it ends soon.
async fn kept_of(cases: Vec<(String, Vec<u8>)>, whole: usize) -> Vec<Option<usize>> {
    let folder = tempfile::tempdir().unwrap();
    for (k, (_, bytes)) in cases.iter().enumerate() {
        // Files of one folder may be one drive.
        let place = folder.path().join(k.to_string());
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join(format!("{k}.mf4")), bytes).unwrap();
    }
    let begun = Instant::now();
    let (_, report) = ingested(folder.path(), Vec::new()).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_mins(1), "{} in {took:?}", cases[0].0);
    assert_eq!(report.drives.len(), cases.len());
    let mut kept = vec![None; cases.len()];
    for drive in &report.drives {
        let digits = drive.log_id.find(|sign: char| !sign.is_ascii_digit());
        let k: usize = drive.log_id[..digits.unwrap()].parse().unwrap();
        let about = &cases[k].0;
        if drive.outcome != DriveOutcome::Committed {
            continue;
        }
        let frames = drive.rows.get("bus_frame").copied().unwrap_or_default() as usize;
        let used = drive.records_in - drive.records_dropped;
        assert_eq!(used, frames as u64, "{about} {drive:#?}");
        let is_said = drive.is_damaged || drive.records_lost > 0;
        assert!(
            frames >= whole || is_said || drive.records_dropped > 0,
            "{about} {drive:#?}"
        );
        kept[k] = Some(frames);
    }
    kept
}

/// The same of one file.
async fn kept(bytes: &[u8], about: &str) -> Option<usize> {
    let cases = vec![(about.to_owned(), bytes.to_vec())];
    kept_of(cases, FRAMES).await.remove(0)
}

/// Where blocks begin that lie one behind the other.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 64;
    while at + 24 <= bytes.len() {
        starts.push(at);
        at += number(bytes, at + 8).next_multiple_of(8) as usize;
    }
    starts
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The bytes with a number at a place; none where it was that before, or the file has no such place.
fn with(bytes: &[u8], place: usize, to: u64) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let place = bytes.get_mut(place..place + 8)?;
    let is_new = place != to.to_le_bytes();
    place.copy_from_slice(&to.to_le_bytes());
    is_new.then_some(bytes)
}

fn shapes() -> [Shape; 4] {
    [
        (Payloads::Within, Storage::Block),
        (Payloads::Apart, Storage::List),
        (Payloads::Within, Storage::Transposed),
        (Payloads::Behind, Storage::Packed),
    ]
    .map(|(payloads, storage)| Shape {
        payloads,
        storage,
        ..Shape::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_cut_anywhere_loses_what_is_cut() {
    let frames = frames(FRAMES);
    for shape in shapes() {
        let bytes = log(&frames, &shape);
        let cuts = (0..bytes.len()).step_by(bytes.len() / 211 + 1);
        let case = |at| (format!("{shape:?} cut at {at}"), bytes[..at].to_vec());
        let kept = kept_of(cuts.map(case).collect(), FRAMES).await;
        // What describes the records comes before them: some are whole where the cut is late.
        assert!(
            kept.iter().all(|kept| kept.unwrap_or(0) < FRAMES),
            "{kept:?}"
        );
        if shape.storage == Storage::Block {
            assert!(kept.iter().flatten().count() > 0, "{kept:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_bytes_lose_no_frame_unseen() {
    let frames = frames(FRAMES);
    for shape in shapes() {
        let bytes = log(&frames, &shape);
        let places = (0..bytes.len()).step_by(bytes.len() / 307 + 1);
        let case = |at: usize| {
            [0x01, 0x41, 0xff].map(|mask| {
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                (format!("{shape:?} byte {at} by {mask:#x}"), bytes)
            })
        };
        kept_of(places.flat_map(case).collect(), FRAMES).await;
    }
}

/// Every link of the file in turn leads somewhere else: nowhere, to its own block, to the header, behind the end.
#[tokio::test(flavor = "multi_thread")]
async fn links_may_lead_anywhere() {
    let shape = Shape {
        payloads: Payloads::Apart,
        storage: Storage::Transposed,
        ..Shape::default()
    };
    let bytes = log(&frames(FRAMES), &shape);
    let mut cases = Vec::new();
    for at in blocks(&bytes) {
        for link in 0..number(&bytes, at + 16) as usize {
            for to in [0, at as u64, 64, 65, bytes.len() as u64, u64::MAX] {
                let about = format!("link {link} of the block at {at} to {to}");
                cases.extend(with(&bytes, at + 24 + 8 * link, to).map(|bytes| (about, bytes)));
            }
        }
    }
    assert!(cases.len() > 300, "{}", cases.len());
    kept_of(cases, FRAMES).await;
}

/// Every length and number of links of the file in turn is another, and the first number behind them.
#[tokio::test(flavor = "multi_thread")]
async fn lengths_may_be_anything() {
    for shape in shapes() {
        let bytes = log(&frames(FRAMES), &shape);
        let mut cases = Vec::new();
        for at in blocks(&bytes) {
            let data = at + 24 + 8 * number(&bytes, at + 16) as usize;
            for place in [at + 8, at + 16, data, data + 8] {
                for to in [0, 1, 1 << 33, u64::MAX / 8, u64::MAX - 7, u64::MAX] {
                    let about = format!("{shape:?} byte {place}: {to}");
                    cases.extend(with(&bytes, place, to).map(|bytes| (about, bytes)));
                }
            }
        }
        kept_of(cases, FRAMES).await;
    }
}

/// A block of a list that cannot be unpacked costs the records that lie in it, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_block_costs_its_own_records() {
    let frames = frames(300);
    for storage in [Storage::List, Storage::Packed, Storage::Transposed] {
        for payloads in [Payloads::Within, Payloads::Apart] {
            let shape = Shape {
                payloads,
                storage,
                ..Shape::default()
            };
            let mut bytes = log(&frames, &shape);
            // The last blocks but for lists are those of the records.
            let kind: &[u8] = if storage == Storage::List {
                b"##DT"
            } else {
                b"##DZ"
            };
            let blocks: Vec<usize> = (0..bytes.len() - 4)
                .step_by(8)
                .filter(|at| bytes[*at..].starts_with(kind))
                .collect();
            let at = blocks[blocks.len() - 2];
            bytes[at + 2..at + 4].copy_from_slice(b"XX");
            let case = (format!("{shape:?}"), bytes);
            let kept = kept_of(vec![case], 300).await.remove(0).unwrap();
            // A thousand bytes, and the records that lie across.
            let size = if payloads == Payloads::Within { 78 } else { 22 };
            let most = 1000 / size + 2;
            assert!((300 - most..300).contains(&kept), "{shape:?}: {kept}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_in_a_circle_end() {
    let mut writer = Writer::new(None);
    let group = writer.group([0, 0], (0, 1 << 20, 6, 8));
    let data = writer.block(*b"DT", &[], &[0; 1 << 12]);
    let at = writer.bytes.len().next_multiple_of(8) as u64;
    writer.block(*b"DG", &[at, group, data, 0], &[0; 8]);
    assert_eq!(
        kept(&writer.finish(at, &Shape::default()), "one").await,
        None
    );
    // Two thousand groups that each claim the same bytes.
    let mut writer = Writer::new(None);
    let data = writer.block(*b"DT", &[], &vec![0; 1 << 20]);
    let mut next = 0;
    for _ in 0..2000 {
        let group = writer.group([0, 0], (0, u32::MAX as usize, 6, 1 << 19));
        next = writer.block(*b"DG", &[next, group, data, 0], &[0; 8]);
    }
    kept(&writer.finish(next, &Shape::default()), "many").await;
}

/// A log whose records are what a link leads to.
fn of_data(data: impl FnOnce(&mut Writer) -> u64) -> Vec<u8> {
    let mut writer = Writer::new(None);
    let data = data(&mut writer);
    let group = writer.group([0, 0], (0, 3, 0, 4096));
    let first = writer.block(*b"DG", &[0, group, data, 0], &[0; 8]);
    writer.finish(first, &Shape::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_packed_blocks_without_end() {
    // A list that is its own next one; one that names a block a hundred thousand times.
    let circle = of_data(|writer| {
        let at = writer.bytes.len().next_multiple_of(8) as u64;
        writer.block(*b"DL", &[at], &[0; 16])
    });
    let again = of_data(|writer| {
        let block = writer.block(*b"DT", &[], &vec![0; 1 << 16]);
        let again = std::iter::repeat_n(block, 100_000);
        let links: Vec<u64> = std::iter::once(0).chain(again).collect();
        writer.block(*b"DL", &links, &[1; 16])
    });
    // A million zeros for each byte; four exbibytes that are declared; a small block that says it is a large one.
    let bomb = |declared: Option<u64>| {
        of_data(move |writer| {
            let mut data = packed(*b"DT", &vec![0; 64 << 20], 0, 1);
            if let Some(declared) = declared {
                data[8..16].copy_from_slice(&declared.to_le_bytes());
            }
            writer.block(*b"DZ", &[], &data)
        })
    };
    for (about, bytes) in [
        ("circle", circle),
        ("again", again),
        ("bomb", bomb(None)),
        ("declared", bomb(Some(1 << 62))),
        ("too small", bomb(Some(1 << 10))),
    ] {
        assert_eq!(kept(&bytes, about).await, None, "{about}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_records_are_not_believed() {
    let frames = frames(FRAMES);
    let bytes = log(&frames, &Shape::default());
    let count = (FRAMES as u64).to_le_bytes();
    let group = bytes.windows(4).position(|bytes| bytes == b"##CG").unwrap();
    let place = group + 24 + 48 + 8;
    assert_eq!(bytes[place..place + 8], count);
    for (claimed, lost) in [
        (0, 0),
        (59, 0),
        (61, 1),
        (u64::MAX, 50_000_000 - FRAMES as i64),
    ] {
        let mut bytes = bytes.clone();
        bytes[place..place + 8].copy_from_slice(&claimed.to_le_bytes());
        let (test, report) = of_bytes(&bytes).await;
        assert_eq!(report.committed(), 1, "{claimed} {report:#?}");
        assert!(report.has_losses(), "{claimed}");
        let drive = test.rows::<Drive>().await.remove(0);
        assert_eq!(drive.records_dropped, lost, "{claimed}");
        assert_eq!(test.rows::<BusFrame>().await.len(), FRAMES);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_such_file_is_named() {
    let head = |magic: &[u8], version: u16| {
        let mut bytes = log(&frames(1), &Shape::default());
        bytes[..magic.len()].copy_from_slice(magic);
        bytes[28..30].copy_from_slice(&version.to_le_bytes());
        bytes
    };
    for (bytes, expected) in [
        (head(b"MDF     ", 330), "version 3.30"),
        (head(b"MDF     ", 0), "version 0.00"),
        (head(b"RIFF", 411), "`RIFF    `"),
        (Vec::new(), "``"),
        (
            log(&frames(1), &Shape::default())[..80].to_vec(),
            "header of MDF 4",
        ),
    ] {
        let (_, report) = of_bytes(&bytes).await;
        let DriveOutcome::Failed { reason } = &report.drives[0].outcome else {
            panic!("expected a failure, got {report:#?}");
        };
        assert!(reason.contains(expected), "{reason}");
    }
    // A whole header, and nothing that it leads to.
    let mut bytes = Writer::new(None).finish(1 << 40, &Shape::default());
    bytes.extend(block(*b"TX", &[], b"text"));
    assert_eq!(kept(&bytes, "no groups").await, None);
}

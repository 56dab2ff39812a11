//! Messages of a simulated log, read with no help from the code that wrote them.

use std::collections::BTreeMap;

use driveloop_lake::Store;
use driveloop_synth::simulate::{SimulateOptions, SimulateReport, Truth, simulate};
use re_cdr::{CdrReader, LittleEndian};

type Cdr<'a> = CdrReader<'a, LittleEndian>;

/// The ego by its odometry: the middle of the rear axle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ego {
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) yaw_rad: f64,
    pub(crate) speed_mps: f64,
    pub(crate) yaw_rate_radps: f64,
}

/// A tracked object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) label: u8,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) speed_mps: f64,
    pub(crate) length_m: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Can {
    pub(crate) stamp_ns: i64,
    pub(crate) id: u32,
    pub(crate) is_extended: bool,
    pub(crate) data: Vec<u8>,
}

/// A log, by stamp.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) egos: BTreeMap<i64, Ego>,
    pub(crate) tracks: BTreeMap<String, BTreeMap<i64, Seen>>,
    pub(crate) frames: Vec<Can>,
}

pub(crate) struct Drives {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) report: SimulateReport,
}

pub(crate) async fn drives(options: &SimulateOptions) -> Drives {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let report = simulate(options, &store).await.unwrap();
    Drives {
        folder,
        store,
        report,
    }
}

impl Drives {
    pub(crate) async fn log(&self, index: usize) -> Log {
        let bytes = self
            .store
            .get(&self.report.drives[index].path)
            .await
            .unwrap();
        log_of(&bytes)
    }

    pub(crate) async fn truth(&self, index: usize) -> Truth {
        let path = &self.report.drives[index].truth_path;
        serde_json::from_slice(&self.store.get(path).await.unwrap()).unwrap()
    }
}

fn log_of(bytes: &[u8]) -> Log {
    let mut log = Log::default();
    for message in mcap::MessageStream::new(bytes).unwrap() {
        let message = message.unwrap();
        assert_eq!(message.data[..4], [0, 1, 0, 0], "little-endian CDR");
        let mut cdr = Cdr::new(&message.data[4..]);
        match message.channel.topic.as_str() {
            "/localization/odometry" => odometry(&mut cdr, &mut log),
            "/perception/objects" => objects(&mut cdr, &mut log),
            "/from_can_bus" => frame(&mut cdr, &mut log),
            _ => continue,
        }
        assert_eq!(cdr.remaining(), 0, "{}", message.channel.topic);
    }
    log
}

fn stamp(cdr: &mut Cdr<'_>) -> i64 {
    let seconds = i64::from(cdr.read_i32().unwrap());
    let stamp_ns = seconds * 1_000_000_000 + i64::from(cdr.read_u32().unwrap());
    cdr.read_str().unwrap();
    stamp_ns
}

fn doubles<const N: usize>(cdr: &mut Cdr<'_>) -> [f64; N] {
    std::array::from_fn(|_| cdr.read_f64().unwrap())
}

fn pose(cdr: &mut Cdr<'_>) -> [f64; 3] {
    let [x, y, _] = doubles(cdr);
    let [_, _, qz, qw] = doubles(cdr);
    [x, y, 2.0 * f64::atan2(qz, qw)]
}

fn odometry(cdr: &mut Cdr<'_>, log: &mut Log) {
    let stamp_ns = stamp(cdr);
    assert_eq!(cdr.read_str().unwrap(), "base_link");
    let [x_m, y_m, yaw_rad] = pose(cdr);
    doubles::<36>(cdr);
    let [speed_mps, _, _, _, _, yaw_rate_radps] = doubles(cdr);
    doubles::<36>(cdr);
    let ego = Ego {
        x_m,
        y_m,
        yaw_rad,
        speed_mps,
        yaw_rate_radps,
    };
    log.egos.insert(stamp_ns, ego);
}

fn objects(cdr: &mut Cdr<'_>, log: &mut Log) {
    let stamp_ns = stamp(cdr);
    for _ in 0..cdr.read_sequence_length().unwrap() {
        let track: String = cdr
            .read_bytes(16)
            .unwrap()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        cdr.read_f32().unwrap();
        assert_eq!(cdr.read_sequence_length().unwrap(), 1);
        let label = cdr.read_u8().unwrap();
        cdr.read_f32().unwrap();
        let [x_m, y_m, _] = pose(cdr);
        doubles::<36>(cdr);
        let [speed_mps, _, _, _, _, _] = doubles(cdr);
        doubles::<36>(cdr);
        doubles::<42>(cdr);
        cdr.read_u8().unwrap();
        cdr.read_bool().unwrap();
        cdr.read_u8().unwrap();
        assert_eq!(cdr.read_sequence_length().unwrap(), 0);
        let [length_m, _, _] = doubles(cdr);
        let seen = Seen {
            label,
            x_m,
            y_m,
            speed_mps,
            length_m,
        };
        log.tracks.entry(track).or_default().insert(stamp_ns, seen);
    }
}

fn frame(cdr: &mut Cdr<'_>, log: &mut Log) {
    let stamp_ns = stamp(cdr);
    let id = cdr.read_u32().unwrap();
    let [is_rtr, is_extended, is_error] = std::array::from_fn(|_| cdr.read_bool().unwrap());
    assert!(!is_rtr && !is_error);
    let dlc = usize::from(cdr.read_u8().unwrap());
    let data = cdr.read_bytes(8).unwrap()[..dlc].to_vec();
    log.frames.push(Can {
        stamp_ns,
        id,
        is_extended,
        data,
    });
}

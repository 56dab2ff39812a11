//! Raw drives of KITTI: small ones that are written here, as the development kit's formulas and `pykitti` read them, and the frames of
//! a real one.

use std::path::Path;
use std::process::Command;

use driveloop_schemas::{Calibration, CameraFrame, Drive, EgoState, LidarSweep};
use serde_json::Value;

use crate::{TestLake, shared};

/// Records of a drive.
const RECORDS: usize = 50;
/// 2011-09-26 13:02:25 UTC.
const START_NS: i64 = 1_317_042_145_000_000_000;
const NAME: &str = "2011_09_26_drive_0001_sync";

const CAMERAS: &str = "calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.950000e-02\n\
    S_rect_00: 1.242000e+03 3.750000e+02\n\
    R_rect_00: 9.999239e-01 9.837760e-03 -7.445048e-03 -9.869795e-03 9.999421e-01 -4.278459e-03 7.402527e-03 4.351614e-03 9.999631e-01\n\
    P_rect_00: 7.215377e+02 0 6.095593e+02 0 0 7.215377e+02 1.728540e+02 0 0 0 1 0\n\
    S_rect_01: 1.242000e+03 3.750000e+02\n\
    R_rect_01: 9.999239e-01 9.837760e-03 -7.445048e-03 -9.869795e-03 9.999421e-01 -4.278459e-03 7.402527e-03 4.351614e-03 9.999631e-01\n\
    P_rect_01: 7.215377e+02 0 6.095593e+02 -3.875744e+02 0 7.215377e+02 1.728540e+02 0 0 0 1 0\n\
    S_rect_02: 1.242000e+03 3.750000e+02\n\
    R_rect_02: 9.999239e-01 9.837760e-03 -7.445048e-03 -9.869795e-03 9.999421e-01 -4.278459e-03 7.402527e-03 4.351614e-03 9.999631e-01\n\
    P_rect_02: 7.215377e+02 0 6.095593e+02 4.485728e+01 0 7.215377e+02 1.728540e+02 0 0 0 1 0\n\
    S_rect_03: 1.242000e+03 3.750000e+02\n\
    R_rect_03: 9.999239e-01 9.837760e-03 -7.445048e-03 -9.869795e-03 9.999421e-01 -4.278459e-03 7.402527e-03 4.351614e-03 9.999631e-01\n\
    P_rect_03: 7.215377e+02 0 6.095593e+02 -3.395242e+02 0 7.215377e+02 1.728540e+02 0 0 0 1 0\n";
const LIDAR: &str = "calib_time: 15-Mar-2012 11:37:16\n\
    R: 7.533745e-03 -9.999714e-01 -6.166020e-04 1.480249e-02 7.280733e-04 -9.998902e-01 9.998621e-01 7.523790e-03 1.480755e-02\n\
    T: -4.069766e-03 -7.631618e-02 -2.717806e-01\ndelta_f: 0 0\n";
const UNIT: &str = "calib_time: 25-May-2012 16:47:16\n\
    R: 9.999976e-01 7.553071e-04 -2.035826e-03 -7.854027e-04 9.998898e-01 -1.482298e-02 2.024406e-03 1.482454e-02 9.998881e-01\n\
    T: -8.086759e-01 3.195559e-01 -7.997231e-01\n";

/// A stamp's line: 0.1 s a record.
fn line(record: usize) -> String {
    let tenths = 250 + record;
    format!(
        "2011-09-26 13:02:{:02}.{}00000000\n",
        tenths / 10,
        tenths % 10
    )
}

/// Latitude, longitude, altitude, roll, pitch and yaw of a record: eastwards at 10 m/s, with a slow turn to the north.
fn packet(record: usize) -> [f64; 6] {
    let t = record as f64 * 0.1;
    let yaw = 0.02 * t;
    let (east, north) = (10.0 * t, 0.1 * t * t);
    let metre_deg = 1.0 / 111_319.49;
    let latitude = 49.015 + north * metre_deg;
    let longitude = 8.434 + east * metre_deg / 49.015_f64.to_radians().cos();
    [latitude, longitude, 112.8 + 0.01 * t, 0.02, -0.01, yaw]
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A drive without its sensors' records, below a folder; its own folder.
fn drive(root: &Path, records: usize) -> std::path::PathBuf {
    let day = root.join("2011_09_26");
    for (name, text) in [
        ("calib_cam_to_cam.txt", CAMERAS),
        ("calib_velo_to_cam.txt", LIDAR),
        ("calib_imu_to_velo.txt", UNIT),
    ] {
        write(&day.join(name), text);
    }
    let drive = day.join(NAME);
    let lines: String = (0..records).map(line).collect();
    write(&drive.join("oxts/timestamps.txt"), &lines);
    write(&drive.join("oxts/dataformat.txt"), "lat: latitude\n");
    for record in 0..records {
        let mut numbers: Vec<String> = packet(record)
            .iter()
            .map(|number| format!("{number:.13}"))
            .collect();
        numbers.resize(30, "0".to_owned());
        "10.0".clone_into(&mut numbers[8]);
        "0.02".clone_into(&mut numbers[22]);
        write(
            &drive.join(format!("oxts/data/{record:010}.txt")),
            numbers.join(" "),
        );
    }
    drive
}

/// Records of a camera and of the lidar.
fn sensors(drive: &Path, records: usize) {
    let lines: String = (0..records).map(line).collect();
    let mut png = Vec::new();
    let image = image::GrayImage::from_pixel(4, 2, image::Luma([7]));
    image
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    for sensor in ["image_02", "velodyne_points"] {
        write(&drive.join(sensor).join("timestamps.txt"), &lines);
    }
    write(&drive.join("velodyne_points/timestamps_start.txt"), &lines);
    for record in 0..records {
        write(&drive.join(format!("image_02/data/{record:010}.png")), &png);
        write(
            &drive.join(format!("velodyne_points/data/{record:010}.bin")),
            [0; 48],
        );
    }
}

async fn ingested(source: &Path) -> (TestLake, driveloop_ingest::IngestReport) {
    let test = TestLake::new().await;
    let report = test.ingest(source).await.unwrap();
    (test, report)
}

#[track_caller]
fn near(a: f64, b: f64, error: f64) {
    assert!((a - b).abs() <= error, "{a} {b}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_has_poses_sensors_and_calibration() {
    let root = tempfile::tempdir().unwrap();
    let folder = drive(root.path(), RECORDS);
    sensors(&folder, RECORDS);
    write(&folder.join("tracklet_labels.xml"), "<x/>");
    let (test, report) = ingested(root.path()).await;
    assert_eq!(report.committed(), 1, "{report:#?}");
    let drive = test.rows::<Drive>().await.remove(0);
    assert_eq!((&*drive.log_id, drive.format.as_str()), (NAME, "kitti-raw"));
    assert_eq!(drive.start_ns, START_NS);
    // Poses, images, sweeps, four cameras, two places; the tracklets are left out.
    assert_eq!(
        (drive.records_in, drive.records_dropped),
        (157, 1),
        "{report:#?}"
    );
    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), RECORDS);
    for (record, state) in states.iter().enumerate() {
        let [latitude, longitude, altitude, _, _, yaw] = packet(record);
        assert_eq!(state.stamp_ns, START_NS + record as i64 * 100_000_000);
        let wgs84 = map_3d::Ellipsoid::WGS84;
        let degrees = [latitude, longitude, 49.015, 8.434].map(f64::to_radians);
        let [lat, lon, lat_0, lon_0] = degrees;
        let (east, north, _) = map_3d::geodetic2enu(lat, lon, altitude, lat_0, lon_0, 112.8, wgs84);
        // The projection takes the Earth for a sphere.
        near(state.x_m, east, 0.005 * east.abs() + 1e-6);
        near(state.y_m, north, 0.005 * north.abs() + 1e-6);
        near(state.z_m, altitude - 112.8, 1e-9);
        near(state.yaw_rad, yaw, 1e-9);
        assert_eq!(
            (state.speed_mps, state.yaw_rate_radps),
            (Some(10.0), Some(0.02))
        );
        near(state.latitude_deg.unwrap(), latitude, 1e-12);
    }
    let images = test.rows::<CameraFrame>().await;
    assert_eq!(
        (images.len(), images[0].sensor.as_str(), images[0].width_px),
        (RECORDS, "image_02", Some(4))
    );
    let sweeps = test.rows::<LidarSweep>().await;
    let sweep = &sweeps[RECORDS - 1];
    assert_eq!(
        (sweep.encoding.as_str(), sweep.points),
        ("bin:float32x4", Some(3))
    );
    assert_eq!(sweep.stamp_ns, states[RECORDS - 1].stamp_ns);
    let calibrations = test.rows::<Calibration>().await;
    let of = |sensor: &str| {
        calibrations
            .iter()
            .find(|row| row.sensor == sensor)
            .unwrap()
    };
    assert_eq!(calibrations.len(), 5);
    // By the drawing of the setup, the lidar is 0.81 m before the unit, 0.32 m to its right, and 0.80 m above it.
    let lidar = of("velodyne_points");
    near(lidar.x_m, 0.81, 0.02);
    near(lidar.y_m, -0.32, 0.02);
    near(lidar.z_m, 0.80, 0.02);
    let camera = of("image_02");
    assert_eq!(
        (camera.fx_px, camera.width_px),
        (Some(721.5377), Some(1242))
    );
    // The camera is 0.27 m before the lidar, and of the pair of colour the left one.
    near(camera.x_m - lidar.x_m, 0.27, 0.02);
    near(camera.y_m - of("image_03").y_m, 0.53, 0.01);
}

/// What `pykitti` says of the same drive.
#[tokio::test(flavor = "multi_thread")]
async fn poses_and_calibration_are_those_of_the_peer() {
    let Ok(peers) = std::env::var("DRIVELOOP_PEERS") else {
        eprintln!("skipped: no DRIVELOOP_PEERS");
        return;
    };
    let root = tempfile::tempdir().unwrap();
    drive(root.path(), RECORDS);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/kitti.py");
    let output = Command::new("python3")
        .args([
            Path::new(script),
            root.path(),
            Path::new("2011_09_26"),
            Path::new("0001"),
        ])
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (test, _) = ingested(root.path()).await;
    let states = test.rows::<EgoState>().await;
    let poses = theirs["poses"].as_array().unwrap();
    assert_eq!(states.len(), poses.len());
    for (state, theirs) in states.iter().zip(poses) {
        let place = [state.x_m, state.y_m, state.z_m];
        same_pose(place, [state.qw, state.qx, state.qy, state.qz], theirs);
    }
    let calibrations = test.rows::<Calibration>().await;
    assert_eq!(calibrations.len(), 5);
    for row in calibrations {
        let place = [row.x_m, row.y_m, row.z_m];
        same_pose(
            place,
            [row.qw, row.qx, row.qy, row.qz],
            &theirs["ego_from"][&row.sensor],
        );
    }
}

/// A pose is a matrix of four rows.
#[track_caller]
fn same_pose(place: [f64; 3], [w, x, y, z]: [f64; 4], theirs: &Value) {
    let rotation = [
        [
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y - w * z),
            2.0 * (x * z + w * y),
        ],
        [
            2.0 * (x * y + w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z - w * x),
        ],
        [
            2.0 * (x * z - w * y),
            2.0 * (y * z + w * x),
            1.0 - 2.0 * (x * x + y * y),
        ],
    ];
    for row in 0..3 {
        let cell = |column: usize| theirs[row][column].as_f64().unwrap();
        for (column, ours) in rotation[row].iter().enumerate() {
            near(*ours, cell(column), 1e-5);
        }
        near(place[row], cell(3), 1e-5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_drives_lose_what_is_damaged() {
    let root = tempfile::tempdir().unwrap();
    let folder = drive(root.path(), RECORDS);
    sensors(&folder, RECORDS);
    let stamps: String = (0..RECORDS)
        .map(|record| match record {
            7 => "no stamp\n".to_owned(),
            9 => line(8),
            record => line(record),
        })
        .collect();
    write(&folder.join("oxts/timestamps.txt"), stamps);
    write(
        &folder.join("oxts/data/0000000011.txt"),
        "49.0 8.4 nan 0 0 0",
    );
    write(&folder.join("oxts/data/0000000012.txt"), "1 2 3");
    write(&folder.join("oxts/data/0000000099.txt"), "1 2 3");
    write(&folder.join("velodyne_points/data/0000000003.bin"), [0; 47]);
    std::fs::remove_file(folder.join("image_02/data/0000000004.png")).unwrap();
    std::fs::remove_file(folder.parent().unwrap().join("calib_velo_to_cam.txt")).unwrap();
    let (test, report) = ingested(root.path()).await;
    assert!(report.has_losses());
    let findings = test.findings().await;
    let count = |check: &str, subject: &str| {
        let of = findings
            .iter()
            .find(|found| found.0 == check && found.1 == subject);
        of.map(|found| (found.2, found.3))
    };
    assert_eq!(
        test.rows::<EgoState>().await.len(),
        RECORDS - 4,
        "{findings:?}"
    );
    assert_eq!(count("stamp_out_of_range", "oxts"), Some((2, 2)));
    assert_eq!(count("duplicate_stamp", "oxts"), Some((1, 1)));
    assert_eq!(count("value_not_usable", "oxts"), Some((2, 2)));
    assert_eq!(count("missing_file", "image_02"), Some((1, 1)));
    assert_eq!(count("missing_file", "calib_velo_to_cam.txt"), Some((1, 0)));
    assert_eq!(
        count("unreadable_frame", "velodyne_points/data/0000000003.bin"),
        Some((1, 0))
    );
    assert_eq!(test.rows::<Calibration>().await.len(), 1);
}

/// Frames of a real drive, which come without their poses and stamps: those are of the drive that is written here.
#[tokio::test(flavor = "multi_thread")]
async fn real_frames_keep_their_bytes() {
    let Some(data) = shared("kitti") else { return };
    let root = tempfile::tempdir().unwrap();
    let folder = drive(root.path(), 80);
    let lines: String = (0..80).map(line).collect();
    for (sensor, ending) in [("image_02", "png"), ("velodyne_points", "bin")] {
        write(&folder.join(sensor).join("timestamps.txt"), &lines);
        for record in (0..80).step_by(8) {
            let name = format!("{sensor}/data/{record:010}.{ending}");
            write(
                &folder.join(&name),
                std::fs::read(data.join(&name)).unwrap(),
            );
        }
    }
    let (test, report) = ingested(root.path()).await;
    assert_eq!(report.committed(), 1, "{report:#?}");
    let images = test.rows::<CameraFrame>().await;
    assert!(
        images
            .iter()
            .all(|image| (image.width_px, image.height_px) == (Some(1242), Some(375)))
    );
    let sweeps = test.rows::<LidarSweep>().await;
    assert_eq!((images.len(), sweeps.len()), (10, 10));
    for (sweep, record) in sweeps.iter().zip((0..80).step_by(8)) {
        let bytes =
            std::fs::read(data.join(format!("velodyne_points/data/{record:010}.bin"))).unwrap();
        assert_eq!(sweep.points, Some(bytes.len() as i64 / 16));
        assert_eq!(sweep.digest, blake3::hash(&bytes).to_hex().to_string());
    }
}

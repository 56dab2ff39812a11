//! Segments of comma2k19: a minute of a commute each, a folder with `global_pose/` and `processed_log/`, of NumPy arrays.
//!
//! A segment becomes messages, as a log of anybody's format does ([`LogFormat`]): poses of the device behind the windscreen, positions on
//! the globe, frames of the buses, and signals of car and device. Radar returns and raw GNSS have no table; they are counted. The frame is
//! east, north, up at the first pose, the ego's axes are ahead, left and up at the device. Times are those of the device, which GPS ties
//! to the time of day.
//!
//! H. Schafer et al., "A Commute in Data: The comma2k19 Dataset", arXiv:1812.05752; `README.md` of the dataset for units and axes.

mod arrays;
mod clock;
mod pose;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::pose::Quat;

use self::arrays::table;
use self::clock::Clock;
use self::pose::LocalFrame;
use self::values::{Cdr, SERIES, Series};
use crate::format::{
    FormatError, Log, LogFiles, LogFormat, MessageEncoding, Messages, Schema, TopicId,
};

/// The file by which a segment is known, below its folder.
const FRAME_TIMES: &str = "global_pose/frame_times";
/// Folders whose arrays are read.
const FOLDERS: [&str; 2] = ["global_pose/", "processed_log/"];
const LICENCE: &str = "MIT";
/// The frame that poses are given in, and what they place.
const FRAME: &str = "enu";
const CHILD: &str = "ego";

const POSE_TYPE: &str = "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/Pose pose\n\
    geometry_msgs/Twist twist\n\
    ================\nMSG: std_msgs/Header\nstring frame_id\n\
    ================\nMSG: geometry_msgs/Pose\nVector3 position\nQuaternion orientation\n\
    ================\nMSG: geometry_msgs/Twist\nTwistOnly twist\n\
    ================\nMSG: geometry_msgs/TwistOnly\nVector3 linear\n\
    ================\nMSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z\n\
    ================\nMSG: geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w\n";
const FRAME_TYPE: &str = "uint32 id\nbool is_extended\nuint8 dlc\nuint8[8] data\n";

/// Why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
enum SegmentError {
    #[error("`{path}`: expected an array of NumPy, got another file")]
    NoArray { path: String },
    #[error(
        "`{path}`: expected rows of {columns} values `{element}`, and all that its header says, got `{header}` and {bytes} bytes"
    )]
    Shape {
        path: String,
        columns: usize,
        element: &'static str,
        header: String,
        bytes: usize,
    },
    #[error("`{path}`: expected at most {max} bytes, got {actual}")]
    TooLarge { path: String, max: u64, actual: u64 },
    #[error(transparent)]
    Log(#[from] crate::error::Error),
}

/// The format.
#[derive(Debug)]
pub(crate) struct Comma2k19;

impl LogFormat for Comma2k19 {
    fn name(&self) -> &'static str {
        "comma2k19"
    }

    fn looks_like(&self) -> &'static str {
        "folders with global_pose/frame_times"
    }

    fn logs(&self, paths: &[&str]) -> Vec<LogFiles> {
        let folders = paths
            .iter()
            .filter_map(|path| path.strip_suffix(FRAME_TIMES));
        let folders: BTreeSet<&str> = folders
            .filter(|folder| folder.is_empty() || folder.ends_with('/'))
            .collect();
        let is_array = |path: &&str, folder: &str| {
            let below = path.strip_prefix(folder);
            below.is_some_and(|below| FOLDERS.iter().any(|array| below.starts_with(array)))
        };
        let log = |folder: &str| LogFiles {
            path: folder.trim_end_matches('/').to_owned(),
            files: paths
                .iter()
                .filter(|path| is_array(path, folder))
                .map(|path| (*path).to_owned())
                .collect(),
        };
        folders.into_iter().map(log).collect()
    }

    /// The device's name, the route's and the segment's, where the folders above have them.
    fn log_id(&self, log: &Log<'_>) -> Result<Option<String>, FormatError> {
        Ok(route(log).map(|(device, route, segment)| format!("{device}_{route}--{segment}")))
    }

    fn read(&self, log: &Log<'_>, messages: &mut Messages<'_>) -> Result<(), FormatError> {
        let folder = folder(log).to_owned();
        messages.file(folder.trim_end_matches('/'));
        let mut about = BTreeMap::from([("licence".to_owned(), LICENCE.to_owned())]);
        if let Some((device, ..)) = route(log) {
            about.insert("vehicle_id".to_owned(), device.to_owned());
        }
        messages.about(about);
        let clock = Clock::of(log, &folder)?;
        if !clock.knows_the_day() {
            messages.assumed(
                "unknown_day",
                "expected times of GPS that agree with the device's clock, got none: stamps are those since the device was started",
            );
        }
        let mut segment = Segment {
            log,
            folder: &folder,
            clock,
            messages,
            message: Cdr::default(),
        };
        segment.poses()?;
        segment.positions()?;
        segment.frames()?;
        for series in SERIES {
            segment.series(series)?;
        }
        Ok(())
    }
}

/// The folder of a segment, with a slash at its end where it has a name.
fn folder<'a>(log: &Log<'a>) -> &'a str {
    let mut files = log.files();
    let folder = files.find_map(|(path, _)| path.strip_suffix(FRAME_TIMES));
    folder.unwrap_or_default()
}

/// Device, route and segment: `…/b0c9d2329ad1606b|2018-08-02--08-34-47/40/`.
fn route<'a>(log: &Log<'a>) -> Option<(&'a str, &'a str, &'a str)> {
    let (above, segment) = folder(log).strip_suffix('/')?.rsplit_once('/')?;
    let route = above.rsplit('/').next()?;
    let (device, route) = route.split_once(['|', '_'])?;
    let is_number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !device.is_empty() && route.contains("--")).then_some((device, route, segment))
}

/// A segment while it is read.
struct Segment<'s, 'a, 'v> {
    log: &'s Log<'a>,
    folder: &'s str,
    clock: Clock,
    messages: &'s mut Messages<'v>,
    message: Cdr,
}

impl Segment<'_, '_, '_> {
    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    fn topic(&mut self, topic: &str, schema: &str, text: &str) -> Result<TopicId, SegmentError> {
        let schema = Schema {
            name: schema,
            encoding: "ros2msg",
            text: text.as_bytes(),
        };
        let topic = self.messages.topic(topic, MessageEncoding::Cdr, schema)?;
        Ok(topic)
    }

    /// Hands on the message that was written; of a time that is none it is lost.
    fn send(&mut self, topic: TopicId, row: usize, device_s: f64) -> Result<(), SegmentError> {
        match self.clock.stamp_ns(device_s) {
            Some(stamp_ns) => self
                .messages
                .message(topic, stamp_ns, self.message.bytes())?,
            None => self.messages.damage(
                row as u64,
                1,
                format!("expected a time in seconds, got {device_s} (the offset is the row)"),
            ),
        }
        Ok(())
    }

    /// Rows of arrays that belong together and are not of one length.
    fn compare(&mut self, what: &str, lengths: &[usize]) {
        let (least, most) = (lengths.iter().min(), lengths.iter().max());
        if let (Some(least), Some(most)) = (least, most)
            && least < most
        {
            let reason = format!("expected arrays of one length in `{what}`, got {lengths:?}");
            self.messages
                .damage(*least as u64, (most - least) as u64, reason);
        }
    }

    fn poses(&mut self) -> Result<(), SegmentError> {
        let folder = "global_pose/";
        let path = |name: &str| format!("{}{folder}{name}", self.folder);
        let times = table::<f64>(self.log, &path("frame_times"), 1)?;
        let positions = table::<f64>(self.log, &path("frame_positions"), 3)?;
        let orientations = table::<f64>(self.log, &path("frame_orientations"), 4)?;
        let velocities = table::<f64>(self.log, &path("frame_velocities"), 3)?;
        let (Some(times), Some(positions), Some(orientations)) = (times, positions, orientations)
        else {
            return Ok(());
        };
        let topic = self.topic("/pose", "nav_msgs/msg/Odometry", POSE_TYPE)?;
        let lengths = [times.rows(), positions.rows(), orientations.rows()].map(Iterator::count);
        self.compare(folder, &lengths);
        let mut local: Option<LocalFrame> = None;
        let mut velocities = velocities.iter().flat_map(arrays::Table::rows);
        let rows = times.rows().zip(positions.rows()).zip(orientations.rows());
        for (row, ((time, position), orientation)) in rows.enumerate() {
            let velocity = velocities.next();
            let (&[x, y, z], &[w, i, j, k]) = (position, orientation) else {
                continue;
            };
            let ecef_from_device = Quat {
                w,
                x: i,
                y: j,
                z: k,
            };
            let ecef_from_device = ecef_from_device.normalized();
            let is_place = position.iter().all(|number| number.is_finite());
            let pose = ecef_from_device.filter(|_| is_place).map(|rotation| {
                let local = local.get_or_insert_with(|| LocalFrame::at([x, y, z]));
                local.pose([x, y, z], rotation)
            });
            let ahead_mps = match (ecef_from_device, velocity) {
                (Some(rotation), Some(&[x, y, z])) => rotation.inverse().rotate([x, y, z])[0],
                _ => f64::NAN,
            };
            self.message.begin();
            self.message.text(FRAME);
            self.message.text(CHILD);
            match pose {
                Some(pose) => {
                    let q = pose.rotation;
                    self.message.doubles(&pose.translation);
                    self.message.doubles(&[q.x, q.y, q.z, q.w]);
                }
                None => self.message.doubles(&[f64::NAN; 7]),
            }
            self.message.doubles(&[ahead_mps, 0.0, 0.0]);
            self.send(topic, row, time[0])?;
        }
        Ok(())
    }

    /// Positions that the receiver worked out: latitude and longitude in degrees, speed, time, height in metres, bearing.
    fn positions(&mut self) -> Result<(), SegmentError> {
        let folder = "processed_log/GNSS/live_gnss_ublox/";
        let times = table::<f64>(self.log, &self.path(&format!("{folder}t")), 1)?;
        let fixes = table::<f64>(self.log, &self.path(&format!("{folder}value")), 6)?;
        let Some((times, fixes)) = times.zip(fixes) else {
            return Ok(());
        };
        let text = "float64 latitude\nfloat64 longitude\nfloat64 altitude\n";
        let topic = self.topic("/gnss", "sensor_msgs/msg/NavSatFix", text)?;
        self.compare(folder, &[times.rows().count(), fixes.rows().count()]);
        for (row, (time, fix)) in times.rows().zip(fixes.rows()).enumerate() {
            self.message.begin();
            self.message.doubles(&[fix[0], fix[1], fix[4]]);
            self.send(topic, row, time[0])?;
        }
        Ok(())
    }

    /// Frames of the buses. The array does not say how long a payload is: it is taken for one of eight bytes.
    fn frames(&mut self) -> Result<(), SegmentError> {
        let folder = "processed_log/CAN/raw_can/";
        let path = |name: &str| format!("{}{folder}{name}", self.folder);
        let times = table::<f64>(self.log, &path("t"), 1)?;
        let buses = table::<i64>(self.log, &path("src"), 1)?;
        let identifiers = table::<i64>(self.log, &path("address"), 1)?;
        let payloads = table::<[u8; 8]>(self.log, &path("data"), 1)?;
        let (Some(times), Some(buses), Some(identifiers), Some(payloads)) =
            (times, buses, identifiers, payloads)
        else {
            return Ok(());
        };
        let lengths = [
            times.rows().count(),
            buses.rows().count(),
            identifiers.rows().count(),
        ];
        self.compare(folder, &lengths);
        self.compare(folder, &[lengths[0], payloads.rows().count()]);
        let mut topics: BTreeMap<i64, TopicId> = BTreeMap::new();
        let rows = times.rows().zip(buses.rows()).zip(identifiers.rows());
        for (row, (((time, bus), identifier), payload)) in rows.zip(payloads.rows()).enumerate() {
            let bus = bus[0];
            let topic = if let Some(topic) = topics.get(&bus) {
                *topic
            } else {
                let topic = self.topic(&format!("/can{bus}"), "can_msgs/msg/Frame", FRAME_TYPE)?;
                topics.insert(bus, topic);
                topic
            };
            let Ok(identifier) = u32::try_from(identifier[0]) else {
                let reason = format!("expected an identifier of a bus, got {}", identifier[0]);
                self.messages.damage(row as u64, 1, reason);
                continue;
            };
            self.message.begin();
            self.message.frame(identifier, payload[0]);
            self.send(topic, row, time[0])?;
        }
        Ok(())
    }

    fn series(&mut self, series: &Series) -> Result<(), SegmentError> {
        let folder = format!("processed_log/{}/", series.folder);
        let times = table::<f64>(self.log, &self.path(&format!("{folder}t")), 1)?;
        let columns = series.fields.len();
        let values = table::<f64>(self.log, &self.path(&format!("{folder}value")), columns)?;
        let Some((times, values)) = times.zip(values) else {
            return Ok(());
        };
        let topic = self.topic(series.topic, series.schema, &series.definition())?;
        self.compare(&folder, &[times.rows().count(), values.rows().count()]);
        for (row, (time, values)) in times.rows().zip(values.rows()).enumerate() {
            self.message.begin();
            self.message.doubles(values);
            self.send(topic, row, time[0])?;
        }
        Ok(())
    }
}

//! Poses of the GPS/IMU unit: a file of thirty numbers a stamp (`dataformat.txt` of the dataset names them).

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_schemas::maths::{cos, ln, sin_cos, tan};
use driveloop_schemas::pose::Quat;

use super::{Log, POSE_STAMPS, number_of};
use crate::ego::{EgoSample, EgoStates, EgoTrack, checked_pose};
use crate::error::{Error, Result};
use crate::paged::Paged;
use crate::quality::{check_pose_jumps, check_stamps, drop_duplicate, drop_stamp, drop_unusable};

const FOLDER: &str = "oxts/data/";
/// What the numbers are called, for a person.
const DESCRIPTION: &str = "oxts/dataformat.txt";
/// Findings name the records by their folder.
const SUBJECT: &str = "oxts";
/// Radius of the Earth in the Mercator projection of the development kit.
const EARTH_RADIUS_M: f64 = 6_378_137.0;
/// Beyond these the projection has no place.
const LATITUDE_MAX_DEG: f64 = 85.0;
/// Places of the numbers: latitude, longitude and altitude, then roll, pitch and yaw, are the first six.
const FORWARD_SPEED: usize = 8;
const TURN_RATE: usize = 22;

/// A record of the unit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Packet {
    latitude_deg: f64,
    longitude_deg: f64,
    altitude_m: f64,
    map_from_ego: Quat,
    speed_mps: f64,
    yaw_rate_radps: f64,
}

impl Packet {
    fn of(numbers: &[f64]) -> Option<Self> {
        let [latitude_deg, longitude_deg, altitude_m, roll, pitch, yaw] =
            *numbers.first_chunk::<6>()?;
        let packet = Self {
            latitude_deg,
            longitude_deg,
            altitude_m,
            map_from_ego: orientation(roll, pitch, yaw),
            speed_mps: *numbers.get(FORWARD_SPEED)?,
            yaw_rate_radps: *numbers.get(TURN_RATE)?,
        };
        let are_finite = numbers.iter().all(|number| number.is_finite());
        let is_place = latitude_deg.abs() <= LATITUDE_MAX_DEG && longitude_deg.abs() <= 180.0;
        (are_finite && is_place).then_some(packet)
    }
}

/// Rotation by roll about x, then pitch about y, then yaw about z: yaw is counted from the east (`convertOxtsToPose.m`).
fn orientation(roll: f64, pitch: f64, yaw: f64) -> Quat {
    let about = |axis: usize, angle: f64| {
        let (sin, cos) = sin_cos(angle / 2.0);
        let mut parts = [0.0; 3];
        parts[axis] = sin;
        let [x, y, z] = parts;
        Quat { w: cos, x, y, z }
    };
    about(2, yaw).times(about(1, pitch)).times(about(0, roll))
}

/// Metres to the east and north by Mercator's projection, to the scale of a latitude (`latlonToMercator.m` and `latToScale.m` of the
/// development kit).
fn mercator(latitude_deg: f64, longitude_deg: f64, scale: f64) -> [f64; 2] {
    let east = scale * longitude_deg.to_radians() * EARTH_RADIUS_M;
    let angle = (90.0 + latitude_deg).to_radians() / 2.0;
    [east, scale * EARTH_RADIUS_M * ln(tan(angle))]
}

impl Log<'_> {
    /// The ego's way, which begins at the origin of the map.
    pub(super) fn poses(&mut self) -> Result<()> {
        let stamps = self.stamps(POSE_STAMPS)?.unwrap_or_default();
        let packets = self.packets(&stamps)?;
        let Some((_, first)) = packets.first_key_value() else {
            return Err(Error::Format {
                file: self.drive.path.clone(),
                expected: format!("poses in {FOLDER}"),
                actual: "none".to_owned(),
            });
        };
        let scale = cos(first.latitude_deg.to_radians());
        let [east, north] = mercator(first.latitude_deg, first.longitude_deg, scale);
        let up = first.altitude_m;
        let (mut samples, mut positions) = (Paged::default(), Vec::new());
        for (stamp_ns, packet) in &packets {
            let [x, y] = mercator(packet.latitude_deg, packet.longitude_deg, scale);
            let Quat {
                w,
                x: i,
                y: j,
                z: k,
            } = packet.map_from_ego;
            let place = [x - east, y - north, packet.altitude_m - up];
            let Some(map_from_ego) = checked_pose([w, i, j, k], place) else {
                drop_unusable(&mut self.out.findings, SUBJECT, Some(*stamp_ns), "others");
                continue;
            };
            self.out.records_used += 1;
            let sample = EgoSample {
                map_from_ego,
                speed_mps: Some(packet.speed_mps),
                yaw_rate_radps: Some(packet.yaw_rate_radps),
            };
            samples.push((*stamp_ns, sample));
            positions.push((*stamp_ns, [packet.latitude_deg, packet.longitude_deg]));
        }
        let mut track = EgoTrack::new(samples);
        track.check_measured(&mut self.out.findings, SUBJECT);
        check_pose_jumps(&mut self.out.findings, SUBJECT, &track);
        let mut states = EgoStates::of(&Arc::new(track));
        for (stamp_ns, position_deg) in positions {
            states.locate(stamp_ns, position_deg);
        }
        self.out.facts.ego_states = states;
        Ok(())
    }

    fn packets(&mut self, stamps: &[Option<i64>]) -> Result<BTreeMap<i64, Packet>> {
        let mut packets = BTreeMap::new();
        let mut in_order = Vec::new();
        for file in &self.drive.files {
            let Some(number) = number(self.drive.relative(file)) else {
                continue;
            };
            self.out.records_in += 1;
            let findings = &mut self.out.findings;
            let Some(stamp_ns) = stamps.get(number).copied().flatten() else {
                drop_stamp(findings, SUBJECT, &format!("none for record {number}"));
                continue;
            };
            in_order.push(stamp_ns);
            let text = self.text(file)?;
            let packet = super::texts::numbers(&text).and_then(|numbers| Packet::of(&numbers));
            let findings = &mut self.out.findings;
            match packet {
                None => drop_unusable(findings, SUBJECT, Some(stamp_ns), "others"),
                Some(_) if packets.contains_key(&stamp_ns) => {
                    drop_duplicate(findings, SUBJECT, stamp_ns);
                }
                Some(packet) => {
                    packets.insert(stamp_ns, packet);
                }
            }
        }
        check_stamps(
            &mut self.out.findings,
            SUBJECT,
            in_order.into_iter().collect(),
        );
        Ok(packets)
    }
}

fn number(relative: &str) -> Option<usize> {
    number_of(relative.strip_prefix(FOLDER)?, &[".txt"])
}

/// Whether a file is read here, or is only of use to a person.
pub(super) fn is_read(relative: &str) -> bool {
    relative == POSE_STAMPS || relative == DESCRIPTION || number(relative).is_some()
}

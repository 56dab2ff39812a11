//! A drive as its format gave it, and as rows of the lake.

use driveloop_schemas::time::{Day, day_from_stamp_ns};
use driveloop_schemas::{
    Calibration, CameraFrame, Drive, EgoState, Finding, Lane, LidarSweep, MapArea, ObjectTrack,
    Origin, Row, Signal,
};

use crate::error::{Error, Result};
use crate::findings::Findings;

/// What a format says about a drive as a whole.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) origin: Origin,
    pub(crate) vehicle_id: Option<String>,
    pub(crate) map_id: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) software_version: Option<String>,
    pub(crate) licence: Option<String>,
}

impl Default for About {
    fn default() -> Self {
        Self {
            origin: Origin::Recorded,
            vehicle_id: None,
            map_id: None,
            region: None,
            software_version: None,
            licence: None,
        }
    }
}

/// What a format reads out of a log. `log_id` and `day` of the rows are filled in by [`DecodedDrive::into_rows`].
#[derive(Debug, Default)]
pub(crate) struct DecodedDrive {
    pub(crate) about: About,
    pub(crate) ego_states: Vec<EgoState>,
    pub(crate) object_tracks: Vec<ObjectTrack>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) camera_frames: Vec<CameraFrame>,
    pub(crate) lidar_sweeps: Vec<LidarSweep>,
    pub(crate) calibrations: Vec<Calibration>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) map_areas: Vec<MapArea>,
    pub(crate) findings: Findings,
    /// Records that were read: rows, messages and their items, files.
    pub(crate) records_in: u64,
    /// Records among them that became rows, or are part of one.
    pub(crate) records_used: u64,
}

/// Identity of a drive, known before it is decoded.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) log_id: String,
    pub(crate) source_uri: String,
    pub(crate) source_digest: String,
    pub(crate) source_bytes: u64,
    pub(crate) format: &'static str,
}

impl Identity {
    /// The id of the drive's transaction in each table.
    pub(crate) fn transaction(&self) -> String {
        format!("drive/{}/{}", self.log_id, &self.source_digest[..12])
    }
}

/// The rows of one drive or of several, each table in the order of its key.
#[derive(Debug, Default)]
pub(crate) struct DriveRows {
    pub(crate) drives: Vec<Drive>,
    pub(crate) ego_states: Vec<EgoState>,
    pub(crate) object_tracks: Vec<ObjectTrack>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) camera_frames: Vec<CameraFrame>,
    pub(crate) lidar_sweeps: Vec<LidarSweep>,
    pub(crate) calibrations: Vec<Calibration>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) map_areas: Vec<MapArea>,
    pub(crate) findings: Vec<Finding>,
}

/// Fills in the drive and its day.
macro_rules! stamp {
    ($rows:expr, $log_id:expr, $day:expr) => {
        for row in &mut $rows {
            $log_id.clone_into(&mut row.log_id);
            row.day = $day;
        }
    };
}

impl DecodedDrive {
    /// The first and last stamp of anything that has one.
    fn span_ns(&self) -> Option<(i64, i64)> {
        let stamps = self.ego_states.iter().map(|row| row.stamp_ns);
        let stamps = stamps.chain(self.object_tracks.iter().map(|row| row.stamp_ns));
        let stamps = stamps.chain(self.signals.iter().map(|row| row.stamp_ns));
        let stamps = stamps.chain(self.camera_frames.iter().map(|row| row.stamp_ns));
        let stamps = stamps.chain(self.lidar_sweeps.iter().map(|row| row.stamp_ns));
        stamps.fold(None, |span, stamp| match span {
            None => Some((stamp, stamp)),
            Some((first, last)) => Some((stamp.min(first), stamp.max(last))),
        })
    }

    /// The rows of the lake, each table in the order of its key.
    ///
    /// # Errors
    /// When nothing has a stamp, or when records are unaccounted for.
    pub(crate) fn into_rows(mut self, identity: &Identity) -> Result<DriveRows> {
        let log_id = &identity.log_id;
        let (used, dropped) = (self.records_used, self.findings.dropped());
        if self.records_in != used + dropped {
            return Err(Error::Unaccounted {
                log_id: log_id.clone(),
                records_in: self.records_in,
                used,
                dropped,
            });
        }
        let records = self.records_in;
        let span = self.span_ns().ok_or_else(|| Error::NoRecords {
            log_id: log_id.clone(),
            records,
        })?;
        let day = day_from_stamp_ns(span.0);
        stamp!(self.ego_states, log_id, day);
        stamp!(self.object_tracks, log_id, day);
        stamp!(self.signals, log_id, day);
        stamp!(self.camera_frames, log_id, day);
        stamp!(self.lidar_sweeps, log_id, day);
        stamp!(self.calibrations, log_id, day);
        stamp!(self.lanes, log_id, day);
        stamp!(self.map_areas, log_id, day);
        let drive = self.drive(identity, span, day, dropped);
        let mut rows = DriveRows {
            drives: vec![drive],
            ego_states: self.ego_states,
            object_tracks: self.object_tracks,
            signals: self.signals,
            camera_frames: self.camera_frames,
            lidar_sweeps: self.lidar_sweeps,
            calibrations: self.calibrations,
            lanes: self.lanes,
            map_areas: self.map_areas,
            findings: self.findings.rows(log_id, day),
        };
        rows.sort();
        Ok(rows)
    }

    fn drive(&self, identity: &Identity, span_ns: (i64, i64), day: Day, dropped: u64) -> Drive {
        let media = !(self.camera_frames.is_empty() && self.lidar_sweeps.is_empty());
        let about = self.about.clone();
        Drive {
            log_id: identity.log_id.clone(),
            day,
            composed: false,
            origin: about.origin.as_str().to_owned(),
            vehicle_id: about.vehicle_id,
            source_uri: identity.source_uri.clone(),
            source_digest: identity.source_digest.clone(),
            source_bytes: identity.source_bytes as i64,
            format: identity.format.to_owned(),
            start_ns: span_ns.0,
            end_ns: span_ns.1,
            map_id: about.map_id,
            region: about.region,
            software_version: about.software_version,
            licence: about.licence,
            privacy_state: if media { "unprocessed" } else { "none" }.to_owned(),
            records_in: self.records_in as i64,
            records_dropped: dropped as i64,
        }
    }
}

impl DriveRows {
    /// Brings each table into the order of its key.
    pub(crate) fn sort(&mut self) {
        self.drives.sort_by(|a, b| a.log_id.cmp(&b.log_id));
        self.ego_states
            .sort_by(|a, b| (&a.log_id, a.stamp_ns).cmp(&(&b.log_id, b.stamp_ns)));
        self.object_tracks.sort_by(|a, b| {
            (&a.log_id, &a.track_id, a.stamp_ns).cmp(&(&b.log_id, &b.track_id, b.stamp_ns))
        });
        self.signals.sort_by(|a, b| {
            (&a.log_id, &a.name, a.stamp_ns).cmp(&(&b.log_id, &b.name, b.stamp_ns))
        });
        self.camera_frames.sort_by(|a, b| {
            (&a.log_id, &a.sensor, a.stamp_ns).cmp(&(&b.log_id, &b.sensor, b.stamp_ns))
        });
        self.lidar_sweeps.sort_by(|a, b| {
            (&a.log_id, &a.sensor, a.stamp_ns).cmp(&(&b.log_id, &b.sensor, b.stamp_ns))
        });
        self.calibrations
            .sort_by(|a, b| (&a.log_id, &a.sensor).cmp(&(&b.log_id, &b.sensor)));
        self.lanes
            .sort_by(|a, b| (&a.log_id, &a.lane_id).cmp(&(&b.log_id, &b.lane_id)));
        self.map_areas.sort_by(|a, b| {
            (&a.log_id, &a.kind, &a.area_id).cmp(&(&b.log_id, &b.kind, &b.area_id))
        });
        self.findings.sort_by(|a, b| {
            (&a.log_id, &a.check, &a.subject, a.start_ns)
                .cmp(&(&b.log_id, &b.check, &b.subject, b.start_ns))
        });
    }

    /// Adds the rows of another drive.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.drives.append(&mut other.drives);
        self.ego_states.append(&mut other.ego_states);
        self.object_tracks.append(&mut other.object_tracks);
        self.signals.append(&mut other.signals);
        self.camera_frames.append(&mut other.camera_frames);
        self.lidar_sweeps.append(&mut other.lidar_sweeps);
        self.calibrations.append(&mut other.calibrations);
        self.lanes.append(&mut other.lanes);
        self.map_areas.append(&mut other.map_areas);
        self.findings.append(&mut other.findings);
    }

    /// Rows by table, for reports; tables without rows are left out.
    pub(crate) fn counts(&self) -> std::collections::BTreeMap<String, u64> {
        let counts = [
            (Drive::SPEC.name, self.drives.len()),
            (EgoState::SPEC.name, self.ego_states.len()),
            (ObjectTrack::SPEC.name, self.object_tracks.len()),
            (Signal::SPEC.name, self.signals.len()),
            (CameraFrame::SPEC.name, self.camera_frames.len()),
            (LidarSweep::SPEC.name, self.lidar_sweeps.len()),
            (Calibration::SPEC.name, self.calibrations.len()),
            (Lane::SPEC.name, self.lanes.len()),
            (MapArea::SPEC.name, self.map_areas.len()),
            (Finding::SPEC.name, self.findings.len()),
        ];
        counts
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|(table, n)| (table.to_owned(), n as u64))
            .collect()
    }

    /// About how many bytes of memory the rows take.
    pub(crate) fn bytes(&self) -> usize {
        /// Texts of a row, on the heap: log and track ids, categories.
        const TEXT_BYTES: usize = 100;
        let small = self.ego_states.len() * size_of::<EgoState>()
            + self.signals.len() * size_of::<Signal>();
        let tracks = self.object_tracks.len() * size_of::<ObjectTrack>();
        let rows = self.ego_states.len() + self.signals.len() + self.object_tracks.len();
        small + tracks + rows * TEXT_BYTES
    }
}

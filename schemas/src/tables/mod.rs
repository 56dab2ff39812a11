//! One file per table; [`TABLES`] lists them all.

mod bus_frame;
mod calibration;
mod camera_frame;
mod checkpoint;
mod drive;
mod ego_state;
mod episode;
mod failure_slice;
mod finding;
mod lane;
mod lidar_sweep;
mod map_area;
mod object_track;
mod prediction;
mod release;
mod release_verdict;
mod sample;
mod sample_metric;
mod search;
mod signal;
mod slice_metric;
mod synthetic_item;
mod training_run;

pub use bus_frame::BusFrame;
pub use calibration::Calibration;
pub use camera_frame::CameraFrame;
pub use checkpoint::Checkpoint;
pub use drive::{Drive, Origin};
pub use ego_state::EgoState;
pub use episode::Episode;
pub use failure_slice::FailureSlice;
pub use finding::{Finding, Severity};
pub use lane::Lane;
pub use lidar_sweep::LidarSweep;
pub use map_area::MapArea;
pub use object_track::{EGO_CATEGORY, EGO_TRACK_ID, ObjectTrack};
pub use prediction::Prediction;
pub use release::Release;
pub use release_verdict::ReleaseVerdict;
pub use sample::Sample;
pub use sample_metric::SampleMetric;
pub use search::Search;
pub use signal::Signal;
pub use slice_metric::SliceMetric;
pub use synthetic_item::SyntheticItem;
pub use training_run::TrainingRun;

use crate::{Row, TableSpec};

/// The tables that hold what a drive consists of, besides its own row in `drive`.
pub const DRIVE_TABLES: &[&TableSpec] = TABLES.split_at(1).1.split_at(10).0;

/// Every table of the lake, in the order in which the loop fills them: `drive`, what a drive consists of, what is made of drives.
pub const TABLES: &[&TableSpec] = &[
    Drive::SPEC,
    EgoState::SPEC,
    ObjectTrack::SPEC,
    Signal::SPEC,
    BusFrame::SPEC,
    CameraFrame::SPEC,
    LidarSweep::SPEC,
    Calibration::SPEC,
    Lane::SPEC,
    MapArea::SPEC,
    Finding::SPEC,
    Episode::SPEC,
    SyntheticItem::SPEC,
    Sample::SPEC,
    TrainingRun::SPEC,
    Checkpoint::SPEC,
    Prediction::SPEC,
    SampleMetric::SPEC,
    SliceMetric::SPEC,
    FailureSlice::SPEC,
    ReleaseVerdict::SPEC,
    Release::SPEC,
    Search::SPEC,
];

#[cfg(test)]
mod tests {
    use super::DRIVE_TABLES;

    #[test]
    fn the_tables_of_a_drive_lie_by_drive_and_day() {
        for table in DRIVE_TABLES {
            assert_eq!(table.key[0], "log_id", "{}", table.name);
            assert_eq!(table.partition_by, ["day"], "{}", table.name);
        }
        let names: Vec<_> = DRIVE_TABLES.iter().map(|table| table.name).collect();
        assert_eq!(names.first(), Some(&"ego_state"));
        assert_eq!(names.last(), Some(&"finding"));
    }
}

//! The statistics of driveloop: one way each to give an interval, to test a difference, and to correct for many tests.
//!
//! Scenes of one drive are alike, so that drives are the units of everything here: a [`Cluster`] is a drive, summed up.
//!
//! * [`interval`] is the bootstrap: whole drives, studentised, none with fewer than [`DRIVES_MIN`] drives.
//! * [`flip_test`], [`flip_counts`], [`flip_sums`] and [`mcnemar`] test "no difference" between two that were scored on
//!   the same scenes. No p-value is drawn, so that none stops at a floor.
//! * [`Discordance`] has Tango's score interval of independent scenes; [`DriveBound`] bounds a worsening whose scenes
//!   come from drives, for the worst drive that there may be.
//! * [`holm`] and [`benjamini_hochberg`] correct for many tests.
//! * [`Target`] and the functions beside it plan: so many scenes or drives would decide.
//! * [`p_equals`] writes a p-value, which never reads as zero.
//!
//! Every function is pure; the bootstrap takes a seed. Not here: reading tables, and what follows from a result.
//!
//! ```
//! use driveloop_statistics::{Cluster, Side, flip_test, holm, interval};
//!
//! // 20 drives of 50 scenes each. In 16 of them the candidate fails 3 scenes more, in 4 it fails 1 less.
//! let sums: Vec<f64> = (0..20).map(|drive| if drive < 16 { 3.0 } else { -1.0 }).collect();
//! let drives: Vec<Cluster> = sums.iter().map(|sum| Cluster { scenes: 50.0, sum: *sum }).collect();
//!
//! let worse = flip_test(&sums, Side::Above);
//! assert!(worse < 1e-4);
//! let (low, high) = interval(&drives, 0.025, 4_999, 1).ok_or("fewer than ten drives")?;
//! assert!(low > 0.0 && high < 0.1);
//! // The same p-value among three tests.
//! assert_eq!(holm(&[worse, 0.4, 0.03])[0], 3.0 * worse);
//! # Ok::<(), &str>(())
//! ```

mod bootstrap;
mod cluster;
mod drive_bound;
mod flips;
mod multiple;
mod normal;
mod power;
mod saddlepoint;
mod score;
mod text;

pub use bootstrap::{DRIVES_MIN, interval};
pub use cluster::{Cluster, mean_and_error};
pub use drive_bound::{DriveBound, WORST_DEVIATIONS, student_interval, worst_share};
pub use flips::{Flips, Method, Side, flip_counts, flip_sums, flip_test, mcnemar};
pub use multiple::{benjamini_hochberg, holm};
pub use normal::{normal_quantile, normal_tail};
pub use power::{
    Target, drives_for_bound, drives_for_mean, drives_that_can_reject, drives_to_meet_a_bad_one,
    scenes_for_no_worse, scenes_for_worse,
};
pub use score::{Discordance, design_effect};
pub use text::p_equals;

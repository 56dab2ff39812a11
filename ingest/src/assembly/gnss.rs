//! The way of the ego from positions on the globe alone, where a log has no poses.

use driveloop_schemas::Severity;
use driveloop_schemas::maths::{atan2, hypot};
use driveloop_schemas::pose::{Pose, Quat};
use map_3d::{Ellipsoid, geodetic2enu};

use super::{Assembly, Fix};
use crate::ego::EgoSample;
use crate::findings::Found;

/// A step between fixes shorter than this says nothing of the heading: receivers scatter about as much.
const STEP_MIN_M: f64 = 0.5;
/// Name of the frame: east, north, up at the first fix.
pub(super) const FRAME: &str = "enu_at_first_fix";

impl Assembly<'_> {
    /// The poses: positions east, north and up of the first fix, headings along the way. None for fewer than two fixes, or a car that
    /// stood: then nothing says where it headed.
    pub(super) fn way_of_fixes(&mut self) -> Option<Vec<(i64, EgoSample)>> {
        self.fixes.sort_by_key(|fix| fix.stamp_ns);
        // Of one stamp the first; the others find no state of the ego that has no position yet, and are reported there.
        let mut fixes: Vec<&Fix> = self.fixes.iter().collect();
        fixes.dedup_by_key(|fix| fix.stamp_ns);
        let places = places(&fixes);
        let headings = headings(&places)?;
        let samples = fixes.into_iter().zip(places).zip(headings);
        let samples: Vec<(i64, EgoSample)> = samples
            .map(|((fix, translation), yaw_rad)| {
                let sample = EgoSample {
                    map_from_ego: Pose {
                        translation,
                        rotation: Quat::from_yaw(yaw_rad),
                    },
                    speed_mps: None,
                    yaw_rate_radps: None,
                };
                (fix.stamp_ns, sample)
            })
            .collect();
        let first = self.fixes.first()?;
        let found = Found::one(
            "gnss_frame",
            Severity::Warning,
            &first.topic,
            Some(first.stamp_ns),
        );
        self.out.findings.add(found, || {
            "expected poses, got positions on the globe alone: the frame is east, north, up at the first fix, headings are those of the \
             way, and nothing of a map is claimed"
                .to_owned()
        });
        Some(samples)
    }
}

/// East, north and up of the first fix, in metres.
fn places(fixes: &[&Fix]) -> Vec<[f64; 3]> {
    let Some(first) = fixes.first() else {
        return Vec::new();
    };
    let radians = |fix: &Fix| {
        (
            fix.latitude_deg.to_radians(),
            fix.longitude_deg.to_radians(),
        )
    };
    let (lat0, lon0) = radians(first);
    let height0 = first.altitude_m.unwrap_or_default();
    let place = |fix: &Fix| {
        let (lat, lon) = radians(fix);
        let height = fix.altitude_m.unwrap_or(height0);
        let (east, north, up) =
            geodetic2enu(lat, lon, height, lat0, lon0, height0, Ellipsoid::WGS84);
        [east, north, up]
    };
    fixes.iter().copied().map(place).collect()
}

/// The heading at each place: that of the last step that was long enough, before the first one that of it.
fn headings(places: &[[f64; 3]]) -> Option<Vec<f64>> {
    let mut from = places.first()?;
    let mut headings: Vec<Option<f64>> = vec![None];
    for place in &places[1..] {
        let (east, north) = (place[0] - from[0], place[1] - from[1]);
        if hypot(east, north) < STEP_MIN_M {
            headings.push(None);
            continue;
        }
        headings.push(Some(atan2(north, east)));
        from = place;
    }
    let mut last = headings.iter().flatten().next().copied()?;
    let filled = headings.into_iter().map(|heading| {
        last = heading.unwrap_or(last);
        last
    });
    Some(filled.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(stamp_ns: i64, latitude_deg: f64, longitude_deg: f64) -> Fix {
        Fix {
            topic: "/fix".to_owned(),
            stamp_ns,
            latitude_deg,
            longitude_deg,
            altitude_m: Some(100.0),
        }
    }

    /// A thousandth of a degree at 48° N, from the radii of curvature of WGS 84 (NGA.STND.0036, 4.1): meridian 6,370,736 m and prime
    /// vertical 6,389,960 m, each and 100 m of height, make 111.1921 m to the north and 74.6265 m to the east.
    #[test]
    fn degrees_become_metres() {
        let fixes = [
            fix(0, 48.0, 11.0),
            fix(1, 48.001, 11.0),
            fix(2, 48.0, 11.001),
        ];
        let places = places(&fixes.iter().collect::<Vec<_>>());
        assert!((places[1][1] - 111.192).abs() < 2e-3, "{:?}", places[1]);
        assert!((places[2][0] - 74.6265).abs() < 2e-3, "{:?}", places[2]);
    }

    #[test]
    fn the_heading_is_that_of_the_way() {
        let headings = headings(&[
            [0.0; 3],
            [0.1, 0.0, 0.0],
            [0.0, 2.0, 0.0],
            [0.0, 2.1, 0.0],
            [2.0, 2.1, 0.0],
        ]);
        let north = std::f64::consts::FRAC_PI_2;
        let headings = headings.unwrap();
        for (heading, expected) in headings.iter().zip([north, north, north, north, 0.0]) {
            assert!((heading - expected).abs() < 0.06, "{headings:?}");
        }
        assert_eq!(super::headings(&[[0.0; 3], [0.1, 0.0, 0.0]]), None);
    }
}

//! The way of the ego from positions on the globe alone, where a log has no poses.

use driveloop_schemas::Severity;
use driveloop_schemas::maths::{atan2, hypot};
use driveloop_schemas::pose::{Pose, Quat};
use map_3d::{Ellipsoid, geodetic2enu};

use super::Assembly;
use crate::ego::EgoSample;
use crate::facts::{NameId, Names};
use crate::findings::Found;
use crate::paged::{Paged, Store, record};

/// A step between fixes shorter than this says nothing of the heading: receivers scatter about as much.
const STEP_MIN_M: f64 = 0.5;
/// Name of the frame: east, north, up at the first fix.
pub(super) const FRAME: &str = "enu_at_first_fix";

/// A position on the globe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fix {
    pub(crate) latitude_deg: f64,
    pub(crate) longitude_deg: f64,
    /// Above the ellipsoid, where the log says it.
    pub(crate) altitude_m: Option<f64>,
    topic: u32,
}

record!(Fix {
    latitude_deg: f64,
    longitude_deg: f64,
    altitude_m: Option<f64>,
    topic: u32,
});

/// The positions that a log has, with their stamps.
#[derive(Debug, Default)]
pub(crate) struct Fixes {
    pub(crate) list: Paged<(i64, Fix)>,
    topics: Names,
}

impl Fix {
    pub(crate) fn new([latitude_deg, longitude_deg]: [f64; 2], altitude_m: Option<f64>) -> Self {
        Self {
            latitude_deg,
            longitude_deg,
            altitude_m,
            topic: 0,
        }
    }
}

impl Fixes {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            list: Paged::new(store),
            topics: Names::default(),
        }
    }

    pub(crate) fn push(&mut self, topic: &str, stamp_ns: i64, fix: Fix) {
        let topic = self.topics.id(topic).0;
        self.list.push((stamp_ns, Fix { topic, ..fix }));
    }

    pub(super) fn topic(&self, fix: Fix) -> &str {
        self.topics.get(NameId(fix.topic))
    }

    /// The same by stamp; those of one stamp as they came.
    pub(super) fn by_stamp(self) -> Self {
        Self {
            list: self.list.sorted_by_key(|(stamp_ns, _)| *stamp_ns),
            ..self
        }
    }
}

impl Assembly<'_> {
    /// The poses: positions east, north and up of the first fix, headings along the way. None for fewer than two fixes, or a car that
    /// stood: then nothing says where it headed.
    pub(super) fn way_of_fixes(&mut self) -> Option<Paged<(i64, EgoSample)>> {
        self.fixes = std::mem::take(&mut self.fixes).by_stamp();
        let (first_ns, first) = self.fixes.list.first()?;
        let places = places(first, self.fixes.list.iter());
        let first_heading = headings(places.clone().map(|(_, place)| place))
            .flatten()
            .next()?;
        let headings = headings(places.clone().map(|(_, place)| place));
        let mut yaw_rad = first_heading;
        let samples = places
            .zip(headings)
            .map(|((stamp_ns, translation), heading)| {
                yaw_rad = heading.unwrap_or(yaw_rad);
                let sample = EgoSample {
                    map_from_ego: Pose {
                        translation,
                        rotation: Quat::from_yaw(yaw_rad),
                    },
                    speed_mps: None,
                    yaw_rate_radps: None,
                };
                (stamp_ns, sample)
            });
        let samples = Paged::collect_in(&self.store, samples);
        let topic = self.fixes.topic(first);
        let found = Found::one("gnss_frame", Severity::Warning, topic, Some(first_ns));
        self.out.findings.add(found, || {
            "expected poses, got positions on the globe alone: the frame is east, north, up at the first fix, headings are those of the \
             way, and nothing of a map is claimed"
                .to_owned()
        });
        Some(samples)
    }
}

/// East, north and up of the first fix, in metres, by stamp. Of one stamp the first fix is taken; the others find no state of the ego that
/// has no position yet, and are reported there.
fn places(
    first: Fix,
    fixes: impl Iterator<Item = (i64, Fix)> + Clone,
) -> impl Iterator<Item = (i64, [f64; 3])> + Clone {
    let radians = |fix: Fix| {
        (
            fix.latitude_deg.to_radians(),
            fix.longitude_deg.to_radians(),
        )
    };
    let (lat0, lon0) = radians(first);
    let height0 = first.altitude_m.unwrap_or_default();
    let mut last_ns = None;
    let fixes = fixes.filter(move |(stamp_ns, _)| last_ns.replace(*stamp_ns) != Some(*stamp_ns));
    fixes.map(move |(stamp_ns, fix)| {
        let (lat, lon) = radians(fix);
        let height = fix.altitude_m.unwrap_or(height0);
        let (east, north, up) =
            geodetic2enu(lat, lon, height, lat0, lon0, height0, Ellipsoid::WGS84);
        (stamp_ns, [east, north, up])
    })
}

/// The heading at each place, where the step to it was long enough.
fn headings(places: impl Iterator<Item = [f64; 3]>) -> impl Iterator<Item = Option<f64>> {
    let mut from: Option<[f64; 3]> = None;
    places.map(move |place| {
        let start = *from.get_or_insert(place);
        let (east, north) = (place[0] - start[0], place[1] - start[1]);
        (hypot(east, north) >= STEP_MIN_M).then(|| {
            from = Some(place);
            atan2(north, east)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousandth of a degree at 48° N, from the radii of curvature of WGS 84 (NGA.STND.0036, 4.1): meridian 6,370,736 m and prime
    /// vertical 6,389,960 m, each and 100 m of height, make 111.1921 m to the north and 74.6265 m to the east.
    #[test]
    fn degrees_become_metres() {
        let fixes = [[48.0, 11.0], [48.001, 11.0], [48.0, 11.001]];
        let fixes = fixes.map(|position| Fix::new(position, Some(100.0)));
        let places: Vec<_> = places(fixes[0], (0..).zip(fixes))
            .map(|(_, place)| place)
            .collect();
        assert!((places[1][1] - 111.192).abs() < 2e-3, "{:?}", places[1]);
        assert!((places[2][0] - 74.6265).abs() < 2e-3, "{:?}", places[2]);
    }

    #[test]
    fn the_heading_is_that_of_the_way() {
        let places = [
            [0.0; 3],
            [0.1, 0.0, 0.0],
            [0.0, 2.0, 0.0],
            [0.0, 2.1, 0.0],
            [2.0, 2.1, 0.0],
        ];
        let north = std::f64::consts::FRAC_PI_2;
        let expected = [None, None, Some(north), None, Some(0.0)];
        for (heading, expected) in headings(places.into_iter()).zip(expected) {
            match (heading, expected) {
                (Some(heading), Some(expected)) => assert!((heading - expected).abs() < 0.06),
                (heading, expected) => assert_eq!(heading, expected),
            }
        }
    }
}

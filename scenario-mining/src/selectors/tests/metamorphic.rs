//! What changes nothing: another time, other names, another order of rows, the mirror image.

use super::*;

/// Six actors that cross, turn, brake and stand, none of it symmetric.
fn scene() -> Vec<Track> {
    vec![
        ego(),
        car("a", |t| [5.0 * t, 1.0, 0.0]),
        car("b", |t| [14.0 + 2.0 * t + 0.7 * t * t, 0.3, 0.02 * t]),
        car("c", |t| {
            let turned = 0.6 * t;
            [
                20.0 + 8.0 * turned.sin(),
                -9.0 + 8.0 * (1.0 - turned.cos()),
                turned,
            ]
        }),
        car("d", |_| [9.0, 7.0, 2.0]),
        track("w", "PEDESTRIAN", FRAMES, |t| [11.0, 1.4 * t - 2.1, 1.57]),
    ]
}

fn selectors() -> Vec<Selector> {
    let toward = Toward {
        angle_max_rad: 0.5,
        distance_max_m: 40.0,
        speed_min_mps: 0.05,
    };
    let near = Near {
        distance_max_m: 6.0,
        count_min: 1,
        itself: Itself::IsLeftOut,
    };
    let mut selectors = vec![
        Selector::HasVelocity(at_least(3.0)),
        Selector::Accelerating(at_least(0.8)),
        Selector::HasLateralAcceleration(at_least(1.0)),
        Selector::Stationary {
            displacement_max_m: 2.0,
        },
        Selector::NearObjects(near),
        Selector::FacingToward(toward),
        Selector::HeadingToward(toward),
        Selector::HeadingInRelativeDirectionTo(Heading::Perpendicular),
    ];
    for side in [None, Some(Side::Left), Some(Side::Right)] {
        selectors.push(Selector::Turning(side));
    }
    for direction in [Direction::Forward, Direction::Left, Direction::Right] {
        selectors.push(Selector::HasObjectsInRelativeDirection(InDirection {
            direction,
            distance_max_m: 30.0,
            beside_max_m: 3.0,
            count_min: 1,
            count_max: 2,
        }));
        for sense in [Sense::Clockwise, Sense::Counterclockwise] {
            selectors.push(Selector::BeingCrossedBy(Crossing {
                direction,
                sense,
                reach_m: 12.0,
                beside_max_m: 2.0,
            }));
        }
    }
    selectors
}

/// Rows by name: track, related track, stamp.
fn rows(tracks: Vec<Track>, mode: Mode, selector: &Selector) -> Vec<(String, Option<String>, i64)> {
    let set = TrackSet::new(tracks);
    let name = |at: usize| set.tracks[at].track_id.clone();
    let rows = select(&set, &[], &asked(mode, selector, "ANY")).into_iter();
    let mut rows: Vec<_> = rows
        .map(|row| (name(row.track), row.related.map(name), row.stamp_ns))
        .collect();
    rows.sort();
    rows
}

/// The scene with every sighting changed.
fn changed(change: impl Fn(&mut Sighting)) -> Vec<Track> {
    let tracks = scene().into_iter();
    let track = |track: Track| {
        let mut sightings = track.sightings.clone();
        sightings.iter_mut().for_each(&change);
        Track::new(&track.track_id, &track.category, sightings).unwrap()
    };
    tracks.map(track).collect()
}

#[test]
fn every_selector_finds_something() {
    for mode in [Mode::Documented, Mode::RefAv] {
        let found = selectors()
            .into_iter()
            .filter(|one| !rows(scene(), mode, one).is_empty());
        assert!(found.count() > selectors().len() * 2 / 3, "{mode:?}");
    }
}

#[test]
fn a_shift_in_time_shifts_the_rows() {
    const SHIFT_NS: i64 = 1_700_000_000_000_000_000;
    for mode in [Mode::Documented, Mode::RefAv] {
        for selector in selectors() {
            let later = changed(|seen| seen.stamp_ns += SHIFT_NS);
            let mut expected = rows(scene(), mode, &selector);
            expected.iter_mut().for_each(|row| row.2 += SHIFT_NS);
            assert_eq!(
                rows(later, mode, &selector),
                expected,
                "{mode:?} {selector:?}"
            );
        }
    }
}

#[test]
fn neither_names_nor_the_order_of_rows_matter() {
    let renamed = |id: &str| format!("{}{id}", (b'z' - id.as_bytes()[0] % 26) as char);
    for mode in [Mode::Documented, Mode::RefAv] {
        for selector in selectors() {
            let other = scene().into_iter().rev().map(|track| {
                let mut sightings = track.sightings.clone();
                sightings.reverse();
                Track::new(&renamed(&track.track_id), &track.category, sightings).unwrap()
            });
            let other: Vec<Track> = other.collect();
            let mut expected = rows(scene(), mode, &selector);
            for row in &mut expected {
                row.0 = renamed(&row.0);
                row.1 = row.1.as_deref().map(renamed);
            }
            expected.sort();
            assert_eq!(
                rows(other, mode, &selector),
                expected,
                "{mode:?} {selector:?}"
            );
        }
    }
}

#[test]
fn in_the_mirror_left_is_right() {
    let mirrored = changed(|seen| {
        let OrientedBox {
            x_m, y_m, yaw_rad, ..
        } = seen.box_in_ego;
        seen.map_from_box = Pose::planar(x_m, -y_m, -yaw_rad);
        seen.box_in_ego.y_m = -y_m;
        seen.box_in_ego.yaw_rad = -yaw_rad;
    });
    // RefAV's even windows and sums are not symmetric; what is documented is.
    for selector in selectors() {
        let expected = rows(scene(), Mode::Documented, &selector);
        let actual = rows(mirrored.clone(), Mode::Documented, &in_mirror(&selector));
        assert_eq!(actual, expected, "{selector:?}");
    }
}

fn in_mirror(selector: &Selector) -> Selector {
    let side = |side: Side| match side {
        Side::Left => Side::Right,
        Side::Right => Side::Left,
    };
    let turned = |direction: Direction| match direction {
        Direction::Left => Direction::Right,
        Direction::Right => Direction::Left,
        direction => direction,
    };
    match *selector {
        Selector::Turning(to) => Selector::Turning(to.map(side)),
        Selector::HasLateralAcceleration(Bounds { min, max }) => {
            Selector::HasLateralAcceleration(Bounds {
                min: -max,
                max: -min,
            })
        }
        Selector::HasObjectsInRelativeDirection(asked) => {
            Selector::HasObjectsInRelativeDirection(InDirection {
                direction: turned(asked.direction),
                ..asked
            })
        }
        Selector::BeingCrossedBy(asked) => Selector::BeingCrossedBy(Crossing {
            direction: turned(asked.direction),
            sense: match asked.sense {
                Sense::Clockwise => Sense::Counterclockwise,
                Sense::Counterclockwise => Sense::Clockwise,
                Sense::Either => Sense::Either,
            },
            ..asked
        }),
        selector => selector,
    }
}

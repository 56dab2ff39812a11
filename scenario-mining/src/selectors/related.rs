//! Selectors of a track by where others are.

use super::scene::{Mode, Place, Scene};

/// Half width, front and rear edge of the box that RefAV gives the ego, seen from the rear axle. The rear edge should be at
/// -1.0165 m; with the sign lost, what is beside the car's rear half is behind it.
const REFAV_EGO_EDGES_M: [f64; 3] = [1.0, 4.877 / 2.0 + 1.422, 4.877 - (4.877 / 2.0 + 1.422)];

/// A related track, and the sighting of the selected track at which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) related: usize,
    pub(crate) at: usize,
}

/// A direction, seen from a track's box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
    Left,
    Right,
}

/// What is asked of the boxes near a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Near {
    /// Least distance of the boxes.
    pub(crate) distance_max_m: f64,
    /// So many must be near at once.
    pub(crate) count_min: usize,
    /// Whether the track itself, where it is a candidate, counts as near itself.
    pub(crate) itself: Itself,
}

/// Whether a track counts among those near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Itself {
    Counts,
    IsLeftOut,
}

/// What is asked of those in a direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct InDirection {
    pub(crate) direction: Direction,
    /// Least distance of the boxes.
    pub(crate) distance_max_m: f64,
    /// How far the centre of the related may be beside the slab that the box sweeps in the direction.
    pub(crate) beside_max_m: f64,
    /// So many must be there at once.
    pub(crate) count_min: usize,
    /// Of more than this the nearest count.
    pub(crate) count_max: usize,
}

/// The candidates whose boxes are near the track's, at stamps at which enough of them are.
pub(super) fn near(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    asked: &Near,
) -> Vec<Relation> {
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); scene.tracks[track].sightings.len()];
    for &related in candidates {
        if related == track && asked.itself == Itself::IsLeftOut {
            continue;
        }
        for (at, theirs) in scene.tracks[track].common(&scene.tracks[related]) {
            if scene.are_within([track, at], [related, theirs], asked.distance_max_m) {
                near[at].push(related);
            }
        }
    }
    enough(near, asked.count_min)
}

/// The candidates in a direction of the track, the nearest ones, at stamps at which there are enough.
///
/// A candidate is in a direction when its centre is beyond the box's edge there, and no further than `beside_max_m` beside the two
/// edges that are parallel to the direction.
pub(super) fn in_direction(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    asked: &InDirection,
) -> Vec<Relation> {
    let mut there: Vec<Vec<(f64, usize)>> = vec![Vec::new(); scene.tracks[track].sightings.len()];
    for &related in candidates.iter().filter(|related| **related != track) {
        for place in scene.places(related, track) {
            if is_in_direction(scene, track, &place, asked) {
                let distance_m = scene.distance_m([track, place.by], [related, place.at]);
                if distance_m <= asked.distance_max_m {
                    there[place.by].push((distance_m, related));
                }
            }
        }
    }
    let nearest = there.into_iter().map(|mut there| {
        // Of two that are as near as each other the one that comes first among the candidates counts: the sort is stable.
        there.sort_by(|a, b| a.0.total_cmp(&b.0));
        there.truncate(asked.count_max);
        there.into_iter().map(|(_, related)| related).collect()
    });
    enough(nearest.collect(), asked.count_min)
}

fn is_in_direction(scene: &Scene<'_>, track: usize, place: &Place, asked: &InDirection) -> bool {
    let [half_width_m, front_m, rear_m] = edges_m(scene, track, place.by);
    let Place { x_m, y_m, .. } = *place;
    let beside_m = asked.beside_max_m;
    let is_between =
        |value: f64, low: f64, high: f64| low - beside_m < value && value < high + beside_m;
    let is_in_lane = is_between(y_m, -half_width_m, half_width_m);
    let is_abreast = is_between(x_m, rear_m, front_m);
    match asked.direction {
        Direction::Forward => x_m > front_m && is_in_lane,
        Direction::Backward => x_m < rear_m && is_in_lane,
        Direction::Left => y_m > half_width_m && is_abreast,
        Direction::Right => y_m < -half_width_m && is_abreast,
    }
}

/// Half the width, front edge and rear edge of a track's box, from where [`Scene::places`] looks.
/// RefAV takes the size of the track's first box for all.
fn edges_m(scene: &Scene<'_>, track: usize, at: usize) -> [f64; 3] {
    if scene.mode == Mode::RefAv && scene.is_ego(track) {
        return REFAV_EGO_EDGES_M;
    }
    let sized = match scene.mode {
        Mode::Documented => at,
        Mode::RefAv => 0,
    };
    let rectangle = scene.rectangle(track, sized);
    let front_m = rectangle.length_m / 2.0;
    [rectangle.width_m / 2.0, front_m, -front_m]
}

/// The relations at the sightings that have so many of them.
fn enough(related: Vec<Vec<usize>>, count_min: usize) -> Vec<Relation> {
    let sightings = related.into_iter().enumerate();
    let enough = sightings.filter(|(_, related)| related.len() >= count_min);
    let relations = enough.flat_map(|(at, related)| {
        related
            .into_iter()
            .map(move |related| Relation { related, at })
    });
    relations.collect()
}

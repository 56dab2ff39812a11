//! How the parameters of candidates are chosen: points of a grid in an order that the seed draws, or samples of its ranges.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Samples that may be thrown away for each that is kept, because they make no sense for the host.
const MISSES_MAX: usize = 20;
/// Points of a grid, at most: it bounds what an order of them takes.
const GRID_POINTS_MAX: usize = 1 << 20;

/// How parameters are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Draw {
    /// Points of a grid, each once, in an order that the seed draws.
    #[default]
    Grid,
    /// Uniform samples between the least and the greatest value of each parameter.
    Sampled,
}

impl Draw {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Grid, Self::Sampled];

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Sampled => "sampled",
        }
    }

    /// The way of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|draw| draw.as_str() == name)
    }
}

/// One parameter of a recipe.
#[derive(Debug, Clone)]
pub(crate) enum Axis {
    /// A figure: its values on the grid, in ascending order.
    Figure(Vec<f64>),
    /// One of so many things.
    Choice(usize),
}

impl Axis {
    pub(crate) fn figure(values: &[f64]) -> Self {
        Self::Figure(values.to_vec())
    }

    fn len(&self) -> usize {
        match self {
            Self::Figure(values) => values.len(),
            Self::Choice(count) => *count,
        }
    }

    fn at(&self, index: usize) -> f64 {
        match self {
            Self::Figure(values) => values[index],
            Self::Choice(_) => index as f64,
        }
    }

    /// To the thousandth: parameters are written down.
    fn sample(&self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Figure(values) => {
                let (low, high) = (values[0], values[values.len() - 1]);
                (rng.random_range(low..=high) * 1e3).round() / 1e3
            }
            Self::Choice(count) => rng.random_range(0..*count) as f64,
        }
    }
}

/// What a point on the axes means; none where it makes no sense.
type Build<'a, T> = dyn Fn(&[f64]) -> Option<T> + 'a;

/// What a recipe can be told: its parameters' axes, and what a point on them means; none where it makes no sense.
pub(crate) struct Space<'a, T> {
    pub(crate) axes: Vec<Axis>,
    pub(crate) build: Box<Build<'a, T>>,
}

impl<T: PartialEq> Space<'_, T> {
    /// The first `count` that make sense, each once: not every figure matters to every choice.
    pub(crate) fn draw(&self, draw: Draw, count: usize, rng: &mut ChaCha8Rng) -> Vec<T> {
        if count == 0 || self.axes.iter().any(|axis| axis.len() == 0) {
            return Vec::new();
        }
        let mut drawn = Vec::new();
        let mut keep = |built: Option<T>| {
            drawn.extend(built.filter(|built| !drawn.contains(built)));
            drawn.len() >= count
        };
        match draw {
            Draw::Grid => {
                let points = self.axes.iter().map(Axis::len);
                let total = points.fold(1, |a: usize, b| a.saturating_mul(b).min(GRID_POINTS_MAX));
                let mut order: Vec<usize> = (0..total).collect();
                order.shuffle(rng);
                let _ = order
                    .into_iter()
                    .any(|at| keep((self.build)(&self.point(at))));
            }
            Draw::Sampled => {
                let _ = (0..count.saturating_mul(MISSES_MAX)).any(|_| {
                    let point: Vec<f64> = self.axes.iter().map(|axis| axis.sample(rng)).collect();
                    keep((self.build)(&point))
                });
            }
        }
        drawn
    }

    /// A point of the grid: its number has a digit for each axis.
    fn point(&self, mut at: usize) -> Vec<f64> {
        let mut digit = |axis: &Axis| {
            let index = at % axis.len();
            at /= axis.len();
            axis.at(index)
        };
        self.axes.iter().map(&mut digit).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn space() -> Space<'static, (f64, f64)> {
        Space {
            axes: vec![Axis::figure(&[1.0, 2.0, 4.0]), Axis::Choice(2)],
            build: Box::new(|point| {
                (point[1] < 0.5 || point[0] < 3.0).then_some((point[0], point[1]))
            }),
        }
    }

    #[test]
    fn a_grid_has_each_point_that_makes_sense_once() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut all = space().draw(Draw::Grid, 100, &mut rng);
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(
            all,
            [(1.0, 0.0), (1.0, 1.0), (2.0, 0.0), (2.0, 1.0), (4.0, 0.0)]
        );
    }

    #[test]
    fn samples_lie_between_the_ends_and_follow_from_the_seed() {
        let draw = |seed| space().draw(Draw::Sampled, 50, &mut ChaCha8Rng::seed_from_u64(seed));
        let all = draw(7);
        assert_eq!(all.len(), 50);
        assert!(all.iter().all(|(a, _)| (1.0..=4.0).contains(a)));
        assert!(all.iter().any(|(a, _)| a.fract() > 0.0));
        assert!(all == draw(7) && all != draw(8));
    }
}

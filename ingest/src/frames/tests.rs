//! Frames against an independent computation: `nalgebra` carries out each transform, from both frames up to the root of their tree.

use driveloop_schemas::pose::{Pose, Quat};
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

use super::*;

const TREES: u64 = 1_000;
const FRAMES_MAX: usize = 1_000;
const STEP_NS: i64 = 100_000_000;
const STEPS: i64 = 20;

/// Numbers that look random, from a seed (xorshift64*).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() * count as f64) as usize
    }

    fn pose(&mut self) -> Pose {
        let mut part = || self.next() * 2.0 - 1.0;
        let rotation = Quat {
            w: part(),
            x: part(),
            y: part(),
            z: part(),
        };
        let translation = [part(), part(), part()].map(|t| 1_000.0 * t);
        Pose {
            translation,
            rotation: rotation.normalized().unwrap_or(Quat::IDENTITY),
        }
    }
}

/// An edge as the reference holds it: one pose that stands still, or one each step.
struct Link {
    parent: usize,
    poses: Vec<Pose>,
}

fn isometry(pose: Pose) -> Isometry3<f64> {
    let [x, y, z] = pose.translation;
    let q = pose.rotation;
    let rotation = UnitQuaternion::from_quaternion(Quaternion::new(q.w, q.x, q.y, q.z));
    Isometry3::from_parts(Translation3::new(x, y, z), rotation)
}

impl Link {
    fn at(&self, stamp_ns: i64) -> Isometry3<f64> {
        let [only] = self.poses.as_slice() else {
            let step = (stamp_ns / STEP_NS) as usize;
            let part = (stamp_ns % STEP_NS) as f64 / STEP_NS as f64;
            let a = isometry(self.poses[step]);
            let Some(b) = self.poses.get(step + 1) else {
                return a;
            };
            return a.lerp_slerp(&isometry(*b), part);
        };
        isometry(*only)
    }
}

/// `root_from_frame`.
fn up(links: &[Option<Link>], frame: usize, stamp_ns: i64) -> Isometry3<f64> {
    match &links[frame] {
        None => Isometry3::identity(),
        Some(link) => up(links, link.parent, stamp_ns) * link.at(stamp_ns),
    }
}

#[test]
fn random_trees_give_the_transforms_of_another_library() {
    for seed in 1..=TREES {
        let mut draws = Draws(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (frames, links) = tree(&mut draws);
        for _ in 0..10 {
            let (target, source) = (draws.below(links.len()), draws.below(links.len()));
            let stamp_ns = (draws.next() * (STEPS * STEP_NS) as f64) as i64;
            let route = frames.route(&name(target), &name(source), &[]).unwrap();
            let (pose, _) = frames.at(&route, stamp_ns).unwrap();
            let expected = up(&links, target, stamp_ns).inverse() * up(&links, source, stamp_ns);
            let off = isometry(pose).translation.vector - expected.translation.vector;
            assert!(off.norm() < 1e-9, "tree {seed}: {off}");
            let angle = isometry(pose).rotation.angle_to(&expected.rotation);
            assert!(angle < 1e-7, "tree {seed}: {angle}");
        }
    }
}

fn name(frame: usize) -> String {
    format!("frame{frame}")
}

fn tree(draws: &mut Draws) -> (Frames, Vec<Option<Link>>) {
    let mut frames = Frames::default();
    let mut links = vec![None];
    for frame in 1..3 + draws.below(12) {
        let parent = draws.below(frame);
        let count = if draws.next() < 0.5 { 1 } else { STEPS + 1 };
        let poses: Vec<Pose> = (0..count).map(|_| draws.pose()).collect();
        // What was stated first and is stated again no longer holds.
        let (above, own) = (name(parent), name(frame));
        if count == 1 {
            let before = draws.pose();
            frames.stand(&name(0), &own, before, FRAMES_MAX).unwrap();
            frames
                .stand(&above, &format!("/{own}"), poses[0], FRAMES_MAX)
                .unwrap();
        } else {
            // The stamps come in any order.
            for step in (0..count).rev() {
                let pose = poses[step as usize];
                let pair = (above.as_str(), own.as_str());
                frames
                    .moved(pair, step * STEP_NS, pose, FRAMES_MAX)
                    .unwrap();
            }
        }
        links.push(Some(Link { parent, poses }));
    }
    frames.settle();
    (frames, links)
}

#[test]
fn what_nothing_says_is_not_known() {
    let mut frames = Frames::default();
    frames
        .stand("base_link", "cam", Pose::IDENTITY, 10)
        .unwrap();
    frames
        .moved(("map", "base_link"), 0, Pose::IDENTITY, 10)
        .unwrap();
    frames
        .moved(("map", "base_link"), 1_000, Pose::IDENTITY, 10)
        .unwrap();
    frames.stand("other", "lidar", Pose::IDENTITY, 10).unwrap();
    frames.settle();
    assert_eq!(frames.route("map", "lidar", &[]), None);
    assert_eq!(frames.route("map", "cam", &["base_link"]), None);
    let route = frames.route("map", "cam", &[]).unwrap();
    assert!(frames.at(&route, 500).is_some() && frames.moves(&route));
    // A second behind the last statement.
    assert!(frames.at(&route, 1_000_000_000).is_none());
    assert_eq!(frames.chain("cam"), ["cam", "base_link", "map"]);
}

#[test]
fn names_are_bounded_and_mean_two_frames() {
    let mut frames = Frames::default();
    let stand = |frames: &mut Frames, parent: &str, child: &str| {
        frames.stand(parent, child, Pose::IDENTITY, 3)
    };
    for (parent, child) in [("", "a"), ("a", ""), ("/a", "a")] {
        let error = stand(&mut frames, parent, child).unwrap_err();
        assert!(
            matches!(error, TransformError::NotBetweenTwo { .. }),
            "{error}"
        );
    }
    stand(&mut frames, "a", "b").unwrap();
    stand(&mut frames, "a", "c").unwrap();
    assert_eq!(
        stand(&mut frames, "a", "d"),
        Err(TransformError::TooMany { max: 3 })
    );
    // A frame that hangs below itself ends no search and no chain.
    stand(&mut frames, "b", "a").unwrap();
    frames.settle();
    assert!(frames.route("c", "b", &[]).is_some());
    assert_eq!(frames.chain("a").len(), 2);
}

//! Whether what a log measured of the ego's motion agrees with its poses.

use driveloop_schemas::Severity;
use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::{Pose, wrap_rad};
use driveloop_schemas::time::{NS_PER_S, seconds_between};

use super::{EgoSample, EgoTrack};
use crate::findings::{Findings, Found};

/// Share by which a measured rate may differ from the poses, and share of the seconds that may.
const DISAGREE_SHARE: f64 = 0.2;

impl EgoTrack {
    /// Compares the speeds and turn rates that the log measured with what its poses say, second by second, and forgets those that the
    /// poses contradict: a twist that was left at zero, or that is given in another frame.
    pub(crate) fn check_measured(&mut self, findings: &mut Findings, subject: &str) {
        let speed = self.contradiction(along_heading, |sample| sample.speed_mps, 1.0);
        let turn = self.contradiction(turned, |sample| sample.yaw_rate_radps, 0.1);
        if let Some(found) = speed {
            found.report(findings, ("speed_disagrees", subject), "m in a second");
            self.is_speed_wrong = true;
        }
        if let Some(found) = turn {
            found.report(findings, ("yaw_rate_disagrees", subject), "rad in a second");
            self.is_yaw_rate_wrong = true;
        }
    }

    /// Whether a measured rate contradicts the steps between poses: in more than a fifth of the seconds in which either is larger than
    /// `least` they differ by more than that and by more than a fifth.
    fn contradiction(
        &self,
        step: fn(Pose, Pose) -> f64,
        rate: fn(&EgoSample) -> Option<f64>,
        least: f64,
    ) -> Option<Contradiction> {
        let (mut compared, mut found) = (0, None::<Contradiction>);
        let mut second: Option<Second> = None;
        let mut pairs = self.samples.pairs().peekable();
        while let Some(((a_ns, a), (b_ns, b))) = pairs.next() {
            let mean = rate(&a).zip(rate(&b)).map(|(a, b)| f64::midpoint(a, b));
            let mean = mean.unwrap_or(f64::NAN);
            let so_far = second.get_or_insert(Second::from(a_ns));
            so_far.add(b_ns, step(a.map_from_ego, b.map_from_ego), mean);
            if pairs.peek().is_some() && b_ns - so_far.start_ns < NS_PER_S {
                continue;
            }
            let Some((rates, span_ns)) = second.take().and_then(|second| second.rates(least))
            else {
                continue;
            };
            compared += 1;
            let larger = rates.0.abs().max(rates.1.abs());
            if (rates.0 - rates.1).abs() > least.max(DISAGREE_SHARE * larger) {
                let found = found.get_or_insert(Contradiction {
                    seconds: 0,
                    span_ns,
                    first: rates,
                });
                found.seconds += 1;
                found.span_ns.1 = span_ns.1;
            }
        }
        found.filter(|found| found.seconds as f64 > DISAGREE_SHARE * f64::from(compared))
    }
}

/// How far the ego went along its heading, from one pose to the next.
fn along_heading(from: Pose, to: Pose) -> f64 {
    let (sin, cos) = sin_cos(from.rotation.yaw_rad());
    let along = |axis: usize| to.translation[axis] - from.translation[axis];
    along(0) * cos + along(1) * sin
}

/// How far the ego turned, from one pose to the next.
fn turned(from: Pose, to: Pose) -> f64 {
    wrap_rad(to.rotation.yaw_rad() - from.rotation.yaw_rad())
}

/// What the poses did for about a second, and what the measured rate adds up to.
struct Second {
    start_ns: i64,
    end_ns: i64,
    went: f64,
    measured: f64,
    /// Whether the ego moved: poses that stand still to the last bit are no witness.
    is_witness: bool,
}

impl Second {
    fn from(start_ns: i64) -> Self {
        Self {
            start_ns,
            end_ns: start_ns,
            went: 0.0,
            measured: 0.0,
            is_witness: false,
        }
    }

    fn add(&mut self, end_ns: i64, step: f64, rate: f64) {
        self.went += step;
        self.measured += rate * seconds_between(self.end_ns, end_ns);
        self.is_witness |= step != 0.0;
        self.end_ns = end_ns;
    }

    /// Both rates with their span, where they say something: one of them is larger than `least`.
    fn rates(self, least: f64) -> Option<((f64, f64), (i64, i64))> {
        let seconds = seconds_between(self.start_ns, self.end_ns);
        let rates = (self.went / seconds, self.measured / seconds);
        let larger = rates.0.abs().max(rates.1.abs());
        let says =
            (0.5..2.0).contains(&seconds) && self.is_witness && !rates.1.is_nan() && larger > least;
        says.then_some((rates, (self.start_ns, self.end_ns)))
    }
}

/// Seconds in which a measured rate and the poses differ.
struct Contradiction {
    seconds: usize,
    span_ns: (i64, i64),
    /// What the poses did in the first of them, and what the rate adds up to.
    first: (f64, f64),
}

impl Contradiction {
    fn report(&self, findings: &mut Findings, (check, subject): (&'static str, &str), unit: &str) {
        let found = Found::several(
            check,
            Severity::Warning,
            subject,
            self.span_ns,
            self.seconds,
        );
        let (went, measured) = self.first;
        findings.add(found, || {
            format!("the poses say {went:.2} {unit}, the message {measured:.2}: what is stored is derived from the poses")
        });
    }
}

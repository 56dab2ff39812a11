//! The intelligent driver model: how a driver follows.
//!
//! Treiber, Hennecke, Helbing: "Congested traffic states in empirical observations and microscopic simulations",
//! Physical Review E 62 (2000), 1805, equations 2 and 3.

/// Largest deceleration of a road vehicle on dry asphalt that the world admits, m/s².
///
/// UN Regulation 13-H asks of a passenger car a mean fully developed deceleration of at least 6.43 m/s²; good tyres reach 8 to 10.
pub(crate) const DECEL_MAX_MPS2: f64 = 8.0;

/// Smallest gap that enters the formula: it keeps the interaction finite where boxes touch.
const GAP_MIN_M: f64 = 0.1;

/// Parameters of a driver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdmParams {
    /// Speed on a free road.
    pub desired_speed_mps: f64,
    /// Time headway `T`.
    pub headway_s: f64,
    /// Gap at standstill `s0`.
    pub jam_gap_m: f64,
    /// Acceleration `a`.
    pub accel_mps2: f64,
    /// Comfortable deceleration `b`, positive.
    pub comfort_decel_mps2: f64,
}

impl IdmParams {
    /// Exponent `δ` of the free-road term.
    pub const EXPONENT: i32 = 4;

    /// The car of the paper, on a motorway: table I.
    #[must_use]
    pub fn treiber_2000() -> Self {
        Self {
            desired_speed_mps: 120.0 / 3.6,
            headway_s: 1.6,
            jam_gap_m: 2.0,
            accel_mps2: 0.73,
            comfort_decel_mps2: 1.67,
        }
    }

    /// A car in a city: Treiber and Kesting, "Traffic Flow Dynamics" (2013), table 11.2.
    #[must_use]
    pub fn city(desired_speed_mps: f64) -> Self {
        Self {
            desired_speed_mps,
            headway_s: 1.0,
            jam_gap_m: 2.0,
            accel_mps2: 1.0,
            comfort_decel_mps2: 1.5,
        }
    }

    /// Acceleration at a speed, with a leader at `gap_m` (bumper to bumper) that drives `lead_speed_mps`, or none.
    #[must_use]
    pub fn accel_at_mps2(&self, speed_mps: f64, lead: Option<(f64, f64)>) -> f64 {
        let free = 1.0 - (speed_mps / self.desired_speed_mps).powi(Self::EXPONENT);
        let interaction = lead.map_or(0.0, |(gap_m, lead_speed_mps)| {
            let wanted = self.wanted_gap_m(speed_mps, speed_mps - lead_speed_mps);
            (wanted / gap_m.max(GAP_MIN_M)).powi(2)
        });
        (self.accel_mps2 * (free - interaction)).max(-DECEL_MAX_MPS2)
    }

    /// The gap that the driver wants, `s*` (equation 3).
    #[must_use]
    pub fn wanted_gap_m(&self, speed_mps: f64, closing_speed_mps: f64) -> f64 {
        let braking = 2.0 * (self.accel_mps2 * self.comfort_decel_mps2).sqrt();
        let dynamic = speed_mps * self.headway_s + speed_mps * closing_speed_mps / braking;
        self.jam_gap_m + dynamic.max(0.0)
    }

    /// The gap at which a platoon at this speed neither closes nor opens (equation 5); infinite at the desired speed.
    #[must_use]
    pub fn equilibrium_gap_m(&self, speed_mps: f64) -> f64 {
        let free = 1.0 - (speed_mps / self.desired_speed_mps).powi(Self::EXPONENT);
        if free <= 0.0 {
            return f64::INFINITY;
        }
        (self.jam_gap_m + speed_mps * self.headway_s) / free.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_settles_at_the_equilibrium_gap_of_the_paper() {
        let driver = IdmParams::city(15.0);
        for lead_speed in [3.0, 8.0, 12.0] {
            let (mut gap, mut speed, dt) = (60.0, 14.0, 0.02);
            for _ in 0..20_000 {
                let accel = driver.accel_at_mps2(speed, Some((gap, lead_speed)));
                gap += (lead_speed - speed) * dt;
                speed = (speed + accel * dt).max(0.0);
            }
            let expected = driver.equilibrium_gap_m(lead_speed);
            assert!(
                (gap - expected).abs() < 0.05,
                "{lead_speed}: {gap} {expected}"
            );
        }
    }

    #[test]
    fn the_accelerations_of_the_paper_s_limits() {
        let driver = IdmParams::city(15.0);
        assert!((driver.accel_at_mps2(0.0, None) - 1.0).abs() < 1e-12);
        assert!(driver.accel_at_mps2(15.0, None).abs() < 1e-12);
        // Standing at the jam gap behind a standing car, it stays.
        assert!(driver.accel_at_mps2(0.0, Some((2.0, 0.0))).abs() < 1e-12);
        assert!((driver.accel_at_mps2(15.0, Some((1.0, 0.0))) + DECEL_MAX_MPS2).abs() < 1e-12);
    }
}

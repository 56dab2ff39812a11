//! MOBIL: when a driver changes lanes.
//!
//! Kesting, Treiber, Helbing: "General lane-changing model MOBIL for car-following models",
//! Transportation Research Record 1999 (2007), 86, equations 2 (safety) and 3 (incentive).

/// Parameters of the decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MobilParams {
    /// Politeness `p`: how much the others' accelerations count.
    pub politeness: f64,
    /// Threshold `Δa_th` of the incentive.
    pub threshold_mps2: f64,
    /// Deceleration that may be asked of the new follower at most, `b_safe`, positive.
    pub safe_decel_mps2: f64,
}

impl Default for MobilParams {
    /// The values of table 1 of the paper: politeness 0.2 (of 0 to 0.5), threshold 0.1, safe deceleration 4.
    fn default() -> Self {
        Self {
            politeness: 0.2,
            threshold_mps2: 0.1,
            safe_decel_mps2: 4.0,
        }
    }
}

/// The accelerations that a change would change, before and after it, m/s².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MobilView {
    /// The driver itself.
    pub own: [f64; 2],
    /// The follower in the new lane; zeros where there is none.
    pub new_follower: [f64; 2],
    /// The follower in the old lane; zeros where there is none.
    pub old_follower: [f64; 2],
}

/// Whether the new follower keeps within the safe deceleration, and the driver itself too.
#[must_use]
pub fn is_safe(params: &MobilParams, view: &MobilView) -> bool {
    view.new_follower[1] >= -params.safe_decel_mps2 && view.own[1] >= -params.safe_decel_mps2
}

/// The incentive over the threshold: positive where the change pays.
#[must_use]
pub fn incentive_mps2(params: &MobilParams, view: &MobilView) -> f64 {
    let gain = |pair: [f64; 2]| pair[1] - pair[0];
    let others = gain(view.new_follower) + gain(view.old_follower);
    gain(view.own) + params.politeness * others - params.threshold_mps2
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: MobilView = MobilView {
        own: [0.0, 0.0],
        new_follower: [0.0, 0.0],
        old_follower: [0.0, 0.0],
    };

    #[test]
    fn a_driver_changes_where_it_gains_more_than_the_others_lose() {
        let params = MobilParams {
            politeness: 0.5,
            ..MobilParams::default()
        };
        let gains = MobilView {
            own: [-1.0, 0.5],
            ..QUIET
        };
        assert!((incentive_mps2(&params, &gains) - 1.4).abs() < 1e-12);
        let at_a_cost = MobilView {
            new_follower: [0.0, -3.0],
            ..gains
        };
        assert!(incentive_mps2(&params, &at_a_cost) < 0.0);
        assert!(is_safe(&params, &at_a_cost));
        assert!(incentive_mps2(&params, &QUIET) < 0.0);
    }

    #[test]
    fn safety_has_a_sharp_edge() {
        let params = MobilParams::default();
        let near = |decel: f64| MobilView {
            own: [-2.0, 1.0],
            new_follower: [0.0, -decel],
            ..QUIET
        };
        assert!(is_safe(&params, &near(4.0)));
        assert!(!is_safe(&params, &near(4.001)));
    }
}

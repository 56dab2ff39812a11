//! The figures of the perception and of the other sensors.

/// Ranges, errors and dropouts. `near` is at the ego, `far` at the end of the range; between them a figure grows linearly with
/// the distance, or with its square where that is said.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorConfig {
    /// Range of tracked objects around the ego. Roof lidars reach 100 to 200 m on cars; beyond 100 m few points are left on one.
    pub range_m: f64,
    /// Height from which a body hides what is behind it: the line from a sensor on the roof to the ground passes over lower ones.
    pub occluder_height_min_m: f64,
    /// Standard deviation of a position, along each axis of the map. The best lidar detectors of the nuScenes leader board have
    /// mean errors of 0.25 m against boxes annotated by hand, whose own spread is in that; a tracker filters what is left.
    pub position_std_near_m: f64,
    /// As above, at the end of the range.
    pub position_std_far_m: f64,
    /// Standard deviation of a speed; the same detectors have mean velocity errors of 0.2 to 0.3 m/s.
    pub speed_std_near_mps: f64,
    /// As above, at the end of the range.
    pub speed_std_far_mps: f64,
    /// Standard deviation of a heading: half a degree, as of a box that is fitted to the two visible sides of a car.
    pub yaw_std_rad: f64,
    /// Correlation of a track's errors from one frame (0.1 s) to the next, because a tracker filters: an autoregressive process
    /// of first order, as in PEM and in the noise of TIER IV's `scenario_simulator_v2`. 0.95 forgets in two seconds.
    pub error_correlation: f64,
    /// Share of the frames in which a visible object is not reported.
    pub miss_share_near: f64,
    /// As above, at the end of the range; the share grows with the square of the distance, as points get fewer.
    pub miss_share_far: f64,
    /// Mean number of frames that an object stays away once it is missed: dropouts come in bursts, as a Markov chain of two
    /// states (Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39, 1960).
    pub miss_frames_mean: f64,
    /// Probability of existence that is reported, at the ego.
    pub existence_near: f64,
    /// As above, at the end of the range.
    pub existence_far: f64,
    /// White noise of the gyroscope at 100 Hz. A MEMS gyroscope such as Bosch's BMI160 has 0.007 °/s/√Hz by its data sheet
    /// (0.0009 rad/s at 50 Hz of bandwidth); the car's own vibration doubles it.
    pub gyro_std_radps: f64,
    /// White noise of the accelerometer at 100 Hz: the 180 µg/√Hz of the same sensor are small beside the road's vibration.
    pub accel_std_mps2: f64,
    /// Standard deviation of a satellite fix along each horizontal axis: with satellite-based augmentation, 1.2 m in 95 of 100
    /// fixes (the service definition of EGNOS commits to 3 m).
    pub fix_std_m: f64,
}

impl Default for SensorConfig {
    fn default() -> Self {
        Self {
            range_m: 100.0,
            occluder_height_min_m: 1.2,
            position_std_near_m: 0.04,
            position_std_far_m: 0.14,
            speed_std_near_mps: 0.08,
            speed_std_far_mps: 0.28,
            yaw_std_rad: 0.008,
            error_correlation: 0.95,
            miss_share_near: 0.005,
            miss_share_far: 0.065,
            miss_frames_mean: 2.0,
            existence_near: 0.995,
            existence_far: 0.935,
            gyro_std_radps: 0.002,
            accel_std_mps2: 0.05,
            fix_std_m: 0.5,
        }
    }
}

impl SensorConfig {
    /// Speed up to which an object stands: a tracker knows what stands, and reports its speed without error.
    pub(crate) const STANDING_MPS: f64 = 0.05;

    /// Standard deviation of a position along each axis, at a share of the range.
    pub(crate) fn position_std_m(&self, reach: f64) -> f64 {
        between(self.position_std_near_m, self.position_std_far_m, reach)
    }

    /// Standard deviation of a speed, at a share of the range.
    pub(crate) fn speed_std_mps(&self, reach: f64) -> f64 {
        between(self.speed_std_near_mps, self.speed_std_far_mps, reach)
    }

    /// Sensors that see everything within range, through everything, without errors.
    #[must_use]
    pub fn perfect() -> Self {
        Self {
            occluder_height_min_m: f64::INFINITY,
            position_std_near_m: 0.0,
            position_std_far_m: 0.0,
            speed_std_near_mps: 0.0,
            speed_std_far_mps: 0.0,
            yaw_std_rad: 0.0,
            miss_share_near: 0.0,
            miss_share_far: 0.0,
            existence_near: 1.0,
            existence_far: 1.0,
            gyro_std_radps: 0.0,
            accel_std_mps2: 0.0,
            fix_std_m: 0.0,
            ..Self::default()
        }
    }
}

/// Linear between a figure at the ego and one at the end of the range.
pub(crate) fn between(near: f64, far: f64, share: f64) -> f64 {
    near + (far - near) * share
}

-- scenario: lead_hard_brake
-- version: 2
-- description: The vehicle ahead in the ego's path brakes hard while the ego follows it.
-- roles: ego, lead
-- episodes: min_duration = 0.25 s, max_gap = 0.55 s
-- param: decel_min_mps2 = 3.5 m/s² — mean deceleration of the lead over about a second; more than an adaptive cruise control may answer with (ISO 15622: 3.5 m/s²)
-- param: headway_max_s = 4.0 s — time headway from the ego to the lead
-- param: gap_near_m = 50.0 m — gap within which the headway does not matter: a slow ego follows closely at a long headway
-- param: lead_speed_min_mps = 2.0 m/s — speed of the lead before it brakes
-- param: ego_speed_min_mps = 2.0 m/s — speed of the ego
-- score: deceleration of the lead, m/s²
-- severity: high
-- tags: lead, longitudinal
--
-- The deceleration is the difference of two half-second means of the speed, because accelerations derived from
-- annotated boxes are too noisy to compare with a threshold. Both means must have at least two stamps: tracks drop out.
WITH ahead AS (
  SELECT DISTINCT log_id, track_id FROM scene
  WHERE path_clearance_m < 0.0 AND gap_m BETWEEN 0.0 AND greatest($gap_near_m, $headway_max_s * ego_speed_mps)
), braking AS (
  SELECT
    log_id, stamp_ns, ego, track_id, gap_m, path_clearance_m, path_yaw_rad, ego_speed_mps,
    avg(speed_mps) OVER before AS before_mps,
    (avg(speed_mps) OVER before - avg(speed_mps) OVER after)
      / (avg(elapsed_s) OVER after - avg(elapsed_s) OVER before) AS decel_mps2,
    least(count(speed_mps) OVER before, count(speed_mps) OVER after) AS stamps
  FROM scene JOIN ahead USING (log_id, track_id)
  WHERE category IN (
    'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER',
    'SCHOOL_BUS', 'ARTICULATED_BUS', 'MOTORCYCLE', 'MOTORCYCLIST'
  )
  WINDOW
    before AS (
      PARTITION BY log_id, track_id ORDER BY stamp_ns
      RANGE BETWEEN 550000000 PRECEDING AND 50000000 PRECEDING
    ),
    after AS (
      PARTITION BY log_id, track_id ORDER BY stamp_ns
      RANGE BETWEEN 50000000 FOLLOWING AND 550000000 FOLLOWING
    )
)
SELECT log_id, stamp_ns, ego, track_id AS lead, decel_mps2 AS score
FROM braking
WHERE path_clearance_m < 0.0
  AND abs(path_yaw_rad) < 0.6
  AND gap_m BETWEEN 0.0 AND greatest($gap_near_m, $headway_max_s * ego_speed_mps)
  AND ego_speed_mps >= $ego_speed_min_mps
  AND before_mps >= $lead_speed_min_mps
  AND stamps >= 2
  AND finite(decel_mps2) >= $decel_min_mps2

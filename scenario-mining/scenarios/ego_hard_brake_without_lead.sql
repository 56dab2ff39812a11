-- scenario: ego_hard_brake_without_lead
-- version: 1
-- description: The ego brakes hard although nobody is in its path or about to enter it.
-- roles: ego
-- episodes: min_duration = 0.25 s, max_gap = 0.35 s
-- param: decel_min_mps2 = 3.5 m/s² — mean deceleration of the ego over about a second; more than an adaptive cruise control may brake with (ISO 15622: 3.5 m/s²)
-- param: ego_speed_min_mps = 4.0 m/s — speed of the ego before it brakes
-- param: reach_max_s = 5.0 s — time in which the ego, at its present speed, reaches what could be the reason
-- param: gap_near_m = 20.0 m — gap within which anybody could be the reason
-- param: room_max_m = 1.0 m — sideways clearance to the path within which somebody could be the reason
-- score: deceleration of the ego, m/s²
-- severity: high
-- tags: ego, longitudinal, phantom-braking
WITH ego_raw AS (
  SELECT
    log_id, stamp_ns, track_id AS ego, (stamp_ns - min(stamp_ns) OVER (PARTITION BY log_id)) / 1e9 AS elapsed_s,
    finite(vx_mps) * cos(yaw_rad) + finite(vy_mps) * sin(yaw_rad) AS speed_mps
  FROM object_track WHERE category = 'EGO_VEHICLE'
), reason AS (
  SELECT DISTINCT log_id, stamp_ns FROM scene
  WHERE path_clearance_m < $room_max_m
    AND gap_m BETWEEN -2.0 AND greatest($gap_near_m, $reach_max_s * ego_speed_mps)
), braking AS (
  SELECT
    ego_raw.log_id, ego_raw.stamp_ns, ego,
    avg(speed_mps) OVER before AS before_mps,
    (avg(speed_mps) OVER before - avg(speed_mps) OVER after)
      / (avg(elapsed_s) OVER after - avg(elapsed_s) OVER before) AS decel_mps2,
    least(count(speed_mps) OVER before, count(speed_mps) OVER after) AS stamps,
    -- A reason does not stop being one in the moment in which it is out of the path or out of sight.
    count(reason.stamp_ns) OVER around AS reasons
  FROM ego_raw
  LEFT JOIN reason ON ego_raw.log_id = reason.log_id AND ego_raw.stamp_ns = reason.stamp_ns
  WINDOW
    before AS (
      PARTITION BY ego_raw.log_id ORDER BY ego_raw.stamp_ns
      RANGE BETWEEN 550000000 PRECEDING AND 50000000 PRECEDING
    ),
    after AS (
      PARTITION BY ego_raw.log_id ORDER BY ego_raw.stamp_ns
      RANGE BETWEEN 50000000 FOLLOWING AND 550000000 FOLLOWING
    ),
    around AS (
      PARTITION BY ego_raw.log_id ORDER BY ego_raw.stamp_ns
      RANGE BETWEEN 2000000000 PRECEDING AND 1000000000 FOLLOWING
    )
)
SELECT log_id, stamp_ns, ego, decel_mps2 AS score
FROM braking
WHERE reasons = 0
  AND stamps >= 2
  AND before_mps >= $ego_speed_min_mps
  AND finite(decel_mps2) >= $decel_min_mps2

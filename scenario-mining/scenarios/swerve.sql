-- scenario: swerve
-- version: 1
-- description: The ego steers hard to one side and back within two seconds.
-- roles: ego
-- episodes: min_duration = 0.0 s, max_gap = 1.05 s
-- param: lateral_min_mps2 = 2.0 m/s² — lateral acceleration to each side; a lane change of 3.5 m in 4 s along a quintic has 1.3
-- param: ego_speed_min_mps = 5.0 m/s — speed of the ego: below it, turning into a driveway looks alike
-- score: the lesser of the two lateral accelerations, m/s²
-- severity: medium
-- tags: lateral, ego
WITH ego_raw AS (
  SELECT
    log_id, stamp_ns, track_id AS ego,
    finite(vx_mps) * cos(yaw_rad) + finite(vy_mps) * sin(yaw_rad) AS speed_mps,
    wrap_rad(lead(yaw_rad) OVER by_time - lag(yaw_rad) OVER by_time) AS turned_rad,
    (lead(stamp_ns) OVER by_time - lag(stamp_ns) OVER by_time) / 1e9 AS turned_s
  FROM object_track WHERE category = 'EGO_VEHICLE'
  WINDOW by_time AS (PARTITION BY log_id ORDER BY stamp_ns)
), turns AS (
  SELECT
    log_id, stamp_ns, ego,
    avg(speed_mps) OVER near AS speed_mps,
    avg(finite(speed_mps * turned_rad / turned_s)) OVER near AS lateral_mps2
  FROM ego_raw
  -- Where stamps are missing, the turn between its neighbours is not that of a moment.
  WHERE turned_s <= 0.5
  WINDOW near AS (
    PARTITION BY log_id ORDER BY stamp_ns
    RANGE BETWEEN 150000000 PRECEDING AND 150000000 FOLLOWING
  )
), sides AS (
  SELECT *, max(lateral_mps2) OVER around AS left_mps2, -min(lateral_mps2) OVER around AS right_mps2
  FROM turns
  WINDOW around AS (
    PARTITION BY log_id ORDER BY stamp_ns
    RANGE BETWEEN 1000000000 PRECEDING AND 1000000000 FOLLOWING
  )
)
SELECT log_id, stamp_ns, ego, least(left_mps2, right_mps2) AS score
FROM sides
WHERE least(left_mps2, right_mps2) >= $lateral_min_mps2
  AND speed_mps >= $ego_speed_min_mps

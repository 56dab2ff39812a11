-- scenario: cut_out_reveals_stopped_object
-- version: 1
-- description: The vehicle ahead leaves the ego's path, and something that stands there is before the ego.
-- roles: ego, cutter, object
-- episodes: min_duration = 0.0 s, max_gap = 0.55 s
-- param: headway_max_s = 4.0 s — time headway to the vehicle when it leaves the path
-- param: reach_max_s = 6.0 s — time in which the ego, at its present speed, reaches the object at that moment
-- param: lateral_speed_min_mps = 0.3 m/s — speed of the vehicle out of the path
-- param: speed_max_mps = 0.5 m/s — largest speed of an object that stands: the noise of a tracker
-- param: speed_min_mps = 2.0 m/s — speed of the ego and of the vehicle
-- score: deceleration that stops the ego before the object, m/s²
-- severity: high
-- tags: lane-change, obstacle, occlusion
--
-- The moment is the first stamp with the vehicle's box out of the path after at least 0.5 s in it; it must stay out for most
-- of the next second. The episode runs from one second before that moment to one second after it.
WITH sides AS (
  SELECT
    log_id, stamp_ns, ego, track_id, category, gap_m, speed_mps, ego_speed_mps, path_clearance_m,
    lag(path_clearance_m) OVER by_time AS clearance_before_m,
    max(path_clearance_m) OVER inside AS most_inside_m,
    min(stamp_ns) OVER inside AS inside_start_ns,
    CASE WHEN path_offset_m > 0.0 THEN path_vy_mps ELSE -path_vy_mps END AS outward_mps,
    avg(CASE WHEN path_clearance_m >= 0.0 THEN 1.0 ELSE 0.0 END) OVER outside AS share_outside,
    max(stamp_ns) OVER outside AS outside_end_ns
  FROM scene
  WHERE gap_m > -10.0 AND gap_m < 100.0 AND abs(path_yaw_rad) < 0.7
  WINDOW
    by_time AS (PARTITION BY log_id, track_id ORDER BY stamp_ns),
    inside AS (
      PARTITION BY log_id, track_id ORDER BY stamp_ns
      RANGE BETWEEN 1050000000 PRECEDING AND 50000000 PRECEDING
    ),
    outside AS (
      PARTITION BY log_id, track_id ORDER BY stamp_ns
      RANGE BETWEEN CURRENT ROW AND 1050000000 FOLLOWING
    )
), cutting AS (
  SELECT * FROM sides
  WHERE category IN (
      'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'SCHOOL_BUS', 'ARTICULATED_BUS',
      'MOTORCYCLE', 'MOTORCYCLIST'
    )
    AND path_clearance_m >= 0.0
    AND clearance_before_m < 0.0
    AND most_inside_m < 0.0
    AND share_outside >= 0.8
    AND stamp_ns - inside_start_ns >= 500000000
    AND outward_mps >= $lateral_speed_min_mps
    AND gap_m > 0.0
    AND speed_mps >= $speed_min_mps
    AND ego_speed_mps >= $speed_min_mps
    AND time_headway_s(gap_m, ego_speed_mps) <= $headway_max_s
)
SELECT
  cutting.log_id, inside_start_ns AS start_ns, outside_end_ns AS end_ns, cutting.ego,
  cutting.track_id AS cutter, scene.track_id AS object,
  drac_mps2(greatest(scene.gap_m, 0.1), scene.ego_speed_mps) AS score
FROM cutting JOIN scene ON cutting.log_id = scene.log_id AND cutting.stamp_ns = scene.stamp_ns
WHERE scene.category NOT IN ('PEDESTRIAN', 'ANIMAL', 'SIGN', 'STOP_SIGN')
  AND scene.path_clearance_m < 0.0
  AND abs(scene.speed_mps) <= $speed_max_mps
  AND scene.gap_m > cutting.gap_m
  AND time_headway_s(scene.gap_m, scene.ego_speed_mps) <= $reach_max_s

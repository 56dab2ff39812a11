-- scenario: cut_in
-- version: 3
-- description: A vehicle driving the ego's way moves sideways into the ego's path at a short headway.
-- roles: ego, actor
-- episodes: min_duration = 0.45 s, max_gap = 0.55 s
-- param: headway_max_s = 3.0 s — time headway at the moment when the actor enters the path
-- param: gap_near_m = 25.0 m — gap within which the headway does not matter: in slow traffic a few car lengths are a long headway
-- param: lateral_speed_min_mps = 0.5 m/s — the actor's own sideways speed towards the middle of the path at that moment
-- param: speed_min_mps = 2.0 m/s — speed of the ego and of the actor
-- param: yaw_rate_max_radps = 0.12 rad/s — yaw rate of the ego where the map has no lane: in a turn everybody changes sides
-- score: inverse time headway at the moment when the actor enters the path, 1/s
-- severity: medium
-- tags: lane-change, lateral
--
-- The moment is the first stamp with the actor's box in the path after at least 0.5 s outside it; it must stay in for
-- most of the next second. The episode runs from one second before that moment to one second after it.
-- It comes in by its own movement: an ego that moves behind somebody who keeps to its lane is not cut in on. Of 5608 cut-ins
-- the slowest took 12.4 s (Wang, Yang, Hurwitz, Accident Analysis and Prevention 124, 2019): as a quintic over a lane of
-- 3.5 m it is at 0.53 m/s halfway. A tracker's heading errs by half a degree, which is 0.15 m/s at 18 m/s.
WITH sides AS (
  SELECT
    log_id, stamp_ns, ego, track_id, category, gap_m, on_lane, speed_mps, ego_speed_mps, ego_yaw_rate_radps,
    path_clearance_m,
    lag(path_clearance_m) OVER by_time AS clearance_before_m,
    min(path_clearance_m) OVER outside AS least_outside_m,
    min(stamp_ns) OVER outside AS outside_start_ns,
    CASE WHEN path_offset_m > 0.0 THEN -path_vy_mps ELSE path_vy_mps END AS inward_mps,
    avg(CASE WHEN path_clearance_m < 0.0 THEN 1.0 ELSE 0.0 END) OVER inside AS share_inside,
    max(stamp_ns) OVER inside AS inside_end_ns
  FROM scene
  WHERE gap_m > -10.0 AND gap_m < 80.0 AND abs(path_yaw_rad) < 0.7
  WINDOW
    by_time AS (PARTITION BY log_id, track_id ORDER BY stamp_ns),
    outside AS (
      PARTITION BY log_id, track_id ORDER BY stamp_ns
      RANGE BETWEEN 1050000000 PRECEDING AND 50000000 PRECEDING
    ),
    inside AS (
      PARTITION BY log_id, track_id ORDER BY stamp_ns
      RANGE BETWEEN CURRENT ROW AND 1050000000 FOLLOWING
    )
)
SELECT
  log_id,
  outside_start_ns AS start_ns,
  inside_end_ns AS end_ns,
  ego,
  track_id AS actor,
  1.0 / time_headway_s(gap_m, ego_speed_mps) AS score
FROM sides
WHERE category IN (
    'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'SCHOOL_BUS', 'ARTICULATED_BUS',
    'MOTORCYCLE', 'MOTORCYCLIST'
  )
  AND path_clearance_m < 0.0
  AND clearance_before_m >= 0.0
  AND share_inside >= 0.8
  AND stamp_ns - outside_start_ns >= 500000000
  AND least_outside_m >= 0.0
  AND inward_mps >= $lateral_speed_min_mps
  AND (on_lane OR abs(ego_yaw_rate_radps) <= $yaw_rate_max_radps)
  AND ego_speed_mps >= $speed_min_mps
  AND speed_mps >= $speed_min_mps
  AND gap_m > 0.0 AND gap_m <= greatest($gap_near_m, $headway_max_s * ego_speed_mps)

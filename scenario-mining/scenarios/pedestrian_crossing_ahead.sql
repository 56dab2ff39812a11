-- scenario: pedestrian_crossing_ahead
-- version: 3
-- description: A pedestrian ahead walks across the ego's path, or is about to.
-- roles: ego, pedestrian
-- episodes: min_duration = 0.25 s, max_gap = 0.55 s
-- param: reach_max_s = 6.0 s — time in which the ego, at its present speed, reaches the pedestrian
-- param: gap_near_m = 65.0 m — gap within which that time does not matter, because a slow ego speeds up; the stopping sight distance at 50 km/h (AASHTO Green Book)
-- param: wait_gap_m = 15.0 m — gap within which the ego may also stand: it waits for the pedestrian
-- param: entry_max_s = 2.5 s — time in which the pedestrian, at the present velocity, enters the path
-- param: lateral_speed_min_mps = 0.5 m/s — speed across the ego's path
-- param: ego_speed_min_mps = 1.0 m/s — speed of an ego that does not stand
-- score: deceleration that stops the ego before the pedestrian, m/s²
-- severity: high
-- tags: vulnerable-road-user, crossing
SELECT
  log_id, stamp_ns, ego, track_id AS pedestrian,
  drac_mps2(greatest(gap_m, 0.1), ego_speed_mps) AS score
FROM scene
WHERE category IN ('PEDESTRIAN', 'WHEELED_RIDER', 'STROLLER', 'WHEELCHAIR', 'OFFICIAL_SIGNALER')
  AND gap_m > 0.0
  AND (
    gap_m <= $wait_gap_m
    OR (ego_speed_mps >= $ego_speed_min_mps AND (gap_m <= $gap_near_m OR time_headway_s(gap_m, ego_speed_mps) <= $reach_max_s))
  )
  AND abs(path_vy_mps) >= $lateral_speed_min_mps
  AND (
    path_clearance_m <= 0.0
    OR (
      path_offset_m * path_vy_mps < 0.0
      AND path_clearance_m / abs(path_vy_mps) <= $entry_max_s
    )
  )

-- scenario: stationary_object_ahead
-- version: 4
-- description: The ego drives up to something that stands in its path: a stopped or parked vehicle, a cone, an obstacle.
-- roles: ego, object
-- episodes: min_duration = 0.45 s, max_gap = 0.55 s
-- param: reach_max_s = 10.0 s — time in which the ego, at its present speed, reaches the object; a driver who has to go round it needs 10.2 s to 14.5 s of sight (AASHTO Green Book, decision sight distance)
-- param: gap_near_m = 65.0 m — with a lane in the map: gap within which the time does not matter, because a slow ego speeds up; the stopping sight distance at 50 km/h (AASHTO Green Book)
-- param: speed_max_mps = 0.5 m/s — largest speed of a stationary object: the noise of a tracker
-- param: moved_max_m = 1.0 m — largest extent of its positions within the two seconds around the stamp
-- param: ego_speed_min_mps = 2.0 m/s — speed of the ego
-- param: approach_max_m = 15.0 m — without a lane in the map: the ego must come this near to it later, or the object was never in its way
-- param: clearance_max_m = 0.2 m — without a lane in the map: sideways clearance between ego and object where they are nearest
-- param: yaw_rate_max_radps = 0.06 rad/s — without a lane in the map: yaw rate of an ego that goes straight on
-- score: deceleration that stops the ego before the object, m/s²
-- severity: medium
-- tags: obstacle
--
-- With a lane, the object is in the path that the ego would drive if it stayed at its place in the lane.
-- Without one, the arc of a stamp points at everything beside a bend. So the object counts while the ego goes straight on, or where
-- it is still in the path when the ego is nearest to it: then the ego really drove up to it.
WITH ahead AS (
  SELECT DISTINCT log_id, track_id FROM scene
  WHERE path_clearance_m < 0.0 AND gap_m > 0.0
), standing AS (
  SELECT
    log_id, stamp_ns, ego, track_id, category, gap_m, path_clearance_m, speed_mps, ego_speed_mps,
    ego_yaw_rate_radps, on_lane,
    -- Of both axes together: how far somebody creeps does not depend on where north is.
    sqrt(
      power(max(x_m) OVER around - min(x_m) OVER around, 2)
        + power(max(y_m) OVER around - min(y_m) OVER around, 2)
    ) AS moved_m,
    (max(stamp_ns) OVER around - min(stamp_ns) OVER around) / 1e9 AS seen_s
  FROM scene JOIN ahead USING (log_id, track_id)
  WINDOW around AS (
    PARTITION BY log_id, track_id ORDER BY stamp_ns
    RANGE BETWEEN 1000000000 PRECEDING AND 1000000000 FOLLOWING
  )
), nearest AS (
  SELECT
    log_id, track_id,
    min(abs(gap_m)) AS nearest_m,
    first_value(path_clearance_m ORDER BY abs(gap_m), stamp_ns) AS nearest_clearance_m
  FROM scene
  WHERE path_clearance_m IS NOT NULL
  GROUP BY log_id, track_id
)
SELECT
  standing.log_id, stamp_ns, ego, standing.track_id AS object,
  drac_mps2(greatest(gap_m, 0.1), ego_speed_mps) AS score
FROM standing
JOIN nearest ON standing.log_id = nearest.log_id AND standing.track_id = nearest.track_id
WHERE category NOT IN ('PEDESTRIAN', 'ANIMAL', 'SIGN', 'STOP_SIGN')
  AND path_clearance_m < 0.0
  AND (
    on_lane
    OR (
      nearest_m <= $approach_max_m
      AND (nearest_clearance_m < $clearance_max_m OR abs(ego_yaw_rate_radps) <= $yaw_rate_max_radps)
    )
  )
  AND gap_m > 0.0
  AND ego_speed_mps >= $ego_speed_min_mps
  AND abs(speed_mps) <= $speed_max_mps
  AND moved_m <= $moved_max_m
  AND seen_s >= 0.5
  AND (time_headway_s(gap_m, ego_speed_mps) <= $reach_max_s OR (on_lane AND gap_m <= $gap_near_m))

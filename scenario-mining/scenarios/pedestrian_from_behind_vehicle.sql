-- scenario: pedestrian_from_behind_vehicle
-- version: 1
-- description: A pedestrian steps out from behind a vehicle, near and towards the ego's path (ghost probe).
-- roles: ego, pedestrian, vehicle
-- episodes: min_duration = 0.0 s, max_gap = 0.55 s
-- param: reach_max_s = 4.0 s — time in which the ego, at its present speed, reaches the pedestrian: the Euro NCAP test with a child behind parked cars begins at 4 s
-- param: fresh_max_s = 1.5 s — time since the pedestrian was seen for the first time
-- param: entry_max_s = 2.5 s — time in which the pedestrian, at the present velocity, enters the path
-- param: lateral_speed_min_mps = 0.5 m/s — speed towards the ego's path
-- param: edge_max_m = 1.5 m — distance from the vehicle's flank to the line of sight in which the pedestrian was seen first
-- param: ego_speed_min_mps = 2.0 m/s — speed of the ego
-- score: deceleration that stops the ego before the pedestrian, m/s²
-- severity: high
-- tags: vulnerable-road-user, crossing, occlusion
WITH appeared AS (
  SELECT log_id, track_id, min(stamp_ns) AS first_ns, min(elapsed_s) AS first_s
  FROM scene
  WHERE category IN ('PEDESTRIAN', 'WHEELED_RIDER', 'STROLLER', 'WHEELCHAIR')
  GROUP BY log_id, track_id
), hidden AS (
  -- The nearest vehicle whose edge the line of sight passed when the pedestrian was seen for the first time.
  SELECT
    person.log_id, person.track_id, first_ns,
    first_value(vehicle.track_id ORDER BY vehicle.ego_x_m * vehicle.ego_x_m + vehicle.ego_y_m * vehicle.ego_y_m, vehicle.track_id)
      AS vehicle
  FROM appeared
  JOIN scene AS person ON appeared.log_id = person.log_id AND appeared.track_id = person.track_id
    AND appeared.first_ns = person.stamp_ns
  JOIN scene AS vehicle ON person.log_id = vehicle.log_id AND person.stamp_ns = vehicle.stamp_ns
  WHERE vehicle.category IN (
      'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER',
      'SCHOOL_BUS', 'ARTICULATED_BUS'
    )
    -- Who is there in the first frames of a drive did not step out of anything.
    AND appeared.first_s >= 0.5
    AND vehicle.ego_x_m > 0.0
    AND vehicle.ego_x_m < person.ego_x_m
    AND abs(lateral_offset_m(vehicle.ego_x_m, vehicle.ego_y_m, 0.0, 0.0, atan2(person.ego_y_m, person.ego_x_m)))
      <= vehicle.width_m / 2 + $edge_max_m
  GROUP BY person.log_id, person.track_id, first_ns
)
SELECT
  scene.log_id, stamp_ns, ego, scene.track_id AS pedestrian, vehicle,
  drac_mps2(greatest(gap_m, 0.1), ego_speed_mps) AS score
FROM scene JOIN hidden ON scene.log_id = hidden.log_id AND scene.track_id = hidden.track_id
WHERE stamp_ns - first_ns <= $fresh_max_s * 1e9
  AND gap_m > 0.0
  AND ego_speed_mps >= $ego_speed_min_mps
  AND time_headway_s(gap_m, ego_speed_mps) <= $reach_max_s
  AND abs(path_vy_mps) >= $lateral_speed_min_mps
  AND path_offset_m * path_vy_mps < 0.0
  AND path_clearance_m / abs(path_vy_mps) <= $entry_max_s

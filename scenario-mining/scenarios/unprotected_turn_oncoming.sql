-- scenario: unprotected_turn_oncoming
-- version: 1
-- description: The ego turns across the way of a vehicle that comes towards it; whether a light protects the turn, tracks do not say.
-- roles: ego, oncoming
-- episodes: min_duration = 0.25 s, max_gap = 0.55 s
-- param: turned_min_rad = 0.5 rad — change of the ego's heading from two seconds before the stamp to two seconds after it: a bend turns less
-- param: yaw_rate_min_radps = 0.1 rad/s — yaw rate of the ego
-- param: level_max_s = 6.0 s — time in which the vehicle, at its present speed, is level with the ego; critical gaps of left turns are 4 to 6 s (Highway Capacity Manual)
-- param: speed_min_mps = 2.0 m/s — speed of the oncoming vehicle
-- param: side_max_m = 15.0 m — distance of the ego from the vehicle's axis, on the side from which the ego turns
-- score: inverse time until it is level with the ego, 1/s
-- severity: high
-- tags: turn, conflict
--
-- Oncoming is who faced the ego before it turned. The vehicle's own axis is its way: the ego is still before it.
WITH turning AS (
  SELECT
    log_id, stamp_ns, ego, track_id, category, length_m, speed_mps, yaw_rad, ego_yaw_rate_radps, ego_speed_mps,
    avg(ego_yaw_rate_radps) OVER around * ((max(stamp_ns) OVER around - min(stamp_ns) OVER around) / 1e9) AS turned_rad,
    first_value(yaw_rad - ego_yaw_rad) OVER around AS ego_before_rad,
    lateral_offset_m(0.0, 0.0, ego_x_m, ego_y_m, ego_yaw_rad) AS side_m,
    -(ego_x_m * cos(ego_yaw_rad) + ego_y_m * sin(ego_yaw_rad)) - length_m / 2 AS until_level_m
  FROM scene
  WINDOW around AS (
    PARTITION BY log_id, track_id ORDER BY stamp_ns
    RANGE BETWEEN 2000000000 PRECEDING AND 2000000000 FOLLOWING
  )
)
SELECT
  log_id, stamp_ns, ego, track_id AS oncoming, 1.0 / greatest(time_headway_s(until_level_m, speed_mps), 0.1) AS score
FROM turning
WHERE category IN (
    'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER',
    'SCHOOL_BUS', 'ARTICULATED_BUS', 'MOTORCYCLE', 'MOTORCYCLIST'
  )
  AND abs(turned_rad) >= $turned_min_rad
  AND abs(ego_yaw_rate_radps) >= $yaw_rate_min_radps
  AND turned_rad * ego_yaw_rate_radps > 0.0
  AND ego_speed_mps >= 1.0
  AND abs(wrap_rad(yaw_rad - ego_before_rad)) >= 2.6
  AND side_m * turned_rad > 0.0
  AND abs(side_m) <= $side_max_m
  AND speed_mps >= $speed_min_mps
  AND time_headway_s(until_level_m, speed_mps) <= $level_max_s

-- scenario: vehicle_close_alongside
-- version: 1
-- description: A vehicle that goes the ego's way runs beside it with little room between them.
-- roles: ego, actor
-- episodes: min_duration = 0.45 s, max_gap = 0.35 s
-- param: room_max_m = 0.8 m — distance between the two boxes; in the middle of lanes of 3.5 m, two cars of 2 m have 1.5 m
-- param: speed_min_mps = 3.0 m/s — speed of the ego and of the actor: who squeezes past in a jam is passed over
-- score: inverse distance between the boxes, 1/m
-- severity: medium
-- tags: lateral
WITH beside AS (
  SELECT
    log_id, stamp_ns, ego, track_id, ego_x_m, ego_front_m, ego_length_m, ego_y_m, speed_mps, ego_speed_mps, ego_yaw_rad,
    box_distance_m(
      ego_front_m - ego_length_m / 2, 0.0, 0.0, ego_length_m, ego_width_m,
      ego_x_m, ego_y_m, ego_yaw_rad, length_m, width_m
    ) AS room_m,
    (length_m * abs(cos(ego_yaw_rad)) + width_m * abs(sin(ego_yaw_rad))) / 2 AS reach_m
  FROM scene
  WHERE category IN (
      'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER',
      'SCHOOL_BUS', 'ARTICULATED_BUS', 'MOTORCYCLE', 'MOTORCYCLIST'
    )
    AND abs(ego_y_m) < 6.0 AND abs(ego_x_m) < 30.0
)
SELECT log_id, stamp_ns, ego, track_id AS actor, 1.0 / greatest(room_m, 0.1) AS score
FROM beside
WHERE room_m <= $room_max_m
  AND abs(ego_yaw_rad) < 0.35
  -- Beside, not before or behind: their extents along the ego's axis overlap.
  AND ego_x_m - reach_m < ego_front_m
  AND ego_x_m + reach_m > ego_front_m - ego_length_m
  AND speed_mps >= $speed_min_mps
  AND ego_speed_mps >= $speed_min_mps

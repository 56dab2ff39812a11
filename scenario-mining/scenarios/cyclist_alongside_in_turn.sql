-- scenario: cyclist_alongside_in_turn
-- version: 1
-- description: The ego turns towards the side on which a cyclist rides beside it.
-- roles: ego, cyclist
-- episodes: min_duration = 0.25 s, max_gap = 0.55 s
-- param: yaw_rate_min_radps = 0.1 rad/s — yaw rate of the ego: at 5 m/s a radius of 50 m, tighter than roads bend
-- param: radius_max_m = 60.0 m — radius that the ego drives, so that a bend at speed is not a turn
-- param: side_max_m = 4.0 m — distance between the sides of the ego and the cyclist
-- param: behind_max_m = 10.0 m — how far behind the ego's rear the cyclist may be: it comes up within two or three seconds
-- param: speed_min_mps = 1.0 m/s — speed of the ego and of the cyclist
-- score: inverse distance between the sides, 1/m
-- severity: high
-- tags: vulnerable-road-user, turn
SELECT
  log_id, stamp_ns, ego, track_id AS cyclist,
  1.0 / greatest(abs(ego_y_m) - width_m / 2 - ego_width_m / 2, 0.1) AS score
FROM scene
WHERE category IN ('BICYCLIST', 'BICYCLE', 'WHEELED_RIDER', 'WHEELED_DEVICE', 'MOTORCYCLIST')
  AND abs(ego_yaw_rate_radps) >= $yaw_rate_min_radps
  AND abs(ego_yaw_rate_radps) * $radius_max_m >= ego_speed_mps
  AND ego_y_m * ego_yaw_rate_radps > 0.0
  AND ego_x_m - length_m / 2 < ego_front_m + 2.0
  AND ego_x_m + length_m / 2 > ego_front_m - ego_length_m - $behind_max_m
  AND abs(ego_y_m) - width_m / 2 - ego_width_m / 2 <= $side_max_m
  -- It goes the ego's way, or did before the ego turned.
  AND abs(ego_yaw_rad) < 1.2
  AND speed_mps >= $speed_min_mps
  AND ego_speed_mps >= $speed_min_mps

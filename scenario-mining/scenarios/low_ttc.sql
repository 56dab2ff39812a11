-- scenario: low_ttc
-- version: 2
-- description: The ego is about to touch a road user if both keep their velocities.
-- roles: ego, actor
-- episodes: min_duration = 0.15 s, max_gap = 0.35 s
-- param: ttc_max_s = 2.5 s — time to collision of the two boxes at constant velocity
-- param: ego_speed_min_mps = 2.0 m/s — speed of the ego
-- param: closing_min_mps = 1.0 m/s — speed at which the actor comes nearer along the ego's axis
-- score: inverse time to collision, 1/s
-- severity: high
-- tags: conflict
--
-- The boxes must meet both on straight lines (exact, oriented boxes) and on the ego's path: a parked
-- car beside a bend is on the straight line alone.
WITH closing AS (
  SELECT
    log_id, stamp_ns, ego, track_id, ego_speed_mps, relative_vx_mps,
    gap_m, path_clearance_m, path_vy_mps,
    ttc_boxes_s(
      ego_front_m - ego_length_m / 2, 0.0, 0.0, ego_length_m, ego_width_m, 0.0, 0.0,
      ego_x_m, ego_y_m, ego_yaw_rad, length_m, width_m, relative_vx_mps, relative_vy_mps
    ) AS ttc_s
  FROM scene
  WHERE category NOT IN ('BOLLARD', 'CONSTRUCTION_CONE', 'SIGN', 'STOP_SIGN', 'CONSTRUCTION_BARREL', 'MOBILE_PEDESTRIAN_CROSSING_SIGN')
    AND gap_m BETWEEN -2.0 AND 80.0
)
SELECT log_id, stamp_ns, ego, track_id AS actor, 1.0 / greatest(ttc_s, 0.1) AS score
FROM closing
WHERE ttc_s <= $ttc_max_s
  AND ego_speed_mps >= $ego_speed_min_mps
  AND -relative_vx_mps >= $closing_min_mps
  AND path_clearance_m - abs(path_vy_mps) * ttc_s < 0.0

-- Every actor at every stamp next to the ego's own state: what most scenarios start from.
-- Velocities are means over 0.5 s, because derived velocities of annotated boxes are noisy.
-- The ego's path is the arc that its present yaw rate and speed would drive (a straight line below 1 m/s).
WITH ego_raw AS (
  SELECT
    log_id, stamp_ns, track_id, length_m, width_m,
    (stamp_ns - min(stamp_ns) OVER (PARTITION BY log_id)) / 1e9 AS elapsed_s,
    ego_x_m + length_m / 2 AS front_m,
    wrap_rad(lead(yaw_rad) OVER by_time - lag(yaw_rad) OVER by_time) AS turned_rad,
    (lead(stamp_ns) OVER by_time - lag(stamp_ns) OVER by_time) / 1e9 AS turned_s,
    finite(vx_mps) * cos(yaw_rad) + finite(vy_mps) * sin(yaw_rad) AS speed_mps
  FROM object_track
  WHERE category = 'EGO_VEHICLE'
  WINDOW by_time AS (PARTITION BY log_id ORDER BY stamp_ns)
), ego AS (
  SELECT
    log_id, stamp_ns, elapsed_s, track_id AS ego, front_m, length_m, width_m,
    avg(speed_mps) OVER near AS speed_mps,
    avg(finite(turned_rad / turned_s)) OVER near AS yaw_rate_radps
  FROM ego_raw
  WINDOW near AS (
    PARTITION BY log_id ORDER BY stamp_ns
    RANGE BETWEEN 250000000 PRECEDING AND 250000000 FOLLOWING
  )
), actor AS (
  SELECT
    log_id, stamp_ns, track_id, category, length_m, width_m, x_m, y_m, yaw_rad,
    ego_x_m, ego_y_m, ego_yaw_rad,
    (length_m * abs(cos(ego_yaw_rad)) + width_m * abs(sin(ego_yaw_rad))) / 2 AS reach_x_m,
    (length_m * abs(sin(ego_yaw_rad)) + width_m * abs(cos(ego_yaw_rad))) / 2 AS reach_y_m,
    avg(finite(vx_mps) * cos(yaw_rad) + finite(vy_mps) * sin(yaw_rad)) OVER near AS speed_mps,
    avg(finite(ego_vx_mps)) OVER near AS relative_vx_mps,
    avg(finite(ego_vy_mps)) OVER near AS relative_vy_mps
  FROM object_track
  WHERE category <> 'EGO_VEHICLE'
  WINDOW near AS (
    PARTITION BY log_id, track_id ORDER BY stamp_ns
    RANGE BETWEEN 250000000 PRECEDING AND 250000000 FOLLOWING
  )
), beside AS (
  SELECT
    actor.*, ego.ego, ego.elapsed_s,
    ego.speed_mps AS ego_speed_mps,
    ego.yaw_rate_radps AS ego_yaw_rate_radps,
    ego.front_m AS ego_front_m,
    ego.length_m AS ego_length_m,
    ego.width_m AS ego_width_m,
    CASE WHEN ego.speed_mps > 1.0 THEN coalesce(ego.yaw_rate_radps, 0.0) / ego.speed_mps ELSE 0.0 END AS path_curvature
  FROM actor JOIN ego ON actor.log_id = ego.log_id AND actor.stamp_ns = ego.stamp_ns
), placed AS (
  SELECT
    *,
    path_offset_m(ego_x_m, ego_y_m, path_curvature) AS path_offset_m,
    relative_vy_mps - path_curvature * ego_x_m * (ego_speed_mps + relative_vx_mps) AS path_vy_mps
  FROM beside
)
SELECT
  log_id, stamp_ns, elapsed_s, ego, track_id, category, length_m, width_m, x_m, y_m, yaw_rad,
  ego_x_m, ego_y_m, ego_yaw_rad, speed_mps, relative_vx_mps, relative_vy_mps,
  ego_speed_mps, ego_yaw_rate_radps, ego_front_m, ego_length_m, ego_width_m, path_offset_m, path_vy_mps,
  abs(path_offset_m) - reach_y_m - ego_width_m / 2 AS path_clearance_m,
  ego_x_m - reach_x_m - ego_front_m AS gap_m
FROM placed

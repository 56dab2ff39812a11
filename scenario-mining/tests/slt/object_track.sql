-- The tracks of the fixtures: everybody moves along x, brakes at `brake_s` with `decel_mps2` until standing, and moves
-- sideways at `side_mps` from `side_s` to `side_end_s`. 10 Hz, 8 s. `hole_s`..`hole_end_s` has no rows,
-- `nan_s`..`nan_end_s` has NaN velocities. {…} are filled in by the runner, which transforms all scenes.
WITH frame AS (
  SELECT value AS k, value / 10.0 AS t FROM generate_series(0, 80)
), braking AS (
  SELECT motion.*, k, t,
    least(greatest(t - coalesce(brake_s, 1e9), 0.0), coalesce(speed_mps / nullif(decel_mps2, 0.0), 1e9)) AS braked_s,
    least(t, coalesce(brake_s, 1e9)) AS free_s,
    least(greatest(t - coalesce(side_s, 1e9), 0.0), coalesce(side_end_s - side_s, 0.0)) AS sideways_s
  FROM motion CROSS JOIN frame
  WHERE NOT coalesce(t >= hole_s AND t <= hole_end_s, false)
), moved AS (
  SELECT *,
    x_m + speed_mps * (free_s + braked_s) - coalesce(decel_mps2, 0.0) * braked_s * braked_s / 2 AS px,
    y_m + coalesce(side_mps, 0.0) * sideways_s AS py,
    CASE WHEN t >= nan_s AND t <= nan_end_s THEN CAST('NaN' AS DOUBLE)
         ELSE speed_mps - coalesce(decel_mps2, 0.0) * braked_s END AS vx,
    CASE WHEN t >= side_s AND t < side_end_s THEN side_mps ELSE 0.0 END AS vy
  FROM braking
), ego AS (
  SELECT log_id, k, px AS ex, py AS ey, vx AS evx, vy AS evy FROM moved WHERE category = 'EGO_VEHICLE'
)
SELECT
  moved.log_id,
  '{rename}' || track_id AS track_id,
  CAST({shift_ns} AS BIGINT) + CAST(moved.k AS BIGINT) * 100000000 AS stamp_ns,
  category, length_m, width_m,
  px AS x_m, {mirror} * py AS y_m, 0.0 AS yaw_rad,
  vx AS vx_mps, {mirror} * vy AS vy_mps,
  px - ex AS ego_x_m, {mirror} * (py - ey) AS ego_y_m, 0.0 AS ego_yaw_rad,
  vx - evx AS ego_vx_mps, {mirror} * (vy - evy) AS ego_vy_mps
FROM moved JOIN ego ON moved.log_id = ego.log_id AND moved.k = ego.k

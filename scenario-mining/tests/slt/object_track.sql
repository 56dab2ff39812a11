-- The tracks of the fixtures, 10 Hz, 8 s. Everybody moves along its heading (x, or `yaw_rad` of the table `heading`), brakes
-- at `brake_s` with `decel_mps2` until standing, and moves sideways (along y) at `side_mps` from `side_s` to `side_end_s`.
-- Who is in `heading` may turn at `turn_radps` from `turn_s` to `turn_end_s`, on an arc, without braking;
-- with a `turn_back` of 1 it then turns back as long.
-- `hole_s`..`hole_end_s` has no rows, `nan_s`..`nan_end_s` has NaN velocities. {…} are filled in by the runner, which
-- transforms all scenes.
WITH frame AS (
  SELECT value AS k, value / 10.0 AS t FROM generate_series(0, 80)
), braking AS (
  SELECT motion.*, k, t,
    coalesce(heading.yaw_rad, 0.0) AS from_rad,
    coalesce(turn_s, 1e9) AS turn_s, coalesce(turn_end_s, 1e9) AS turn_end_s, coalesce(turn_radps, 0.0) AS turn_radps,
    coalesce(turn_back, 0.0) AS turn_back, coalesce(turn_end_s - turn_s, 0.0) AS turning_s,
    least(greatest(t - coalesce(brake_s, 1e9), 0.0), coalesce(speed_mps / nullif(decel_mps2, 0.0), 1e9)) AS braked_s,
    least(t, coalesce(brake_s, 1e9)) AS free_s,
    least(greatest(t - coalesce(side_s, 1e9), 0.0), coalesce(side_end_s - side_s, 0.0)) AS sideways_s
  FROM motion CROSS JOIN frame
  LEFT JOIN heading ON motion.log_id = heading.log_id AND motion.track_id = heading.track_id
  WHERE NOT coalesce(t >= hole_s AND t <= hole_end_s, false)
), heading_peak AS (
  SELECT *,
    from_rad + turn_radps * least(greatest(t - turn_s, 0.0), turn_end_s - turn_s) AS peak_rad,
    coalesce(speed_mps / nullif(turn_radps, 0.0), 0.0) AS radius_m,
    speed_mps * (free_s + braked_s) - coalesce(decel_mps2, 0.0) * braked_s * braked_s / 2
      - speed_mps * greatest(t - turn_s, 0.0) AS before_m,
    speed_mps * greatest(t - turn_end_s - turn_back * turning_s, 0.0) AS after_m,
    speed_mps - coalesce(decel_mps2, 0.0) * braked_s AS v
  FROM braking
), heading_now AS (
  SELECT *, peak_rad - turn_back * turn_radps * least(greatest(t - turn_end_s, 0.0), turning_s) AS psi
  FROM heading_peak
), moved AS (
  SELECT *,
    x_m + before_m * cos(from_rad) + radius_m * (sin(peak_rad) - sin(from_rad) - sin(psi) + sin(peak_rad))
      + after_m * cos(psi) AS px,
    y_m + before_m * sin(from_rad) + radius_m * (cos(from_rad) - cos(peak_rad) - cos(peak_rad) + cos(psi)) + after_m * sin(psi)
      + coalesce(side_mps, 0.0) * sideways_s AS py,
    CASE WHEN t >= nan_s AND t <= nan_end_s THEN CAST('NaN' AS DOUBLE) ELSE v * cos(psi) END AS vx,
    v * sin(psi) + CASE WHEN t >= side_s AND t < side_end_s THEN side_mps ELSE 0.0 END AS vy
  FROM heading_now
), ego AS (
  SELECT log_id, k, px AS ex, py AS ey, vx AS evx, vy AS evy, psi AS epsi FROM moved WHERE category = 'EGO_VEHICLE'
)
SELECT
  moved.log_id,
  {track_id} AS track_id,
  CAST({shift_ns} AS BIGINT) + CAST(moved.k AS BIGINT) * 100000000 AS stamp_ns,
  category, length_m, width_m,
  px AS x_m, {mirror} * py AS y_m, {mirror} * psi AS yaw_rad,
  vx AS vx_mps, {mirror} * vy AS vy_mps,
  (px - ex) * cos(epsi) + (py - ey) * sin(epsi) AS ego_x_m,
  {mirror} * ((py - ey) * cos(epsi) - (px - ex) * sin(epsi)) AS ego_y_m,
  {mirror} * wrap_rad(psi - epsi) AS ego_yaw_rad,
  (vx - evx) * cos(epsi) + (vy - evy) * sin(epsi) AS ego_vx_mps,
  {mirror} * ((vy - evy) * cos(epsi) - (vx - evx) * sin(epsi)) AS ego_vy_mps
FROM moved JOIN ego ON moved.log_id = ego.log_id AND moved.k = ego.k

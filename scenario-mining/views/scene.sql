-- Every actor at every stamp next to the ego's own state: what most scenarios start from.
-- Velocities are means over 0.5 s, because derived velocities of annotated boxes are noisy.
-- The ego's path follows the lane of the map in which the ego is and those that the lane leads into (where it forks, those
-- that the ego takes later in the drive, where there are any), at the ego's present offset. Where the map has no lane there,
-- it is the arc that the ego's present yaw rate and speed would drive (a straight line below 1 m/s).
WITH RECURSIVE ego_raw AS (
  SELECT
    log_id, stamp_ns, track_id, length_m, width_m, x_m, y_m, yaw_rad,
    (stamp_ns - min(stamp_ns) OVER (PARTITION BY log_id)) / 1e9 AS elapsed_s,
    ego_x_m + length_m / 2 AS front_m,
    wrap_rad(lead(yaw_rad) OVER by_time - lag(yaw_rad) OVER by_time) AS turned_rad,
    (lead(stamp_ns) OVER by_time - lag(stamp_ns) OVER by_time) / 1e9 AS turned_s,
    finite(vx_mps) * cos(yaw_rad) + finite(vy_mps) * sin(yaw_rad) AS speed_mps
  FROM object_track
  WHERE category = 'EGO_VEHICLE'
  WINDOW by_time AS (PARTITION BY log_id ORDER BY stamp_ns)
), lane_line AS (
  SELECT
    log_id, lane_id, centre, successors,
    centre[1] AS first_x_m, centre[2] AS first_y_m, polyline_length_m(centre) AS length_m
  FROM lane
  WHERE lane_type <> 'BIKE' AND polyline_length_m(centre) > 0.0
), ego_beside AS (
  SELECT
    ego_raw.log_id, stamp_ns, lane_id, lane_line.length_m, yaw_rad,
    polyline_place(centre, x_m, y_m) AS place
  FROM ego_raw JOIN lane_line ON ego_raw.log_id = lane_line.log_id
    AND abs(x_m - first_x_m) <= lane_line.length_m + 3.0
    AND abs(y_m - first_y_m) <= lane_line.length_m + 3.0
), ego_lane AS (
  -- Half a lane and some: the centre of a car that changes lanes is always within that of one of them.
  -- The conditions are filters of the aggregates, because the planner would move a WHERE into the join, before the distance
  -- that is cheap to compare.
  SELECT
    log_id, stamp_ns,
    first_value(lane_id ORDER BY abs(offset_m), lane_id) FILTER (WHERE is_on) AS lane_id,
    first_value(along_m ORDER BY abs(offset_m), lane_id) FILTER (WHERE is_on) AS along_m,
    first_value(offset_m ORDER BY abs(offset_m), lane_id) FILTER (WHERE is_on) AS offset_m
  FROM (
    SELECT
      log_id, stamp_ns, lane_id, place['along_m'] AS along_m, place['offset_m'] AS offset_m,
      place['along_m'] BETWEEN -0.5 AND length_m + 0.5
        AND abs(place['offset_m']) <= 2.5
        AND abs(wrap_rad(yaw_rad - place['yaw_rad'])) <= 0.8 AS is_on
    FROM ego_beside
  )
  GROUP BY log_id, stamp_ns
), driven AS (
  SELECT DISTINCT log_id, lane_id FROM ego_lane WHERE lane_id IS NOT NULL
), hop AS (
  SELECT log_id, lane_id, next_id
  FROM (
    SELECT *, max(is_driven) OVER (PARTITION BY log_id, lane_id) AS most_driven
    FROM (
      SELECT fork.log_id, fork.lane_id, next_id, CASE WHEN driven.lane_id IS NULL THEN 0 ELSE 1 END AS is_driven
      FROM (SELECT log_id, lane_id, unnest(successors) AS next_id FROM lane_line) AS fork
      LEFT JOIN driven ON fork.log_id = driven.log_id AND fork.next_id = driven.lane_id
    )
  )
  WHERE is_driven = most_driven
), corridor AS (
  SELECT
    lane_line.log_id, lane_line.lane_id, lane_line.lane_id AS last_id, centre AS line,
    CAST(0.0 AS DOUBLE) AS ahead_m, CAST(0 AS BIGINT) AS hops
  FROM lane_line JOIN driven ON lane_line.log_id = driven.log_id AND lane_line.lane_id = driven.lane_id
  UNION ALL
  SELECT
    corridor.log_id, corridor.lane_id, hop.next_id AS last_id, array_concat(line, centre) AS line,
    ahead_m + length_m AS ahead_m, hops + 1 AS hops
  FROM corridor
  JOIN hop ON corridor.log_id = hop.log_id AND corridor.last_id = hop.lane_id
  JOIN lane_line ON hop.log_id = lane_line.log_id AND hop.next_id = lane_line.lane_id
  -- As far as sensors reach, and in a bounded number of steps where lanes are short or go round.
  WHERE ahead_m < 120.0 AND hops < 12
), whole_corridor AS (
  SELECT log_id, lane_id, line FROM (
    SELECT corridor.*, hop.next_id FROM corridor
    LEFT JOIN hop ON corridor.log_id = hop.log_id AND corridor.last_id = hop.lane_id
  )
  WHERE ahead_m >= 120.0 OR hops >= 12 OR next_id IS NULL
  GROUP BY log_id, lane_id, line
), ego AS (
  SELECT
    ego_raw.log_id, ego_raw.stamp_ns, elapsed_s, track_id AS ego, front_m, length_m, width_m, x_m, y_m,
    yaw_rad, lane_id, along_m, offset_m,
    avg(speed_mps) OVER near AS speed_mps,
    avg(finite(turned_rad / turned_s)) OVER near AS yaw_rate_radps
  FROM ego_raw
  LEFT JOIN ego_lane ON ego_raw.log_id = ego_lane.log_id AND ego_raw.stamp_ns = ego_lane.stamp_ns
  WINDOW near AS (
    PARTITION BY ego_raw.log_id ORDER BY ego_raw.stamp_ns
    RANGE BETWEEN 250000000 PRECEDING AND 250000000 FOLLOWING
  )
), along_lane AS (
  SELECT
    log_id, stamp_ns, track_id,
    first_value(along_m ORDER BY abs(offset_m), along_m) AS along_m,
    first_value(offset_m ORDER BY abs(offset_m), along_m) AS offset_m,
    first_value(turned_rad ORDER BY abs(offset_m), along_m) AS turned_rad
  FROM (
    SELECT
      log_id, stamp_ns, track_id,
      place['along_m'] - ego_along_m AS along_m,
      place['offset_m'] - ego_offset_m AS offset_m,
      wrap_rad(place['yaw_rad'] - ego_yaw_rad) AS turned_rad
    FROM (
      SELECT
        actor.log_id, actor.stamp_ns, actor.track_id,
        ego.along_m AS ego_along_m, ego.offset_m AS ego_offset_m, ego.yaw_rad AS ego_yaw_rad,
        polyline_place(line, actor.x_m, actor.y_m) AS place
      FROM object_track AS actor
      JOIN ego ON actor.log_id = ego.log_id AND actor.stamp_ns = ego.stamp_ns
      JOIN whole_corridor ON ego.log_id = whole_corridor.log_id AND ego.lane_id = whole_corridor.lane_id
      WHERE actor.category <> 'EGO_VEHICLE' AND actor.ego_x_m > -30.0 AND actor.ego_x_m < 150.0
    )
  )
  GROUP BY log_id, stamp_ns, track_id
), actor AS (
  SELECT
    log_id, stamp_ns, track_id, category, length_m, width_m, x_m, y_m, yaw_rad,
    ego_x_m, ego_y_m, ego_yaw_rad,
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
    along_lane.along_m AS lane_along_m, along_lane.offset_m AS lane_offset_m, along_lane.turned_rad AS lane_turned_rad,
    CASE WHEN ego.speed_mps > 1.0 THEN coalesce(ego.yaw_rate_radps, 0.0) / ego.speed_mps ELSE 0.0 END AS path_curvature
  FROM actor
  JOIN ego ON actor.log_id = ego.log_id AND actor.stamp_ns = ego.stamp_ns
  LEFT JOIN along_lane ON actor.log_id = along_lane.log_id AND actor.stamp_ns = along_lane.stamp_ns
    AND actor.track_id = along_lane.track_id
), placed AS (
  SELECT
    *,
    lane_along_m IS NOT NULL AS on_lane,
    -- From the ego's reference point: along the lane it was counted from the middle of the ego's box.
    coalesce(lane_along_m + ego_front_m - ego_length_m / 2, ego_x_m) AS path_along_m,
    coalesce(lane_offset_m, path_offset_m(ego_x_m, ego_y_m, path_curvature)) AS path_offset_m,
    -- Far to the side of an arc there is no heading of it: nobody is more than a quarter turn along.
    coalesce(lane_turned_rad, asin(greatest(least(path_curvature * ego_x_m, 1.0), -1.0))) AS path_turned_rad
  FROM beside
), turned AS (
  SELECT
    *,
    wrap_rad(ego_yaw_rad - path_turned_rad) AS path_yaw_rad,
    relative_vy_mps * cos(path_turned_rad) - (ego_speed_mps + relative_vx_mps) * sin(path_turned_rad) AS path_vy_mps
  FROM placed
)
SELECT
  log_id, stamp_ns, elapsed_s, ego, track_id, category, length_m, width_m, x_m, y_m, yaw_rad,
  ego_x_m, ego_y_m, ego_yaw_rad, speed_mps, relative_vx_mps, relative_vy_mps,
  ego_speed_mps, ego_yaw_rate_radps, ego_front_m, ego_length_m, ego_width_m, on_lane, path_offset_m, path_yaw_rad, path_vy_mps,
  abs(path_offset_m) - (length_m * abs(sin(path_yaw_rad)) + width_m * abs(cos(path_yaw_rad))) / 2 - ego_width_m / 2
    AS path_clearance_m,
  path_along_m - (length_m * abs(cos(path_yaw_rad)) + width_m * abs(sin(path_yaw_rad))) / 2 - ego_front_m AS gap_m
FROM turned

-- A vehicle is in the lane ahead at a short headway and was beside the lane within the last two seconds.
WITH came_in AS (
  SELECT log_id, track_id, stamp_ns, x
  FROM track_windows(
    (SELECT log_id, track_id, stamp_ns, x, y FROM objects
     WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')),
    widest_m => max(abs(y), -2.0, 0.0)
  )
  WHERE abs(y) < 1.5 AND widest_m > 2.0 AND x > 0
)
SELECT count(*) AS n, count(DISTINCT log_id * 1000 + track_id) AS m
FROM asof_join(came_in, ego, tolerance_s => 0)
WHERE speed > 1 AND x / speed < 2.0

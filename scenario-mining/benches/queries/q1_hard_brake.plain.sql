WITH lagged AS (
  SELECT log_id, track_id, stamp_ns, x, y, vx, lag(vx, 5) OVER w AS before_mps, lag(stamp_ns, 5) OVER w AS before_ns
  FROM objects
  WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
  WINDOW w AS (PARTITION BY log_id, track_id ORDER BY stamp_ns)
)
SELECT count(*) AS n, count(DISTINCT log_id * 1000 + track_id) AS m
FROM lagged
WHERE x BETWEEN 3 AND 60 AND abs(y) < 1.8 AND before_ns IS NOT NULL
  AND (vx - before_mps) / ((stamp_ns - before_ns) / 1e9) < -1.0

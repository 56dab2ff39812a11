WITH enters AS (
  SELECT log_id, track_id, stamp_ns
  FROM (
    SELECT log_id, track_id, stamp_ns, y, lag(y) OVER (PARTITION BY log_id, track_id ORDER BY stamp_ns) AS before_m
    FROM objects
    WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
      AND x BETWEEN 0 AND 40
  ) AS tracks
  WHERE abs(before_m) >= 1.8 AND abs(y) < 1.8
), brakes AS (
  SELECT log_id, stamp_ns
  FROM (SELECT log_id, stamp_ns, brake, lag(brake) OVER (PARTITION BY log_id ORDER BY stamp_ns) AS before FROM can) AS signal
  WHERE before <= 30 AND brake > 30
)
SELECT count(*) AS n, count(DISTINCT enters.log_id * 1000 + enters.track_id) AS m
FROM enters JOIN brakes ON enters.log_id = brakes.log_id
  AND brakes.stamp_ns >= enters.stamp_ns AND brakes.stamp_ns <= enters.stamp_ns + 3000000000

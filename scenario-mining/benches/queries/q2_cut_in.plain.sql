WITH widest AS (
  SELECT log_id, track_id, stamp_ns, x, y,
    max(abs(y)) OVER (
      PARTITION BY log_id, track_id ORDER BY stamp_ns RANGE BETWEEN 2000000000 PRECEDING AND CURRENT ROW
    ) AS widest_m
  FROM objects
  WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
)
SELECT count(*) AS n, count(DISTINCT widest.log_id * 1000 + widest.track_id) AS m
FROM widest JOIN ego ON widest.log_id = ego.log_id AND widest.stamp_ns = ego.stamp_ns
WHERE abs(widest.y) < 1.5 AND widest.widest_m > 2.0 AND widest.x > 0 AND ego.speed > 1 AND widest.x / ego.speed < 2.0

-- Episodes of at least half a second in which the ego is less than two seconds behind a vehicle.
SELECT count(*) AS n, sum(frames) AS m
FROM episodes_of(
  (SELECT o.log_id, o.track_id, o.stamp_ns
   FROM objects AS o JOIN ego ON o.log_id = ego.log_id AND o.stamp_ns = ego.stamp_ns
   WHERE o.category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
     AND abs(o.y) < 3 AND o.x > 2 AND ego.speed > 1 AND o.x / ego.speed < 2),
  max_gap_s => 0.25, min_duration_s => 0.5
)

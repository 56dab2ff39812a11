-- Episodes of at least half a second in which the ego is less than two seconds behind a vehicle.
SELECT count(*) AS n, sum(frames) AS m
FROM episodes_of(
  (SELECT log_id, track_id, stamp_ns
   FROM asof_join(
     (SELECT log_id, track_id, stamp_ns, x FROM objects
      WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
        AND abs(y) < 3 AND x > 2),
     (SELECT log_id, stamp_ns, speed FROM ego),
     tolerance_s => 0
   )
   WHERE speed > 1 AND x / speed < 2),
  max_gap_s => 0.25, min_duration_s => 0.5
)

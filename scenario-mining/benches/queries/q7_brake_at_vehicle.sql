-- The ego's brake is down, by the last value on the bus, while a vehicle is ahead.
SELECT count(*) AS n, count(DISTINCT log_id) AS m
FROM asof_join(
  (SELECT log_id, track_id, stamp_ns FROM objects
   WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
     AND x BETWEEN 0 AND 40 AND abs(y) < 3),
  (SELECT log_id, stamp_ns, brake FROM can)
)
WHERE brake > 40

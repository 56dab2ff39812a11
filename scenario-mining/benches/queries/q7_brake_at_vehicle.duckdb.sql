SELECT count(*) AS n, count(DISTINCT o.log_id) AS m
FROM (
  SELECT * FROM objects
  WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
    AND x BETWEEN 0 AND 40 AND abs(y) < 3
) AS o ASOF JOIN can ON o.log_id = can.log_id AND o.stamp_ns >= can.stamp_ns
WHERE can.brake > 40

SELECT count(*) AS n, count(DISTINCT a.log_id) AS m
FROM objects AS a JOIN objects AS b ON a.log_id = b.log_id AND a.stamp_ns = b.stamp_ns
WHERE a.category IN ('PEDESTRIAN', 'BICYCLIST', 'BICYCLE', 'STROLLER', 'WHEELED_RIDER', 'MOTORCYCLIST')
  AND b.category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
  AND (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y) < 4.0

-- Somebody on foot or on two wheels is within two metres of a vehicle.
SELECT count(*) AS n, count(DISTINCT log_id) AS m
FROM pairs_within(
  (SELECT log_id, track_id, stamp_ns, category, x, y FROM objects
   WHERE category IN ('PEDESTRIAN', 'BICYCLIST', 'BICYCLE', 'STROLLER', 'WHEELED_RIDER', 'MOTORCYCLIST',
     'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')),
  2.0, x => x, y => y,
  first => category IN ('PEDESTRIAN', 'BICYCLIST', 'BICYCLE', 'STROLLER', 'WHEELED_RIDER', 'MOTORCYCLIST'),
  other => category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
)
WHERE distance_m < 2.0

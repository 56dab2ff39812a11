-- scenario: dense_traffic
-- version: 1
-- description: Many vehicles that take part in traffic are around the ego.
-- roles: ego
-- episodes: min_duration = 1.95 s, max_gap = 0.55 s
-- param: radius_m = 40.0 m — distance from the ego in which vehicles count
-- param: vehicles_min = 8.0 1 — vehicles within; 8 on 80 m of two lanes are 50 per km and lane, beyond which flow is congested (Highway Capacity Manual: level of service F from 28 per km)
-- param: moved_min_m = 3.0 m — extent of a vehicle's positions in the drive, so that parked ones do not count
-- score: vehicles, 1
-- severity: low
-- tags: density
WITH moving AS (
  SELECT log_id, track_id FROM scene
  WHERE category IN (
    'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER',
    'SCHOOL_BUS', 'ARTICULATED_BUS', 'MOTORCYCLE', 'MOTORCYCLIST'
  )
  GROUP BY log_id, track_id
  HAVING greatest(max(x_m) - min(x_m), max(y_m) - min(y_m)) >= $moved_min_m
)
SELECT log_id, stamp_ns, ego, CAST(count(*) AS DOUBLE) AS score
FROM scene JOIN moving USING (log_id, track_id)
WHERE sqrt(ego_x_m * ego_x_m + ego_y_m * ego_y_m) <= $radius_m
GROUP BY log_id, stamp_ns, ego
HAVING count(*) >= $vehicles_min

-- A vehicle comes into the lane ahead, and the ego begins to brake within three seconds.
WITH enters AS (
  SELECT log_id, track_id, stamp_ns
  FROM track_windows(
    (SELECT log_id, track_id, stamp_ns, y FROM objects
     WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
       AND x BETWEEN 0 AND 40),
    before_m => lag(y, 1)
  )
  WHERE abs(before_m) >= 1.8 AND abs(y) < 1.8
), brakes AS (
  SELECT log_id, stamp_ns
  FROM track_windows((SELECT log_id, stamp_ns, brake FROM can), before => lag(brake, 1))
  WHERE before <= 30 AND brake > 30
)
SELECT count(*) AS n, count(DISTINCT log_id * 1000 + track_id) AS m
FROM followed_by(enters, brakes, 3.0)

-- A vehicle ahead in the lane brakes: its speed falls by more than 1 m/s² over five rows of its track.
SELECT count(*) AS n, count(DISTINCT log_id * 1000 + track_id) AS m
FROM track_windows(
  (SELECT log_id, track_id, stamp_ns, x, y, vx FROM objects
   WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')),
  before_mps => lag(vx, 5),
  before_ns => lag(stamp_ns, 5)
)
WHERE x BETWEEN 3 AND 60 AND abs(y) < 1.8 AND (vx - before_mps) / ((stamp_ns - before_ns) / 1e9) < -1.0

-- Less than two seconds to the collision with what is ahead in the lane.
SELECT count(*) AS n, count(DISTINCT log_id * 1000 + track_id) AS m
FROM asof_join(
  (SELECT log_id, track_id, stamp_ns, x, vx, length FROM objects WHERE abs(y) < 1.5 AND x > 3),
  (SELECT log_id, stamp_ns, speed FROM ego),
  tolerance_s => 0
)
WHERE speed - vx > 0.5 AND (x - length / 2 - 3.0) / (speed - vx) BETWEEN 0 AND 2

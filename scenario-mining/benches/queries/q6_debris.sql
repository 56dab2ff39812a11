-- Something small stands still in the lane ahead.
SELECT count(*) AS n, sum(frames) AS m
FROM (
  SELECT log_id, track_id, count(*) AS frames
  FROM asof_join(
    (SELECT log_id, track_id, stamp_ns, vx, vy, length FROM objects WHERE abs(y) < 2.5 AND x BETWEEN 0 AND 80),
    (SELECT log_id, stamp_ns, speed FROM ego),
    tolerance_s => 0
  )
  WHERE speed > 2
  GROUP BY log_id, track_id
  HAVING count(*) >= 10 AND max(abs(vx)) + max(abs(vy)) < 2.0 AND max(length) < 3.0
) AS debris

SELECT count(*) AS n, sum(frames) AS m
FROM (
  SELECT o.log_id, o.track_id, count(*) AS frames
  FROM objects AS o JOIN ego ON o.log_id = ego.log_id AND o.stamp_ns = ego.stamp_ns
  WHERE abs(o.y) < 2.5 AND o.x BETWEEN 0 AND 80 AND ego.speed > 2
  GROUP BY o.log_id, o.track_id
  HAVING count(*) >= 10 AND max(abs(o.vx)) + max(abs(o.vy)) < 2.0 AND max(o.length) < 3.0
) AS debris

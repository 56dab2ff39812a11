SELECT count(*) AS n, sum(frames) AS m
FROM (
  SELECT o.log_id, o.track_id, count(*) AS frames
  FROM objects AS o JOIN ego ON o.log_id = ego.log_id AND o.stamp_ns = ego.stamp_ns
  WHERE o.category = 'PEDESTRIAN' AND o.x BETWEEN 0 AND 30 AND ego.speed > 0.5
  GROUP BY o.log_id, o.track_id
  HAVING min(o.y) < -1 AND max(o.y) > 1 AND max(o.stamp_ns) - min(o.stamp_ns) > 500000000
) AS crossing

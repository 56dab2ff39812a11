SELECT count(*) AS n, count(DISTINCT o.log_id * 1000 + o.track_id) AS m
FROM objects AS o JOIN ego ON o.log_id = ego.log_id AND o.stamp_ns = ego.stamp_ns
WHERE abs(o.y) < 1.5 AND o.x > 3 AND ego.speed - o.vx > 0.5
  AND (o.x - o.length / 2 - 3.0) / (ego.speed - o.vx) BETWEEN 0 AND 2

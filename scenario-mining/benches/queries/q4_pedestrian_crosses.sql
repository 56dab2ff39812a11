-- A pedestrian ahead gets from one side of the lane to the other.
SELECT count(*) AS n, sum(frames) AS m
FROM (
  SELECT log_id, track_id, count(*) AS frames
  FROM asof_join(
    (SELECT log_id, track_id, stamp_ns, y FROM objects WHERE category = 'PEDESTRIAN' AND x BETWEEN 0 AND 30),
    (SELECT log_id, stamp_ns, speed FROM ego),
    tolerance_s => 0
  )
  WHERE speed > 0.5
  GROUP BY log_id, track_id
  HAVING min(y) < -1 AND max(y) > 1 AND max(stamp_ns) - min(stamp_ns) > 500000000
) AS crossing

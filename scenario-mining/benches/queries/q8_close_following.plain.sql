WITH frames AS (
  SELECT o.log_id, o.track_id, o.stamp_ns
  FROM objects AS o JOIN ego ON o.log_id = ego.log_id AND o.stamp_ns = ego.stamp_ns
  WHERE o.category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
    AND abs(o.y) < 3 AND o.x > 2 AND ego.speed > 1 AND o.x / ego.speed < 2
), broken AS (
  SELECT *,
    CASE WHEN stamp_ns - lag(stamp_ns) OVER (PARTITION BY log_id, track_id ORDER BY stamp_ns) > 250000000
      THEN 1 ELSE 0 END AS begins
  FROM frames
), numbered AS (
  SELECT *, sum(begins) OVER (PARTITION BY log_id, track_id ORDER BY stamp_ns ROWS UNBOUNDED PRECEDING) AS number
  FROM broken
), episodes AS (
  SELECT log_id, track_id, number, min(stamp_ns) AS start_ns, max(stamp_ns) AS end_ns, count(*) AS frames
  FROM numbered GROUP BY log_id, track_id, number
)
SELECT count(*) AS n, sum(frames) AS m FROM episodes WHERE end_ns - start_ns >= 500000000

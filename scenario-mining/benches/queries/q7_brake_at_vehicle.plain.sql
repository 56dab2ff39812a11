-- Without an ASOF join: rows and signal in one table, and the last value carried on.
WITH seen AS (
  SELECT log_id, stamp_ns, 1 AS is_row, CAST(NULL AS FLOAT) AS brake FROM objects
  WHERE category IN ('REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER', 'MOTORCYCLE')
    AND x BETWEEN 0 AND 40 AND abs(y) < 3
  UNION ALL
  SELECT log_id, stamp_ns, 0 AS is_row, brake FROM can
), carried AS (
  SELECT log_id, is_row,
    last_value(brake) IGNORE NULLS OVER (
      PARTITION BY log_id ORDER BY stamp_ns, is_row ROWS UNBOUNDED PRECEDING
    ) AS brake
  FROM seen
)
SELECT count(*) AS n, count(DISTINCT log_id) AS m FROM carried WHERE is_row = 1 AND brake > 40

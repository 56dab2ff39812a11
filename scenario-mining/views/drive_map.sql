-- The map of each drive: its lanes and its areas as one value each, in which the map functions look places up. Join it by
-- `log_id`; null where the drive has none.
SELECT drive.log_id, lanes, areas
FROM drive
LEFT JOIN (
  SELECT
    log_id,
    lane_map(array_agg(named_struct(
      'lane_id', lane_id,
      'is_intersection', is_intersection,
      'centre', centre,
      'left_boundary', left_boundary,
      'right_boundary', right_boundary,
      'left_neighbour', left_neighbour,
      'right_neighbour', right_neighbour,
      'successors', successors
    ))) AS lanes
  FROM lane
  GROUP BY log_id
) AS lane_of ON drive.log_id = lane_of.log_id
LEFT JOIN (
  SELECT log_id, area_map(array_agg(named_struct('kind', kind, 'area_id', area_id, 'polygon', polygon))) AS areas
  FROM map_area
  GROUP BY log_id
) AS area_of ON drive.log_id = area_of.log_id

-- scenario: short_headway
-- version: 1
-- description: The ego follows a moving vehicle in its path at less than a second.
-- roles: ego, lead
-- episodes: min_duration = 0.95 s, max_gap = 0.55 s
-- param: headway_max_s = 0.9 s — time headway; the German catalogue of fines begins at 5/10 of half the speedometer's metres, 0.9 s
-- param: speed_min_mps = 5.0 m/s — speed of the ego and of the lead: in a jam everybody is near
-- score: inverse time headway, 1/s
-- severity: medium
-- tags: lead, longitudinal
SELECT log_id, stamp_ns, ego, track_id AS lead, 1.0 / time_headway_s(greatest(gap_m, 0.1), ego_speed_mps) AS score
FROM scene
WHERE category IN (
    'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER',
    'SCHOOL_BUS', 'ARTICULATED_BUS', 'MOTORCYCLE', 'MOTORCYCLIST'
  )
  AND path_clearance_m < 0.0
  AND abs(path_yaw_rad) < 0.6
  AND gap_m > 0.0
  AND ego_speed_mps >= $speed_min_mps
  AND speed_mps >= $speed_min_mps
  AND time_headway_s(gap_m, ego_speed_mps) <= $headway_max_s

-- scenario: stopped_vehicle_at_speed
-- version: 1
-- description: The ego comes at speed upon a vehicle that stands in its path.
-- roles: ego, vehicle
-- episodes: min_duration = 0.45 s, max_gap = 0.55 s
-- param: ego_speed_min_mps = 10.0 m/s — speed of the ego: 36 km/h, faster than the end of a queue is driven up to
-- param: decel_min_mps2 = 1.5 m/s² — deceleration that stops the ego just before the vehicle: the lower end of comfortable braking (Treiber and Kesting, Traffic Flow Dynamics, 2013)
-- param: speed_max_mps = 0.5 m/s — largest speed of a vehicle that stands: the noise of a tracker
-- score: deceleration that stops the ego before the vehicle, m/s²
-- severity: high
-- tags: obstacle, longitudinal
SELECT log_id, stamp_ns, ego, track_id AS vehicle, drac_mps2(greatest(gap_m, 0.1), ego_speed_mps) AS score
FROM scene
WHERE category IN (
    'REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'TRUCK_CAB', 'VEHICULAR_TRAILER',
    'SCHOOL_BUS', 'ARTICULATED_BUS', 'MOTORCYCLE', 'MOTORCYCLIST'
  )
  AND path_clearance_m < 0.0
  AND abs(path_yaw_rad) < 0.6
  AND gap_m > 0.0
  AND abs(speed_mps) <= $speed_max_mps
  AND ego_speed_mps >= $ego_speed_min_mps
  AND drac_mps2(greatest(gap_m, 0.1), ego_speed_mps) >= $decel_min_mps2

"""A segment of comma2k19 as NumPy reads it, as JSON: comma2k19.py FOLDER.

Positions become east, north, up by the rotation matrix of the tangent plane (WGS 84), orientations by products of matrices.
"""
import json
import sys

import numpy

folder = sys.argv[1]


def array(name):
    return numpy.load(f"{folder}/{name}", allow_pickle=False)


def rotation(quaternion):
    w, x, y, z = quaternion
    return numpy.array([
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ])


def latitude_of(x, y, z):
    """By iteration from the spherical latitude."""
    a, f = 6378137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    p = numpy.hypot(x, y)
    latitude = numpy.arctan2(z, p)
    for _ in range(50):
        n = a / numpy.sqrt(1 - e2 * numpy.sin(latitude) ** 2)
        latitude = numpy.arctan2(z + e2 * n * numpy.sin(latitude), p)
    return latitude


times, gps = array("global_pose/frame_times"), array("global_pose/frame_gps_times")
boot = numpy.median(315964800 + gps[:, 0] * 604800 + gps[:, 1] - 18 - times)
positions, velocities = array("global_pose/frame_positions"), array("global_pose/frame_velocities")
orientations = [rotation(q / numpy.linalg.norm(q)) for q in array("global_pose/frame_orientations")]
latitude = latitude_of(*positions[0])
longitude = numpy.arctan2(positions[0][1], positions[0][0])
sin_lat, cos_lat = numpy.sin(latitude), numpy.cos(latitude)
sin_lon, cos_lon = numpy.sin(longitude), numpy.cos(longitude)
enu_from_ecef = numpy.array([
    [-sin_lon, cos_lon, 0],
    [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
    [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
])
device_from_ego = numpy.diag([1, -1, -1])
poses = [
    {
        "stamp_s": time + boot,
        "place": (enu_from_ecef @ (position - positions[0])).tolist(),
        "rotation": (enu_from_ecef @ ecef_from_device @ device_from_ego).tolist(),
        "ahead_mps": float((ecef_from_device.T @ velocity)[0]),
    }
    for time, position, ecef_from_device, velocity in zip(times, positions, orientations, velocities)
]
can = "processed_log/CAN/raw_can"
sources, addresses = array(f"{can}/src"), array(f"{can}/address")
data = array(f"{can}/data")
payloads = numpy.frombuffer(data.tobytes(), numpy.uint8).reshape(-1, 8)
buses = {}
for bus in numpy.unique(sources):
    mine = sources == bus
    buses[f"/can{bus}"] = {
        "addresses": addresses[mine].tolist(),
        "payloads": [bytes(payload).hex() for payload in payloads[mine]],
    }
signals = {}
for name, path, columns in [
    ("/car/speed", "CAN/speed", ["speed"]),
    ("/car/steering", "CAN/steering_angle", ["angle"]),
    ("/car/wheels", "CAN/wheel_speed", ["front_left", "front_right", "rear_left", "rear_right"]),
    ("/device/accelerometer", "IMU/accelerometer", ["forward", "right", "down"]),
    ("/device/gyro", "IMU/gyro", ["forward", "right", "down"]),
    ("/device/magnetometer", "IMU/magnetometer", ["forward", "right", "down"]),
]:
    values = array(f"processed_log/{path}/value")
    values = values.reshape(len(values), -1)
    times = array(f"processed_log/{path}/t")
    first = numpy.concatenate([[True], numpy.diff(times) > 0])
    for at, column in enumerate(columns):
        signals[f"{name}.{column}"] = values[first, at].tolist()
json.dump({"poses": poses, "buses": buses, "signals": signals}, sys.stdout)

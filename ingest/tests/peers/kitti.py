"""Poses and calibration of a raw drive of KITTI by the `pykitti` package, as JSON: kitti.py FOLDER DATE DRIVE."""
import json
import sys
import types

import numpy

# The part of the package for tracking asks for OpenCV, and is not used here.
sys.modules.setdefault("cv2", types.ModuleType("cv2"))
import pykitti

drive = pykitti.raw(*sys.argv[1:])
calib = drive.calib
places = {f"image_0{k}": numpy.linalg.inv(getattr(calib, f"T_cam{k}_imu")) for k in range(4)}
places["velodyne_points"] = numpy.linalg.inv(calib.T_velo_imu)
json.dump(
    {
        "poses": [packet.T_w_imu.tolist() for packet in drive.oxts],
        "ego_from": {sensor: place.tolist() for sensor, place in places.items()},
    },
    sys.stdout,
)

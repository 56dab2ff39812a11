"""Writes a log with the SDK of Foxglove, in protobuf and in JSON with and without a schema: foxglove_sdk_log.py FOLDER."""
import sys
from pathlib import Path

import foxglove
from foxglove.channels import FrameTransformsChannel, PointCloudChannel, PoseInFrameChannel
from foxglove.messages import (
    FrameTransform,
    FrameTransforms,
    PackedElementField,
    PackedElementFieldNumericType,
    PointCloud,
    Pose,
    PoseInFrame,
    Quaternion,
    Timestamp,
    Vector3,
)

START_NS = 1_750_000_000_000_000_000
STAMP = {"type": "object", "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}}}
SPEED = {"type": "object", "properties": {"timestamp": STAMP, "v": {"type": "number"}}}


def write(path):
    ahead = Quaternion(x=0.0, y=0.0, z=0.0, w=1.0)
    with foxglove.open_mcap(str(path)):
        pose, still, lidar = PoseInFrameChannel("/pose"), FrameTransformsChannel("/tf_static"), PointCloudChannel("/lidar")
        speed, bare = foxglove.Channel("/speed", schema=SPEED), foxglove.Channel("/bare")
        for k in range(20):
            stamp_ns = START_NS + k * 10**8
            sec, nsec = divmod(stamp_ns, 10**9)
            stamp = Timestamp(sec=sec, nsec=nsec)
            if k == 0:
                place = FrameTransform(
                    timestamp=stamp, parent_frame_id="base_link", child_frame_id="lidar", translation=Vector3(x=0.5, y=0.0, z=1.5),
                    rotation=ahead,
                )
                still.log(FrameTransforms(transforms=[place]), log_time=stamp_ns)
            at = Pose(position=Vector3(x=float(k), y=0.0, z=0.0), orientation=ahead)
            pose.log(PoseInFrame(timestamp=stamp, frame_id="map", pose=at), log_time=stamp_ns)
            x = PackedElementField(name="x", offset=0, type=PackedElementFieldNumericType.Float32)
            # Bytes that differ from sweep to sweep, as those of a sensor do.
            points = PointCloud(timestamp=stamp, frame_id="lidar", pose=at, point_stride=12, fields=[x], data=bytes([k]) * 36)
            lidar.log(points, log_time=stamp_ns)
            speed.log({"timestamp": {"sec": sec, "nsec": nsec}, "v": k / 3}, log_time=stamp_ns)
            bare.log({"n": k, "deep": {"x": k / 7}}, log_time=stamp_ns)


write(Path(sys.argv[1]) / "sdk.mcap")

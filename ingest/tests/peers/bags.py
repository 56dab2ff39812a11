"""Writes one drive as bags of ROS 1 and as recordings of rosbag2, with the `rosbags` package: bags.py FOLDER.

A hundred poses at 10 Hz, northwards at 10 m/s from (1000, 2000); a string beside them that nobody maps.
"""
import sys
from pathlib import Path

import numpy
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer as Writer2
from rosbags.typesys import Stores, get_typestore

START_NS = 1_750_000_000_000_000_000


def messages(store, is_ros1):
    types = store.types
    seq = {"seq": 0} if is_ros1 else {}
    time = types["builtin_interfaces/msg/Time"]
    for k in range(100):
        stamp = START_NS + k * 100_000_000
        header = types["std_msgs/msg/Header"](
            stamp=time(sec=stamp // 10**9, nanosec=stamp % 10**9), frame_id="map", **seq
        )
        zeros = types["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=0.0)
        covariance = numpy.zeros(36)
        pose = types["geometry_msgs/msg/Pose"](
            position=types["geometry_msgs/msg/Point"](x=1000.0, y=2000.0 + k, z=0.5),
            orientation=types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.5**0.5, w=0.5**0.5),
        )
        twist = types["geometry_msgs/msg/Twist"](
            linear=types["geometry_msgs/msg/Vector3"](x=10.0, y=0.0, z=0.0), angular=zeros
        )
        odometry = types["nav_msgs/msg/Odometry"](
            header=header,
            child_frame_id="base_link",
            pose=types["geometry_msgs/msg/PoseWithCovariance"](pose=pose, covariance=covariance),
            twist=types["geometry_msgs/msg/TwistWithCovariance"](twist=twist, covariance=covariance),
        )
        yield stamp, "/odom", "nav_msgs/msg/Odometry", odometry
        yield stamp, "/note", "std_msgs/msg/String", types["std_msgs/msg/String"](data=f"note {k}")


def write(writer, store, is_ros1):
    serialize = store.serialize_ros1 if is_ros1 else store.serialize_cdr
    with writer:
        connections = {}
        for stamp, topic, kind, message in messages(store, is_ros1):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], stamp, serialize(message, kind))


def main(folder):
    ros1, ros2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
    for compression in (None, "bz2", "lz4"):
        writer = Writer1(folder / f"{compression or 'none'}.bag")
        if compression:
            writer.set_compression(Writer1.CompressionFormat[compression.upper()])
        write(writer, ros1, True)
    for storage in (StoragePlugin.SQLITE3, StoragePlugin.MCAP):
        for packed in ("none", "file", "message"):
            writer = Writer2(folder / f"{storage.name.lower()}-{packed}", version=9, storage_plugin=storage)
            if packed != "none":
                writer.set_compression(CompressionMode[packed.upper()], CompressionFormat.ZSTD)
            write(writer, ros2, False)


main(Path(sys.argv[1]))

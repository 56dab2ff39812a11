"""Writes the inputs that fuzzing starts from: one small log for each target. `python3 ingest/fuzz/seeds.py FOLDER`."""

import io
import json
import pathlib
import sqlite3
import struct
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
from asammdf import MDF, Signal
from foxglove_schemas_protobuf.PoseInFrame_pb2 import PoseInFrame
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from mcap.writer import CompressionType, Writer
from rosbags.rosbag1 import Writer as BagWriter
from rosbags.typesys import Stores, get_typestore

OUT = pathlib.Path(sys.argv[1])
BEGIN_NS = 1_700_000_000_000_000_000

ODOMETRY = """std_msgs/Header header
string child_frame_id
geometry_msgs/PoseWithCovariance pose
================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
================
MSG: geometry_msgs/PoseWithCovariance
geometry_msgs/Pose pose
float64[36] covariance
================
MSG: geometry_msgs/Pose
geometry_msgs/Point position
geometry_msgs/Quaternion orientation
================
MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
"""

ODOMETRY_1 = ODOMETRY.replace("builtin_interfaces/Time stamp\n", "uint32 seq\ntime stamp\n").replace(
    "================\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n", ""
)

IDL = """module a { module msg {
  struct Point { double x; double y; };
  struct Inner { sequence<Point, 3> points; string name; long kind; };
  struct B { int64 stamp_ns; Inner inner; double values[2]; boolean yes; };
}; };
"""

DBC = """VERSION ""
NS_ :
BS_:
BU_: A
BO_ 256 Speed: 8 A
 SG_ Speed : 0|16@1+ (0.01,0) [0|655] "km/h" A
 SG_ Kind m0 : 16|8@1- (1,0) [0|0] "" A
 SG_ Which M : 24|4@1+ (1,0) [0|0] "" A
VAL_ 256 Which 0 "none" 1 "one" ;
"""

CAN_FRAME = "uint32 id\nbool is_rtr\nbool is_extended\nbool is_error\nuint8 dlc\nuint8[8] data\n"


def write(target, name, content):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def parted(definition, messages):
    """Definition and messages, each with its length before it."""
    return b"".join(struct.pack("<H", len(part)) + part for part in [definition, *messages])


class Cdr:
    """Little-endian plain CDR."""

    def __init__(self):
        self.out = bytearray()

    def put(self, code, *values):
        size = struct.calcsize("<" + code)
        for value in values:
            self.out += bytes(-len(self.out) % size)
            self.out += struct.pack("<" + code, value)
        return self

    def text(self, text):
        data = text.encode() + b"\0"
        self.put("I", len(data))
        self.out += data
        return self

    def message(self):
        return b"\0\1\0\0" + bytes(self.out)


def odometry(k):
    cdr = Cdr().put("i", 1_700_000_000 + k).put("I", 0).text("map").text("base_link")
    return cdr.put("d", float(k), 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, *[0.0] * 36).message()


def mcap(compression, chunk_size):
    out = io.BytesIO()
    writer = Writer(out, compression=compression, chunk_size=chunk_size)
    writer.start(profile="ros2", library="seeds")
    schema = writer.register_schema("nav_msgs/msg/Odometry", "ros2msg", ODOMETRY.encode())
    topic = writer.register_channel("/odom", "cdr", schema)
    named = writer.register_schema("a.B", "jsonschema", b'{"type":"object","properties":{"v":{"type":"number"}}}')
    other = writer.register_channel("/json", "json", named)
    writer.add_metadata("driveloop", {"log_id": "seed", "vehicle_id": "v"})
    for k in range(6):
        writer.add_message(topic, BEGIN_NS + k * 10**8, odometry(k), BEGIN_NS + k * 10**8)
        writer.add_message(other, BEGIN_NS + k * 10**8, b'{"v":1.5}', BEGIN_NS + k * 10**8)
    writer.add_attachment(1, 1, "note.txt", "text/plain", b"note")
    writer.finish()
    return out.getvalue()


def bag(compression):
    path = OUT / "a.bag"
    path.unlink(missing_ok=True)
    store = get_typestore(Stores.ROS1_NOETIC)
    types = store.types
    header = types["std_msgs/msg/Header"]
    time = types["builtin_interfaces/msg/Time"]
    writer = BagWriter(path)
    if compression:
        writer.set_compression(compression)
    with writer:
        topic = writer.add_connection("/odom", "nav_msgs/msg/Odometry", typestore=store)
        zeros = np.zeros(36)
        point = types["geometry_msgs/msg/Point"]
        vector = types["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=0.0)
        for k in range(4):
            pose = types["geometry_msgs/msg/Pose"](
                position=point(x=float(k), y=0.0, z=0.0),
                orientation=types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0),
            )
            message = types["nav_msgs/msg/Odometry"](
                header=header(seq=k, stamp=time(sec=1_700_000_000 + k, nanosec=0), frame_id="map"),
                child_frame_id="base_link",
                pose=types["geometry_msgs/msg/PoseWithCovariance"](pose=pose, covariance=zeros),
                twist=types["geometry_msgs/msg/TwistWithCovariance"](
                    twist=types["geometry_msgs/msg/Twist"](linear=vector, angular=vector), covariance=zeros
                ),
            )
            data = store.serialize_ros1(message, "nav_msgs/msg/Odometry")
            writer.write(topic, BEGIN_NS + k * 10**9, data)
    content = path.read_bytes()
    path.unlink()
    return content


def rosbag2():
    path = OUT / "a.db3"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.execute("PRAGMA page_size = 512")
    database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, offered_qos_profiles TEXT)")
    database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)")
    database.execute("CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT, encoding TEXT, encoded_message_definition TEXT, type_description_hash TEXT)")
    database.execute("INSERT INTO topics VALUES (1, '/odom', 'nav_msgs/msg/Odometry', 'cdr', '')")
    database.execute("INSERT INTO message_definitions VALUES (1, 'nav_msgs/msg/Odometry', 'ros2msg', ?, '')", [ODOMETRY])
    for k in range(3):
        database.execute("INSERT INTO messages VALUES (?, 1, ?, ?)", [k + 1, BEGIN_NS + k * 10**9, odometry(k)])
    database.commit()
    database.close()
    content = path.read_bytes()
    path.unlink()
    return content


def mdf4(compression):
    stamps = np.arange(4) / 10
    path = OUT / "a.mf4"
    frame = np.dtype(
        [
            ("CAN_DataFrame.BusChannel", "<u1"),
            ("CAN_DataFrame.ID", "<u4"),
            ("CAN_DataFrame.IDE", "<u1"),
            ("CAN_DataFrame.DLC", "<u1"),
            ("CAN_DataFrame.DataLength", "<u1"),
            ("CAN_DataFrame.DataBytes", "(8,)u1"),
        ]
    )
    frames = np.zeros(4, dtype=frame)
    frames["CAN_DataFrame.BusChannel"] = 1
    frames["CAN_DataFrame.ID"] = 256
    frames["CAN_DataFrame.DLC"] = 8
    frames["CAN_DataFrame.DataLength"] = 8
    file = MDF(version="4.10")
    source = __import__("asammdf").blocks.source_utils.Source("CAN", "CAN", "", 2, 2)
    file.append([Signal(frames, stamps, name="CAN_DataFrame", source=source)], comment="seed")
    file.header.start_time = __import__("datetime").datetime(2024, 1, 1, tzinfo=__import__("datetime").timezone.utc)
    file.save(path, overwrite=True, compression=compression)
    file.close()
    content = path.read_bytes()
    path.unlink()
    return content


def poses():
    rows = 3
    ones = [1.0] * rows
    table = pa.table(
        {
            "timestamp_ns": pa.array([BEGIN_NS + k * 10**8 for k in range(rows)], pa.int64()),
            **{name: pa.array(ones) for name in ["qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"]},
        }
    )
    out = io.BytesIO()
    feather.write_feather(table, out, compression="lz4")
    return out.getvalue()


def protobuf():
    seen = FileDescriptorSet()
    names = set()

    def add(descriptor):
        if descriptor.name in names:
            return
        names.add(descriptor.name)
        for needed in descriptor.dependencies:
            add(needed)
        descriptor.CopyToProto(seen.file.add())

    add(PoseInFrame.DESCRIPTOR.file)
    message = PoseInFrame(frame_id="map")
    message.timestamp.seconds = 1_700_000_000
    message.pose.position.x = 1.0
    message.pose.orientation.w = 1.0
    return seen.SerializeToString(), message.SerializeToString()


def nuscenes():
    stamp_us = 1_700_000_000_000_000
    tables = [
        [{"token": "s", "log_token": "l", "nbr_samples": 1, "first_sample_token": "a", "last_sample_token": "a", "name": "scene-1", "description": ""}],
        [{"token": "a", "timestamp": stamp_us, "prev": "", "next": "", "scene_token": "s"}],
        [{"token": "d", "sample_token": "a", "ego_pose_token": "e", "calibrated_sensor_token": "c", "timestamp": stamp_us, "fileformat": "pcd",
          "is_key_frame": True, "height": 0, "width": 0, "filename": "samples/L/a.bin", "prev": "", "next": ""}],
        [{"token": "e", "timestamp": stamp_us, "rotation": [1, 0, 0, 0], "translation": [1.5, 2e1, 0]}],
        [{"token": "c", "sensor_token": "l", "translation": [0, 0, 1], "rotation": [1, 0, 0, 0], "camera_intrinsic": []}],
        [{"token": "l", "channel": "LIDAR_TOP", "modality": "lidar"}],
        [{"token": "b", "sample_token": "a", "instance_token": "i", "visibility_token": "4", "attribute_tokens": [], "translation": [3, 4, 1],
          "size": [2, 4, 1.5], "rotation": [1, 0, 0, 0], "prev": "", "next": "", "num_lidar_pts": 5, "num_radar_pts": 0}],
        [{"token": "i", "category_token": "k", "nbr_annotations": 1, "first_annotation_token": "b", "last_annotation_token": "b"}],
        [{"token": "k", "name": "vehicle.car", "description": ""}],
    ]
    texts = [json.dumps(table).encode() for table in tables]
    return parted(texts[0], texts[1:])


def array_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, compression in [("none", CompressionType.NONE), ("lz4", CompressionType.LZ4), ("zstd", CompressionType.ZSTD)]:
        write("mcap", name, mcap(compression, 1024))
    for name, compression in [("none", None), ("bz2", BagWriter.CompressionFormat.BZ2), ("lz4", BagWriter.CompressionFormat.LZ4)]:
        write("bag", name, bag(compression))
    write("rosbag2", "one", rosbag2())
    metadata = """rosbag2_bagfile_information:
  version: 5
  storage_identifier: sqlite3
  relative_file_paths: [log_0.db3]
  duration: {nanoseconds: 2000000000}
  starting_time: {nanoseconds_since_epoch: 1700000000000000000}
  message_count: 3
  topics_with_message_count:
    - topic_metadata: {name: /odom, type: nav_msgs/msg/Odometry, serialization_format: cdr, offered_qos_profiles: ""}
      message_count: 3
  compression_format: ""
  compression_mode: ""
"""
    write("rosbag2-metadata", "one", parted(metadata.encode(), [rosbag2()]))
    for name, compression in [("none", 0), ("deflate", 1), ("transposed", 2)]:
        write("mdf4", name, mdf4(compression))
    write("feather", "poses", poses())
    write("nuscenes", "one", nuscenes())
    oxts = " ".join(["49.0", "8.4", "110.0", "0.1", "0.0", "1.5"] + ["0.5"] * 24)
    calibration = "R: 1 0 0 0 1 0 0 0 1\nT: 0.8 -0.3 0.8\n"
    stamps = "2011-09-26 13:02:25.964389445\n2011-09-26 13:02:26.074343046\n"
    write("kitti", "one", parted(stamps.encode(), [oxts.encode(), calibration.encode()]))
    arrays = [
        np.array([1.5, 1.55]),
        np.array([[-2712087.5, -4261670.1, 3881014.5], [-2712087.4, -4261669.9, 3881014.8]]),
        np.asfortranarray([[0.2, -0.8, -0.4, -0.3], [0.2, -0.8, -0.4, -0.3]]),
        np.array([1.5, 1.51]),
        np.array([0, 1]),
        np.array([608, 37]),
        np.array([b"\x08\xff", b"\x00\x14\xdf\x14\xbb\xca:\x91"]),
    ]
    arrays = [array_bytes(array) for array in arrays]
    write("comma2k19", "one", parted(arrays[0], arrays[1:]))
    cdr = [odometry(k) for k in range(3)]
    write("ros2msg", "odometry", parted(ODOMETRY.encode(), cdr))
    write("ros2msg", "lists", parted(b"string[<=3] names\nuint8 KIND=3\nuint8 kind\nfloat32[2] pair\nint64[] values", [
        Cdr().put("I", 1).text("a").put("B", 3).put("f", 1.0, 2.0).put("I", 2).put("q", 7, 8).message()]))
    inner = Cdr().put("q", BEGIN_NS).put("I", 1).put("d", 1.0, 2.0).text("n").put("i", 2).put("d", 1.0, 2.0).put("B", 1)
    write("ros2idl", "nested", parted(IDL.encode(), [inner.message()] * 2))
    one = struct.pack("<III", 0, 1_700_000_000, 0) + struct.pack("<I", 3) + b"map" + struct.pack("<I", 9) + b"base_link"
    write("ros1msg", "odometry", parted(ODOMETRY_1.encode(), [one + struct.pack("<43d", *[1.0] * 43)] * 2))
    descriptors, message = protobuf()
    write("protobuf", "pose", parted(descriptors, [message] * 2))
    schema = {"type": "object", "properties": {"timestamp": {"type": "object", "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}}},
              "frame_id": {"type": "string"}, "pose": {"type": "object", "properties": {"position": {"$ref": "#/$defs/v"}, "orientation": {"$ref": "#/$defs/v"}}},
              "values": {"type": "array", "items": {"type": "number"}}},
              "$defs": {"v": {"type": "object", "properties": {axis: {"type": "number"} for axis in "xyzw"}}}}
    message = {"timestamp": {"sec": 1_700_000_000, "nsec": 5}, "frame_id": "map", "pose": {"position": {"x": 1, "y": 2.5, "z": 0},
               "orientation": {"x": 0, "y": 0, "z": 0, "w": 1}}, "values": [1, 2e3]}
    write("json", "schema", parted(json.dumps(schema).encode(), [json.dumps(message).encode()] * 2))
    write("json", "without", parted(b"", [json.dumps(message).encode(), b'{"a": [{"b": null}], "c": "\\u00e4"}']))
    frame = Cdr().put("I", 256).put("B", 0, 0, 0, 8, *range(8)).message()
    write("dbc", "speed", parted(DBC.encode(), [frame] * 2))


main()

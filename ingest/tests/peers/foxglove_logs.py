"""Writes logs in the schemas of Foxglove, in protobuf and in JSON, and what independent readers make of them: foxglove_logs.py FOLDER.

The logs are written by `mcap`, `mcap-protobuf-support` and `protobuf`. `expected.json` is made by reading `protobuf.mcap` and
`custom.mcap` again with the readers of the same packages; the JSON logs have the same content, by the JSON form of Foxglove.
"""
import base64
import json
import struct
import sys
import zlib
from pathlib import Path

from foxglove_schemas_protobuf import (
    CameraCalibration_pb2,
    CompressedImage_pb2,
    CompressedVideo_pb2,
    FrameTransform_pb2,
    FrameTransforms_pb2,
    LocationFix_pb2,
    Odometry_pb2,
    PackedElementField_pb2,
    PointCloud_pb2,
    PoseInFrame_pb2,
    RawImage_pb2,
    SceneUpdate_pb2,
)
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2, timestamp_pb2
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from mcap_protobuf.decoder import DecoderFactory
from mcap_protobuf.schema import build_file_descriptor_set

START_NS = 1_750_000_000_000_000_000
STEP_NS = 100_000_000
POSES = 20


def stamped(target, stamp_ns):
    target.seconds, target.nanos = divmod(stamp_ns, 10**9)


def png():
    """An image of two by three grey pixels."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 2, 3, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes([row, row + 1]) for row in range(3)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def set_pose(pose, k):
    pose.position.x, pose.position.y, pose.position.z = 1000.0, 2000.0 + k, 0.5
    pose.orientation.z = pose.orientation.w = 0.5**0.5


def transform(message, stamp_ns, parent, child, xyz):
    stamped(message.timestamp, stamp_ns)
    message.parent_frame_id, message.child_frame_id = parent, child
    message.translation.x, message.translation.y, message.translation.z = xyz
    message.rotation.w = 1.0
    return message


def entity(update, stamp_ns, name, metadata, cubes):
    added = update.entities.add(frame_id="map", id=name)
    stamped(added.timestamp, stamp_ns)
    for key, value in metadata:
        added.metadata.add(key=key, value=value)
    for x, y, z, size in cubes:
        cube = added.cubes.add()
        cube.pose.position.x, cube.pose.position.y, cube.pose.position.z = x, y, z
        cube.pose.orientation.z = cube.pose.orientation.w = 0.5**0.5
        cube.size.x, cube.size.y, cube.size.z = size
        cube.color.a = 0.5
    return added


def messages():
    """Topic, stamp and message of a drive northwards at 10 m/s."""
    static = FrameTransforms_pb2.FrameTransforms()
    transform(static.transforms.add(), START_NS, "base_link", "cam", (1.5, 0.0, 1.25))
    transform(static.transforms.add(), START_NS, "base_link", "lidar", (0.5, 0.0, 1.75))
    yield "/tf_static", START_NS, static
    calibration = CameraCalibration_pb2.CameraCalibration(
        frame_id="cam", width=2, height=3, distortion_model="plumb_bob", D=[0.1, 0.2, 0.01, 0.02, 0.3],
        K=[400.0, 0.0, 1.0, 0.0, 500.0, 1.5, 0.0, 0.0, 1.0], R=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], P=[0.0] * 12,
    )
    stamped(calibration.timestamp, START_NS)
    yield "/cam/info", START_NS, calibration
    for k in range(POSES):
        stamp = START_NS + k * STEP_NS
        pose = PoseInFrame_pb2.PoseInFrame(frame_id="map")
        stamped(pose.timestamp, stamp)
        set_pose(pose.pose, k)
        yield "/pose", stamp, pose
        yield "/tf", stamp, transform(FrameTransform_pb2.FrameTransform(), stamp, "map", "odom", (0.0, 0.0, 0.0))
        image = CompressedImage_pb2.CompressedImage(frame_id="cam", format="png", data=png())
        stamped(image.timestamp, stamp)
        yield "/cam/image", stamp, image
        raw = RawImage_pb2.RawImage(frame_id="cam", width=4, height=2, encoding="rgb8", step=12, data=bytes(range(k, k + 24)))
        stamped(raw.timestamp, stamp)
        yield "/cam/raw", stamp, raw
        video = CompressedVideo_pb2.CompressedVideo(frame_id="cam", format="h264", data=b"\0\0\0\x01" + bytes([k] * 9))
        stamped(video.timestamp, stamp)
        yield "/cam/video", stamp, video
        kinds = PackedElementField_pb2.PackedElementField
        cloud = PointCloud_pb2.PointCloud(frame_id="lidar", point_stride=14)
        stamped(cloud.timestamp, stamp)
        cloud.pose.orientation.w = 1.0
        for at, name in enumerate("xyz"):
            cloud.fields.add(name=name, offset=4 * at, type=kinds.FLOAT32)
        cloud.fields.add(name="ring", offset=12, type=kinds.UINT16)
        cloud.data = b"".join(struct.pack("<fffH", k, at, -1.0, at) for at in range(5))
        yield "/lidar", stamp, cloud
        fix = LocationFix_pb2.LocationFix(
            frame_id="gnss", latitude=48.0 + k * 1e-5, longitude=11.0, altitude=500.0, position_covariance=[1.0] * 9,
            position_covariance_type=LocationFix_pb2.LocationFix.KNOWN,
        )
        stamped(fix.timestamp, stamp)
        yield "/gnss", stamp, fix
        update = SceneUpdate_pb2.SceneUpdate()
        entity(update, stamp, "car-1", [("source", "label"), ("category", "car")], [(1003.5, 2010.0 + k, 0.25, (4.5, 2.0, 1.5))])
        entity(update, stamp, "walker", [("Class", "pedestrian")], [(998.0, 2015.0, 0.75, (0.5, 0.75, 1.75))])
        entity(update, stamp, "two-boxes", [("category", "car")], [(0.0, 0.0, 0.0, (1.0, 1.0, 1.0))] * 2)
        entity(update, stamp, "goal", [], [(0.0, 0.0, 0.0, (1.0, 1.0, 1.0))])
        yield "/objects", stamp, update


def odometry():
    for k in range(POSES):
        stamp = START_NS + k * STEP_NS
        message = Odometry_pb2.Odometry(frame_id="map", body_frame_id="base_link")
        stamped(message.timestamp, stamp)
        set_pose(message.pose, k)
        message.linear_velocity.x, message.angular_velocity.z = 10.0, 0.001
        yield "/odom", stamp, message


def status_type():
    """A type of our own, with an enumeration, a oneof, a map, and types within themselves."""
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="my/status.proto", package="my", syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "google/protobuf/struct.proto"])
    status = file.message_type.add(name="Status")

    def field(message, name, number, kind_of, label=kind.LABEL_OPTIONAL, **more):
        message.field.add(name=name, number=number, type=kind_of, label=label, **more)

    field(status, "timestamp", 1, kind.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp")
    field(status, "speed_mps", 2, kind.TYPE_DOUBLE)
    field(status, "gear", 3, kind.TYPE_ENUM, type_name=".my.Status.Gear")
    field(status, "counter", 4, kind.TYPE_UINT64)
    status.oneof_decl.add(name="cause")
    field(status, "limit_mps", 5, kind.TYPE_FLOAT, oneof_index=0)
    field(status, "note", 6, kind.TYPE_STRING, oneof_index=0)
    entry = status.nested_type.add(name="ExtrasEntry")
    entry.options.map_entry = True
    field(entry, "key", 1, kind.TYPE_STRING)
    field(entry, "value", 2, kind.TYPE_DOUBLE)
    field(status, "extras", 7, kind.TYPE_MESSAGE, label=kind.LABEL_REPEATED, type_name=".my.Status.ExtrasEntry")
    field(status, "below", 8, kind.TYPE_MESSAGE, type_name=".my.Status")
    field(status, "level", 9, kind.TYPE_SINT32)
    field(status, "series", 10, kind.TYPE_FLOAT, label=kind.LABEL_REPEATED)
    field(status, "info", 11, kind.TYPE_MESSAGE, type_name=".google.protobuf.Struct")
    field(status, "is_ready", 12, kind.TYPE_BOOL)
    gear = status.enum_type.add(name="Gear")
    for name, number in (("PARK", 0), ("DRIVE", 1), ("REVERSE", -1)):
        gear.value.add(name=name, number=number)
    pool = descriptor_pool.DescriptorPool()
    for known in (timestamp_pb2, struct_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("my.Status"))


def custom():
    status = status_type()
    for k in range(POSES):
        stamp = START_NS + k * STEP_NS
        message = status(speed_mps=k / 7, gear=k % 3 - 1, counter=2**60 + k, level=-k, is_ready=k % 2 == 1)
        stamped(message.timestamp, stamp)
        if k % 2:
            message.limit_mps = 13.5 + k
        else:
            message.note = f"note {k}"
        message.extras["a"], message.extras["b"] = 1.0, 2.0
        message.series.extend([0.5, 1.5])
        below = message
        for level in range(30):
            below = below.below
            below.level = level * (1 if k % 2 else -1)
        message.info["list"] = [1.0, {"deep": [None, "text"]}]
        yield "/status", stamp, message


def to_json(message):
    """The JSON form of Foxglove: all fields, stamps as `sec` and `nsec`, octets in base64, enumerations as numbers."""
    if message.DESCRIPTOR.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        return {"sec": message.seconds, "nsec": message.nanos}
    return {field.name: field_json(field, getattr(message, field.name)) for field in message.DESCRIPTOR.fields
            if not (field.message_type and not field.is_repeated and not message.HasField(field.name))}


def field_json(field, value):
    if field.is_repeated:
        return [one_json(field, one) for one in value]
    return one_json(field, value)


def one_json(field, value):
    if field.message_type:
        return to_json(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def json_schema(descriptor):
    if descriptor.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        return {"type": "object", "title": "time", "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}}}
    properties = {}
    for field in descriptor.fields:
        kind = kind_schema(field)
        properties[field.name] = {"type": "array", "items": kind} if field.is_repeated else kind
    return {"title": descriptor.full_name, "type": "object", "properties": properties}


def kind_schema(field):
    if field.message_type:
        return json_schema(field.message_type)
    if field.enum_type:
        return {"title": field.enum_type.full_name, "oneOf": [{"title": v.name, "const": v.number} for v in field.enum_type.values]}
    if field.cpp_type == field.CPPTYPE_STRING:
        is_bytes = field.type == field.TYPE_BYTES
        return {"type": "string", "contentEncoding": "base64"} if is_bytes else {"type": "string"}
    if field.cpp_type == field.CPPTYPE_BOOL:
        return {"type": "boolean"}
    is_float = field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT)
    return {"type": "number" if is_float else "integer"}


class Log:
    """An MCAP file whose channels are added as they are met."""

    def __init__(self, path):
        self.file = path.open("wb")
        self.writer = Writer(self.file, compression=CompressionType.ZSTD)
        self.writer.start()
        self.channels = {}

    def channel(self, topic, encoding, name, schema_encoding, schema):
        if topic not in self.channels:
            schema_id = self.writer.register_schema(name, schema_encoding, schema) if schema_encoding else 0
            self.channels[topic] = self.writer.register_channel(topic, encoding, schema_id)
        return self.channels[topic]

    def write(self, channel, stamp, data):
        self.writer.add_message(channel, stamp, data, stamp)

    def protobuf(self, topic, stamp, message, data=None):
        descriptors = build_file_descriptor_set(type(message)).SerializeToString()
        channel = self.channel(topic, "protobuf", message.DESCRIPTOR.full_name, "protobuf", descriptors)
        self.write(channel, stamp, message.SerializeToString() if data is None else data)

    def json(self, topic, stamp, message):
        schema = json.dumps(json_schema(message.DESCRIPTOR)).encode()
        channel = self.channel(topic, "json", message.DESCRIPTOR.full_name, "jsonschema", schema)
        self.write(channel, stamp, json.dumps(to_json(message)).encode())

    def close(self):
        self.writer.finish()
        self.file.close()


def damaged(path):
    """Sound poses, and topics of which each is damaged in its own way."""
    log = Log(path)
    poses = [(stamp, message) for topic, stamp, message in messages() if topic == "/pose"]
    images = [(stamp, message) for topic, stamp, message in messages() if topic == "/cam/image"]
    for stamp, message in poses:
        log.protobuf("/pose", stamp, message)
        data = message.SerializeToString()
        log.protobuf("/cut/pose", stamp, message, data[: len(data) // 2])
        # The pose as a number: another wire type than its own.
        log.protobuf("/wire/pose", stamp, message, b"\x18\x05")
        # A pose without an orientation.
        message.pose.orientation.Clear()
        log.protobuf("/turned/pose", stamp, message)
        log.write(log.channel("/bare/pose", "protobuf", "foxglove.PoseInFrame", "protobuf", b""), stamp, data)
        others = build_file_descriptor_set(FrameTransform_pb2.FrameTransform).SerializeToString()
        log.write(log.channel("/other/pose", "protobuf", "foxglove.PoseInFrame", "protobuf", others), stamp, data)
        torn = build_file_descriptor_set(PoseInFrame_pb2.PoseInFrame).SerializeToString()[:200]
        log.write(log.channel("/torn/pose", "protobuf", "foxglove.PoseInFrame", "protobuf", torn), stamp, data)
    schema = json.dumps(json_schema(CompressedImage_pb2.CompressedImage.DESCRIPTOR)).encode()
    for k, (stamp, message) in enumerate(images):
        image = to_json(message)
        image["data"] = ["?" + image["data"], 5, image["data"]][k % 3]
        channel = log.channel("/json/image", "json", "foxglove.CompressedImage", "jsonschema", schema)
        log.write(channel, stamp, json.dumps(image).encode())
        channel = log.channel("/none/speed", "json", "", None, b"")
        data = [b"{", json.dumps({"t": stamp / 1e9, "speed": k / 2, "state": f"s{k}"}).encode()][k > 0]
        log.write(channel, stamp, data)
    log.close()


def read(path):
    """Topic, log time, decoded message and its bytes, by the readers of the packages."""
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for schema, channel, message, decoded in reader.iter_decoded_messages():
            yield channel.topic, message.log_time, decoded, message.data


def vector(value):
    return [value.x, value.y, value.z]


def stamp_of(message):
    return message.timestamp.seconds * 10**9 + message.timestamp.nanos


def expected(folder):
    rows = {"poses": [], "images": [], "sweeps": [], "fixes": [], "actors": [], "lens": None, "places": {}, "status": [], "odometry": []}
    for topic, _, message, data in read(folder / "protobuf.mcap"):
        name = message.DESCRIPTOR.full_name
        if name == "foxglove.PoseInFrame":
            q = message.pose.orientation
            rows["poses"].append([stamp_of(message), vector(message.pose.position), [q.w, q.x, q.y, q.z]])
        elif name in ("foxglove.CompressedImage", "foxglove.CompressedVideo"):
            size = [2, 3] if message.format == "png" else None
            rows["images"].append([topic, stamp_of(message), message.format, size, message.data.hex()])
        elif name == "foxglove.RawImage":
            size = [message.width, message.height]
            rows["images"].append([topic, stamp_of(message), message.encoding, size, message.data.hex()])
        elif name == "foxglove.PointCloud":
            rows["sweeps"].append([topic, stamp_of(message), len(message.data) // message.point_stride, data.hex()])
        elif name == "foxglove.LocationFix":
            rows["fixes"].append([stamp_of(message), message.latitude, message.longitude])
        elif name == "foxglove.CameraCalibration":
            k, d = message.K, message.D
            rows["lens"] = [[k[0], k[4], k[2], k[5]], [message.width, message.height], [d[0], d[1], d[4], d[2], d[3]]]
        elif name == "foxglove.FrameTransforms":
            for one in message.transforms:
                rows["places"][one.child_frame_id] = vector(one.translation)
        elif name == "foxglove.SceneUpdate":
            for one in message.entities:
                metadata = {pair.key.lower(): pair.value for pair in one.metadata}
                of_class = metadata.get("category", metadata.get("class"))
                if len(one.cubes) == 1 and of_class:
                    cube = one.cubes[0]
                    rows["actors"].append([stamp_of(one), one.id, of_class, vector(cube.pose.position), vector(cube.size)])
    for _, _, message, _ in read(folder / "odometry.mcap"):
        rows["odometry"].append([stamp_of(message), vector(message.pose.position), message.linear_velocity.x, message.angular_velocity.z])
    for _, _, message, _ in read(folder / "custom.mcap"):
        gear = message.DESCRIPTOR.fields_by_name["gear"].enum_type.values_by_number[message.gear].name
        limit = message.limit_mps if message.WhichOneof("cause") == "limit_mps" else None
        rows["status"].append(
            [stamp_of(message), message.speed_mps, message.gear, gear, message.counter, message.below.below.level, limit,
             message.level, message.is_ready]
        )
    return rows


def main(folder):
    protobuf, as_json = Log(folder / "protobuf.mcap"), Log(folder / "json.mcap")
    for topic, stamp, message in messages():
        protobuf.protobuf(topic, stamp, message)
        as_json.json(topic, stamp, message)
    protobuf.close()
    as_json.close()
    for name, written in (("odometry", odometry), ("custom", custom)):
        log = Log(folder / f"{name}.mcap")
        for topic, stamp, message in written():
            log.protobuf(topic, stamp, message)
        log.close()
    damaged(folder / "damaged.mcap")
    (folder / "expected.json").write_text(json.dumps(expected(folder)))


main(Path(sys.argv[1]))

"""Writes a ROS 2 log with libraries that are not driveloop's: made-up images and point clouds, odometry, IMU, detections, CAN.

make_log.py OUT SECONDS media|dense [zstd|lz4|none]

`media` has two cameras at 20 Hz with their calibration and a lidar at 10 Hz; `dense` leaves them out. The same arguments write the same messages.
Images have the header of a JPEG and random bytes after it: nothing decodes them on the way.
"""
import heapq, math, os, struct, sys
import numpy
from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.msg import get_types_from_msg

OUT, SECONDS, PROFILE, COMPRESSION = (sys.argv[1:] + ["zstd"])[:4]
START_NS = 1_700_000_000_000_000_000
DEFINITIONS = {
    "vision_msgs/msg/BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\n",
    "vision_msgs/msg/ObjectHypothesis": "string class_id\nfloat64 score\n",
    "vision_msgs/msg/ObjectHypothesisWithPose":
        "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n",
    "vision_msgs/msg/Detection3D": "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox3D bbox\nstring id\n",
    "vision_msgs/msg/Detection3DArray": "std_msgs/Header header\nvision_msgs/Detection3D[] detections\n",
    "can_msgs/msg/Frame": "std_msgs/Header header\nuint32 id\nbool is_rtr\nbool is_extended\nbool is_error\nuint8 dlc\nuint8[8] data\n",
}
store = get_typestore(Stores.ROS2_HUMBLE)
for name, text in DEFINITIONS.items():
    store.register(get_types_from_msg(text, name))
random = numpy.random.default_rng(7)


def make(kind, /, **fields):
    package, message = kind.split("/")
    return store.types[f"{package}/msg/{message}"](**fields)


def header(t, frame):
    return make("std_msgs/Header", stamp=make("builtin_interfaces/Time", sec=t // 10**9, nanosec=t % 10**9), frame_id=frame)


def vector(x, y, z):
    return make("geometry_msgs/Vector3", x=x, y=y, z=z)


def pose(x, y, z, yaw):
    turn = make("geometry_msgs/Quaternion", x=0.0, y=0.0, z=math.sin(yaw / 2), w=math.cos(yaw / 2))
    return make("geometry_msgs/Pose", position=make("geometry_msgs/Point", x=x, y=y, z=z), orientation=turn)


def with_covariance(x, y, z, yaw):
    return make("geometry_msgs/PoseWithCovariance", pose=pose(x, y, z, yaw), covariance=numpy.zeros(36))


def image(t, k):
    # Start of image, a frame header of 1920 x 1080 with three components, a scan header, noise, end of image.
    head = bytes.fromhex("ffd8ffc0001108") + struct.pack(">HHB", 1080, 1920, 3) + bytes.fromhex("012200021101031101")
    head += bytes.fromhex("ffda000c03010002110311003f00")
    data = head + random.bytes(200_000 + k % 1000) + bytes.fromhex("ffd9")
    return make("sensor_msgs/CompressedImage", header=header(t, "camera"), format="jpeg", data=numpy.frombuffer(data, numpy.uint8))


def cloud(t, k):
    points = random.normal(0, 30, (64_000, 4)).astype(numpy.float32).round(2)
    fields = [make("sensor_msgs/PointField", name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate(("x", "y", "z", "intensity"))]
    return make("sensor_msgs/PointCloud2", header=header(t, "lidar"), height=1, width=len(points), fields=fields,
                is_bigendian=False, point_step=16, row_step=16 * len(points), data=points.view(numpy.uint8).reshape(-1), is_dense=True)


def camera_info(t, k):
    region = make("sensor_msgs/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    k_matrix, zeros = numpy.array([1200.0, 0, 960.5, 0, 1210.0, 540.5, 0, 0, 1]), numpy.zeros(12)
    return make("sensor_msgs/CameraInfo", header=header(t, "camera"), height=1080, width=1920, distortion_model="plumb_bob",
                d=numpy.array([-0.3, 0.1, 0.001, -0.002, 0.05]), k=k_matrix, r=numpy.eye(3).reshape(-1), p=zeros, binning_x=0, binning_y=0,
                roi=region)


def mounts(t, k):
    """The camera on a rack that is turned by 90 degrees, and itself by 30 more."""
    frames = (("base_link", "rack", (1.0, 0.0, 1.6), math.pi / 2), ("rack", "camera", (0.5, 0.0, 0.1), math.pi / 6))
    return make("tf2_msgs/TFMessage", transforms=[
        make("geometry_msgs/TransformStamped", header=header(t, parent), child_frame_id=child,
             transform=make("geometry_msgs/Transform", translation=vector(*at), rotation=pose(*at, yaw).orientation))
        for parent, child, at, yaw in frames])


def odometry(t, k):
    twist = make("geometry_msgs/Twist", linear=vector(12.0, 0.0, 0.0), angular=vector(0.0, 0.0, 0.01))
    twist = make("geometry_msgs/TwistWithCovariance", twist=twist, covariance=numpy.zeros(36))
    return make("nav_msgs/Odometry", header=header(t, "map"), child_frame_id="base_link",
                pose=with_covariance(k * 12 / 50, math.sin(k / 300), 0.1, 0.1 * math.sin(k / 500)), twist=twist)


def imu(t, k):
    noise, zeros = random.normal(0, 0.05, 6), numpy.zeros(9)
    return make("sensor_msgs/Imu", header=header(t, "imu"), orientation=pose(0.0, 0.0, 0.0, 0.0).orientation, orientation_covariance=zeros,
                angular_velocity=vector(*noise[:3]), angular_velocity_covariance=zeros,
                linear_acceleration=vector(noise[3], noise[4], 9.81 + noise[5]), linear_acceleration_covariance=zeros)


def fix(t, k):
    status = make("sensor_msgs/NavSatStatus", status=2, service=1)
    return make("sensor_msgs/NavSatFix", header=header(t, "gnss"), status=status, latitude=48.1 + k * 1e-6, longitude=11.5 + k * 2e-6,
                altitude=520.0, position_covariance=numpy.zeros(9), position_covariance_type=2)


def detections(t, k):
    found = []
    for i in range(30):
        at = (5.0 + 3 * i + random.normal(0, 0.1), (i % 7) * 2.0 - 6, 0.5, 0.0)
        kind = make("vision_msgs/ObjectHypothesis", class_id=("car", "pedestrian", "bus")[i % 3], score=0.9)
        result = make("vision_msgs/ObjectHypothesisWithPose", hypothesis=kind, pose=with_covariance(*at))
        box = make("vision_msgs/BoundingBox3D", center=pose(*at), size=vector(4.5, 1.9, 1.6))
        found.append(make("vision_msgs/Detection3D", header=header(t, "base_link"), results=[result], bbox=box, id=f"track-{i:04}"))
    return make("vision_msgs/Detection3DArray", header=header(t, "base_link"), detections=found)


def frame(t, k):
    data = numpy.frombuffer(struct.pack("<II", k, 0x5A5A), numpy.uint8)
    return make("can_msgs/Frame", header=header(t, "can0"), id=(0x0B4, 0x1D0, 0x224, 0x245)[k % 4], is_rtr=False, is_extended=False,
                is_error=False, dlc=8, data=data)


STREAMS = [
    (50, "/odom", "nav_msgs/msg/Odometry", odometry), (100, "/imu", "sensor_msgs/msg/Imu", imu),
    (10, "/gnss/fix", "sensor_msgs/msg/NavSatFix", fix),
    (10, "/perception/objects", "vision_msgs/msg/Detection3DArray", detections), (500, "/can/rx", "can_msgs/msg/Frame", frame),
]
if PROFILE == "media":
    for side in ("front", "rear"):
        STREAMS.append((20, f"/cam_{side}/image/compressed", "sensor_msgs/msg/CompressedImage", image))
    STREAMS.append((10, "/lidar/points", "sensor_msgs/msg/PointCloud2", cloud))
    STREAMS.append((1, "/tf_static", "tf2_msgs/msg/TFMessage", mounts))
    STREAMS.append((1, "/cam_front/camera_info", "sensor_msgs/msg/CameraInfo", camera_info))

compression = {"zstd": CompressionType.ZSTD, "lz4": CompressionType.LZ4, "none": CompressionType.NONE}[COMPRESSION]
writer = Writer(OUT, chunk_size=1 << 20, compression=compression)
writer.start(profile="ros2", library="make_log.py")
channels, schemas = [], {}
for _, topic, kind, _ in STREAMS:
    if kind not in schemas:
        text = store.generate_msgdef(kind, ros_version=2)[0].encode()
        schemas[kind] = writer.register_schema(name=kind, encoding="ros2msg", data=text)
    channels.append(writer.register_channel(topic=topic, message_encoding="cdr", schema_id=schemas[kind]))
# The next message of each stream; microseconds between the streams, so that no two have one stamp.
queue = [(START_NS + 1000 * i, i, 0) for i in range(len(STREAMS))]
end_ns, messages, payload_bytes = START_NS + int(float(SECONDS) * 1e9), 0, 0
while queue:
    t, i, k = heapq.heappop(queue)
    if t >= end_ns:
        continue
    rate_hz, topic, kind, function = STREAMS[i]
    data = bytes(store.serialize_cdr(function(t, k), kind))
    writer.add_message(channel_id=channels[i], log_time=t + 200_000, publish_time=t, sequence=k, data=data)
    messages, payload_bytes = messages + 1, payload_bytes + len(data)
    heapq.heappush(queue, (START_NS + 1000 * i + (k + 1) * 10**9 // rate_hz, i, k + 1))
writer.finish()
print(f"{OUT}: {messages} msgs, payload {payload_bytes / 1e6:.1f} MB, file {os.path.getsize(OUT) / 1e6:.1f} MB")

"""Reads simulated logs with programs of others: `mcap` with `mcap-ros2-support`, and the definitions of `rosbags`.

Prints a JSON object: messages by topic, the number of definitions compared, and what differs.
"""

import collections
import json
import pathlib
import sys

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

# As published; `rosbags` knows the standard messages only.
PUBLISHED = {
    # ros-industrial/ros_canopen and autowarefoundation/ros2_socketcan, can_msgs/msg/Frame.msg
    "can_msgs/msg/Frame": """
        std_msgs/Header header
        uint32 id
        bool is_rtr
        bool is_extended
        bool is_error
        uint8 dlc
        uint8[8] data
    """,
    # autowarefoundation/autoware_msgs
    "autoware_vehicle_msgs/msg/VelocityReport": """
        std_msgs/Header header
        float32 longitudinal_velocity
        float32 lateral_velocity
        float32 heading_rate
    """,
    "autoware_vehicle_msgs/msg/SteeringReport": """
        builtin_interfaces/Time stamp
        float32 steering_tire_angle
    """,
    "autoware_perception_msgs/msg/ObjectClassification": """
        uint8 UNKNOWN = 0
        uint8 CAR = 1
        uint8 TRUCK = 2
        uint8 BUS = 3
        uint8 TRAILER = 4
        uint8 MOTORCYCLE = 5
        uint8 BICYCLE = 6
        uint8 PEDESTRIAN = 7
        uint8 ANIMAL = 8
        uint8 HAZARD = 9
        uint8 OVER_DRIVABLE = 10
        uint8 UNDER_DRIVABLE = 11
        uint8 label
        float32 probability
    """,
    "autoware_perception_msgs/msg/Shape": """
        uint8 BOUNDING_BOX=0
        uint8 CYLINDER=1
        uint8 POLYGON=2
        uint8 type
        geometry_msgs/Polygon footprint
        geometry_msgs/Vector3 dimensions
    """,
    "autoware_perception_msgs/msg/TrackedObjectKinematics": """
        uint8 UNAVAILABLE=0
        uint8 SIGN_UNKNOWN=1
        uint8 AVAILABLE=2
        geometry_msgs/PoseWithCovariance pose_with_covariance
        geometry_msgs/TwistWithCovariance twist_with_covariance
        geometry_msgs/AccelWithCovariance acceleration_with_covariance
        uint8 orientation_availability
        bool is_stationary
    """,
    "autoware_perception_msgs/msg/TrackedObject": """
        unique_identifier_msgs/UUID object_id
        float32 existence_probability
        autoware_perception_msgs/ObjectClassification[] classification
        autoware_perception_msgs/TrackedObjectKinematics kinematics
        autoware_perception_msgs/Shape shape
    """,
    "autoware_perception_msgs/msg/TrackedObjects": """
        std_msgs/Header header
        autoware_perception_msgs/TrackedObject[] objects
    """,
}


def published():
    types = dict(get_typestore(Stores.ROS2_JAZZY).fielddefs)
    for name, text in PUBLISHED.items():
        types.update(get_types_from_msg("\n".join(map(str.strip, text.splitlines())), name))
    return types


def differences(schemas, known):
    compared, found = set(), []
    for schema in schemas.values():
        for name, ours in get_types_from_msg(schema.data.decode(), schema.name).items():
            compared.add(name)
            if name not in known:
                found.append(f"{name}: nobody published it")
            elif ours != known[name]:
                found.append(f"{name}: {ours} is not {known[name]}")
    return len(compared), found


def main():
    counts, compared, found = collections.Counter(), 0, []
    known = published()
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.mcap")):
        with path.open("rb") as file:
            reader = make_reader(file, decoder_factories=[DecoderFactory()], validate_crcs=True)
            for _, channel, message, decoded in reader.iter_decoded_messages():
                counts[channel.topic] += 1
                header = getattr(decoded, "header", None)
                if header is not None:
                    stamp_ns = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
                    assert stamp_ns == message.log_time, channel.topic
            summary = reader.get_summary()
            assert summary.statistics.message_count == sum(
                summary.statistics.channel_message_counts.values()
            )
            compared, differing = differences(summary.schemas, known)
            found += differing
    print(json.dumps({"counts": counts, "compared": compared, "differences": found}))


main()

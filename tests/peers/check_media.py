"""Compares the media of a lake with the messages of a log, byte for byte, and prints the messages of each topic.

check_media.py LOG LAKE
"""
import collections, os, sys
import deltalake
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

LOG, LAKE = sys.argv[1:]
media = {}
for name in ("camera_frame", "lidar_sweep"):
    path = os.path.join(LAKE, "tables", name)
    rows = deltalake.DeltaTable(path).to_pyarrow_table().to_pylist() if os.path.isdir(path) else []
    for row in rows:
        with open(os.path.join(LAKE, row["pack"]), "rb") as pack:
            pack.seek(row["offset"])
            media[row["sensor"], row["stamp_ns"]] = pack.read(row["length"])
counts = collections.Counter()
with open(LOG, "rb") as log:
    reader = make_reader(log, validate_crcs=True, decoder_factories=[DecoderFactory()])
    for schema, channel, message, decoded in reader.iter_decoded_messages():
        counts[channel.topic] += 1
        if schema.name == "sensor_msgs/msg/CompressedImage":
            expected = bytes(decoded.data)
        elif schema.name == "sensor_msgs/msg/PointCloud2":
            expected = message.data
        else:
            continue
        stamp = decoded.header.stamp
        stored = media.pop((channel.topic, stamp.sec * 10**9 + stamp.nanosec), None)
        assert stored == expected, f"{channel.topic} at {stamp}: {stored and len(stored)} bytes stored, {len(expected)} in the message"
assert not media, f"{len(media)} frames that no message has"
for topic in sorted(counts):
    print(topic, counts[topic])
# The reader's threads sometimes abort the interpreter while it shuts down.
sys.stdout.flush()
os._exit(0)

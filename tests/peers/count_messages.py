"""Decodes every message of each log, and prints how many there are of each topic; of objects and lanes, those in the messages.

count_messages.py LOG...
"""
import collections, json, os, sys
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

for path in sys.argv[1:]:
    counts = collections.Counter()
    with open(path, "rb") as log:
        reader = make_reader(log, validate_crcs=True, decoder_factories=[DecoderFactory()])
        for schema, channel, message, decoded in reader.iter_decoded_messages():
            counts[channel.topic] += 1
            if channel.topic == "/perception/objects":
                counts["objects"] += len(decoded.objects)
            if channel.topic == "/map":
                counts["lanes"] += len(json.loads(decoded.data)["lanes"])
        messages = sum(count for topic, count in counts.items() if topic.startswith("/"))
        assert reader.get_summary().statistics.message_count == messages, messages
    for topic in sorted(counts):
        print(os.path.basename(path).removesuffix(".mcap"), topic, counts[topic])

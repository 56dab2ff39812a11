"""Rows of a dataset in the nuScenes schema, read without streams or joins of our own: what an ingest has to give.

    python3 nuscenes_rows.py FOLDER_OF_TABLES

Prints an object a line, `{"table": …, "log_id": …, …}`, from the Python standard library alone.
"""

import json
import pathlib
import sys


def main(folder):
    def load(name):
        path = folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else []

    def by_token(name):
        return {record["token"]: record for record in load(name)}

    scenes, samples = by_token("scene"), by_token("sample")
    poses, logs = by_token("ego_pose"), by_token("log")
    instances, categories = by_token("instance"), by_token("category")
    calibrated, sensors = by_token("calibrated_sensor"), by_token("sensor")
    log_ids = {token: f"{scene['name']}-{token}" for token, scene in scenes.items()}

    def show(table, scene, **row):
        print(json.dumps({"table": table, "log_id": log_ids[scene], **row}))

    for token, scene in scenes.items():
        log = logs.get(scene["log_token"], {})
        show("drive", token, vehicle_id=log.get("vehicle"), map_id=log.get("location"))

    states, lenses = {}, {}
    for data in load("sample_data"):
        scene = samples[data["sample_token"]]["scene_token"]
        pose = poses[data["ego_pose_token"]]
        states[scene, pose["timestamp"]] = pose
        sensor = calibrated[data["calibrated_sensor_token"]]
        channel = sensors[sensor["sensor_token"]]
        lenses[scene, channel["channel"]] = sensor
        if channel["modality"] in ("camera", "lidar"):
            show("recording", scene, sensor=channel["channel"], stamp_ns=data["timestamp"] * 1000, filename=data["filename"])
    for (scene, micros), pose in states.items():
        show("ego_state", scene, stamp_ns=micros * 1000, xyz=pose["translation"], wxyz=pose["rotation"])
    for (scene, channel), sensor in lenses.items():
        show("calibration", scene, sensor=channel, xyz=sensor["translation"], wxyz=sensor["rotation"], matrix=sensor["camera_intrinsic"])

    boxes = {}
    for box in load("sample_annotation"):
        boxes.setdefault(box["instance_token"], []).append(box)
    for instance, track in boxes.items():
        stamp = lambda box: samples[box["sample_token"]]["timestamp"]
        track.sort(key=stamp)
        for at, box in enumerate(track):
            near = [track[k] for k in (at - 1, at + 1) if 0 <= k < len(track) and abs(stamp(track[k]) - stamp(box)) <= 1_000_000]
            around = sorted(near + [box], key=stamp)
            first, last = around[0], around[-1]
            seconds = (stamp(last) - stamp(first)) / 1e6
            velocity = [(last["translation"][k] - first["translation"][k]) / seconds if seconds else None for k in (0, 1)]
            width, length, height = box["size"]
            show(
                "object_track",
                samples[box["sample_token"]]["scene_token"],
                track_id=instance,
                stamp_ns=stamp(box) * 1000,
                source_category=categories[instances[instance]["category_token"]]["name"],
                size=[length, width, height],
                xyz=box["translation"],
                wxyz=box["rotation"],
                velocity=velocity,
                lidar_points=box["num_lidar_pts"],
            )


main(pathlib.Path(sys.argv[1]))

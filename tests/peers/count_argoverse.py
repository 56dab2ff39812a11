"""Prints of each Argoverse 2 drive below a folder: rows, tracks and stamps of its annotations without the ego's, and its poses.

count_argoverse.py FOLDER
"""
import os, sys
import pyarrow.compute as compute
import pyarrow.feather as feather

for name in sorted(os.listdir(sys.argv[1])):
    folder = os.path.join(sys.argv[1], name)
    annotations = next(file for file in sorted(os.listdir(folder)) if file.startswith("annotations"))
    table = feather.read_table(os.path.join(folder, annotations))
    table = table.filter(compute.not_equal(table["category"], "EGO_VEHICLE"))
    tracks, stamps = (compute.count_distinct(table[column]) for column in ("track_uuid", "timestamp_ns"))
    poses = feather.read_table(os.path.join(folder, "city_SE3_egovehicle.feather")).num_rows
    print(name, len(table), tracks, stamps, poses)

"""Breaks a composed drive of a lake in ways that a checker must find; prints the checks that must say so.

break_composed.py TABLES
"""
import os, sys
import deltalake, pyarrow, pyarrow.compute as compute

folder = os.path.join(sys.argv[1], "object_track")
items = deltalake.DeltaTable(os.path.join(sys.argv[1], "synthetic_item")).to_pyarrow_table().to_pylist()
item = next(item for item in items if item["state"] == "accepted")
table = deltalake.DeltaTable(folder).to_pyarrow_table()
of_item = compute.equal(table["log_id"], item["item_id"])
rows = table.filter(of_item).sort_by([("track_id", "ascending"), ("stamp_ns", "ascending")]).to_pylist()
ego = [row for row in rows if row["category"] == "EGO_VEHICLE"]
other = next(row for row in rows if row["category"] != "EGO_VEHICLE" and row["stamp_ns"] == ego[-20]["stamp_ns"])
# In the last two seconds the ego hops to and fro, off the road, and once into somebody.
for index, row in enumerate(ego[-20:]):
    row["x_m"] += 500.0 * (index % 2)
ego[-20].update(x_m=other["x_m"], y_m=other["y_m"])
rest = table.filter(compute.invert(of_item))
broken = pyarrow.concat_tables([rest, pyarrow.Table.from_pylist(rows, schema=table.schema)])
deltalake.write_deltalake(folder, broken, mode="overwrite")
print("longitudinal_decel_mps2 reverse_m overlaps rows_off_road ego_view")
sys.stdout.flush()
os._exit(0)

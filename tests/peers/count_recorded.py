"""Prints the rows of each Delta table of drives that are not those of composed drives, as two readers find them: by a condition on
the table and `drive`, and by the table's own column.

count_recorded.py FOLDER CONDITION
"""
import os, sys
import deltalake, polars
import pyarrow.compute as compute

folder, condition = sys.argv[1:]
names = sorted(os.listdir(folder))
context = polars.SQLContext({name: polars.scan_delta(os.path.join(folder, name)) for name in names})
drives = deltalake.DeltaTable(os.path.join(folder, "drive")).to_pyarrow_table(columns=["log_id", "composed"])
recorded = drives.filter(compute.invert(drives["composed"]))["log_id"]
for name in names:
    table = deltalake.DeltaTable(os.path.join(folder, name))
    if "log_id" not in [field.name for field in table.schema().fields]:
        continue
    by_sql = context.execute(f"SELECT count(*) AS rows FROM {name} WHERE {condition}").collect().item()
    rows = table.to_pyarrow_table(columns=["log_id", "composed"])
    by_drive = compute.sum(compute.is_in(rows["log_id"], value_set=recorded)).as_py()
    by_column = compute.sum(compute.equal(rows["composed"], False)).as_py()
    print("polars", name, by_sql)
    print("deltalake", name, by_drive or 0)
    print("column", name, by_column or 0)
# The readers' threads sometimes abort the interpreter while it shuts down.
sys.stdout.flush()
os._exit(0)

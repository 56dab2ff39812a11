"""Runs one query in another engine, and says its one row as JSON.

python3 peers.py duckdb|datafusion FOLDER QUERY.sql
FOLDER has objects/*.parquet, ego.parquet and can.parquet; the stamp is called stamp_ns or t_ns. Two threads.
"""
import json
import sys

engine, folder, query = sys.argv[1:]
query = open(query).read()
files = {"objects": f"{folder}/objects/*.parquet", "ego": f"{folder}/ego.parquet", "can": f"{folder}/can.parquet"}

if engine == "duckdb":
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET enable_progress_bar = false")
    for table, path in files.items():
        columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()]
        stamp = "" if "stamp_ns" in columns else ", t_ns AS stamp_ns"
        connection.execute(f"CREATE VIEW {table} AS SELECT *{stamp} FROM read_parquet('{path}')")
    row = connection.execute(query).fetchall()[0]
else:
    from datafusion import SessionConfig, SessionContext

    context = SessionContext(SessionConfig().with_target_partitions(2))
    for table, path in files.items():
        context.register_parquet(f"raw_{table}", path.replace("*.parquet", ""))
        columns = context.table(f"raw_{table}").schema().names
        stamp = "" if "stamp_ns" in columns else ", t_ns AS stamp_ns"
        context.sql(f"CREATE VIEW {table} AS SELECT *{stamp} FROM raw_{table}")
    row = tuple(context.sql(query).to_pylist()[0].values())

print(json.dumps([int(value or 0) for value in row]))

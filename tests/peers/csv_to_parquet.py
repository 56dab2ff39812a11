"""Writes a CSV file as Parquet, as pyarrow reads it.

usage: csv_to_parquet.py CSV PARQUET
"""

import sys

import pyarrow.csv
import pyarrow.parquet

pyarrow.parquet.write_table(pyarrow.csv.read_csv(sys.argv[1]), sys.argv[2])

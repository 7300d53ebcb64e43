"""Times reading a table with pandas and polars: python3 benches/peers/table.py FILE [RUNS]"""
import sys, time

import pandas, polars

path, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
for _ in range(runs):
    for name, read in [("pandas", pandas.read_csv), ("polars", polars.read_csv)]:
        begun = time.perf_counter()
        rows = len(read(path))
        print(f"{name}: {rows} rows in {time.perf_counter() - begun:.2f} s")

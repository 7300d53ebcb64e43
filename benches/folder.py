"""Trains on every table of a folder and predicts rows that were held out.

  python3 benches/folder.py COMMAND FOLDER [--epochs EPOCHS]

Each table is a CSV file with a header, plain or gzipped, whose column `target` is to be learned. A fifth of its rows is
held out before. The script prints a line for each table: the time, and how many of the held-out rows were predicted,
and the notices of the command. It fails if a table cannot be trained on or predicted.
"""
import argparse, csv, gzip, pathlib, random, subprocess, sys, tempfile, time

arguments = argparse.ArgumentParser()
arguments.add_argument("command")
arguments.add_argument("folder", type=pathlib.Path)
arguments.add_argument("--epochs", default="20")
options = arguments.parse_args()

failed = 0
tables = sorted(path for path in options.folder.iterdir() if path.name.endswith((".csv", ".csv.gz")))
for path in tables:
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="") as file:
        header, *rows = csv.reader(file)
    random.Random(0).shuffle(rows)
    held_out = max(1, len(rows) // 5)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, part in [("train", rows[held_out:]), ("new", rows[:held_out])]:
            with open(folder / f"{name}.csv", "w", newline="") as file:
                csv.writer(file).writerows([header, *part])
        begun = time.perf_counter()
        train = ["train", folder / "train.csv", "--target", "target", "--epochs", options.epochs, "--out", folder / "model.npz"]
        trained = subprocess.run([options.command, *train], capture_output=True, text=True)
        predict = [options.command, "predict", folder / "model.npz", folder / "new.csv"]
        predicted = subprocess.run(predict, capture_output=True, text=True) if trained.returncode == 0 else trained
        lines = predicted.stdout.count("\n") - 1 if predicted.returncode == 0 else 0
        failed += lines != held_out
        print(f"{path.name}: {time.perf_counter() - begun:.1f} s, {lines} of {held_out} rows predicted")
        for line in (trained.stderr + (predicted.stderr if predicted is not trained else "")).splitlines():
            if line.startswith(("notice", "warning", "error")):
                print("   ", line)
print(f"{len(tables)} tables, {failed} failed")
sys.exit(failed > 0)

"""Trains on a table with words and missing values, with the command's defaults and with a scikit-learn pipeline. The
command's mean accuracy over forty splits may be at most two points lower. Over ten, the mean differs by a point from one
set of splits to the next.

  python tests/sklearn_table.py COMMAND
"""
import csv, json, pathlib, random, statistics, subprocess, sys, tempfile, warnings

import numpy
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).resolve().parents[1]
header, *rows = csv.reader(open(ROOT / "examples/table/coffee.csv"))
NUMBERS, WORDS = [3, 4, 5], [1, 2]


def cells(rows):
    table = numpy.empty((len(rows), len(header)), dtype=object)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            table[i, j] = (float(cell) if cell else numpy.nan) if j in NUMBERS else (cell or numpy.nan)
    return table


def theirs(train, test, seed):
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), WORDS),
    )
    model = make_pipeline(columns, MLPClassifier((64, 32), random_state=seed))
    train, test = cells(train), cells(test)
    return model.fit(train, train[:, -1]).score(test, test[:, -1])


def ours(command, train, test, seed):
    with tempfile.TemporaryDirectory() as folder:
        for name, part in [("train", train), ("test", test)]:
            with open(f"{folder}/{name}.csv", "w", newline="") as file:
                csv.writer(file).writerows([header, *part])
        run = lambda *arguments: subprocess.run([command, *arguments], check=True, capture_output=True, text=True, cwd=folder).stdout
        run("train", "train.csv", "--drop", "lot", "--test-split", "0", "--seed", str(seed), "--out", "model.npz")
        return json.loads(run("evaluate", "model.npz", "test.csv", "--json"))["metrics"]["accuracy"]


scores = {"shaderprop": [], "scikit-learn": []}
for seed in range(40):
    shuffled = random.Random(seed).sample(rows, len(rows))
    train, test = shuffled[:300], shuffled[300:]
    scores["shaderprop"].append(ours(str(pathlib.Path(sys.argv[1]).resolve()), train, test, seed))
    scores["scikit-learn"].append(theirs(train, test, seed))
means = {name: statistics.mean(all) for name, all in scores.items()}
print("accuracy on 100 coffees, over forty splits:", ", ".join(f"{name} {mean:.4f}" for name, mean in means.items()))
if means["shaderprop"] < means["scikit-learn"] - 0.02:
    sys.exit("shaderprop is more than two points behind")

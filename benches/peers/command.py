"""Times whole processes in turn: `shaderprop train` on the shipped digits, and scikit-learn's MLPClassifier with the same
layers, optimizer, batches, epochs and number of rows. Needs scikit-learn, and a release build.

  python3 benches/peers/command.py [ROUNDS]
"""
import gzip, json, os, pathlib, statistics, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA, BINARY = ROOT / "examples/digits/digits.csv.gz", ROOT / "target/release/shaderprop"
EPOCHS, BATCH, RATE = 60, 64, 0.003


def learn(defaults):
    import numpy
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = numpy.loadtxt(gzip.open(DATA), delimiter=",")
    train, test = train_test_split(rows, test_size=359, stratify=rows[:, -1], random_state=0)
    network = MLPClassifier((64, 32), max_iter=EPOCHS, batch_size=BATCH, learning_rate_init=RATE, n_iter_no_change=EPOCHS, random_state=0)
    if defaults:
        network = MLPClassifier(random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(train[:, :-1], train[:, -1])
    print(model.score(test[:, :-1], test[:, -1]))


def timed(command):
    begun = time.perf_counter()
    output = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if output.returncode:
        sys.exit(output.stderr)
    return seconds, output.stdout


if __name__ == "__main__":
    if sys.argv[1:] in (["learn"], ["defaults"]):
        learn(sys.argv[1] == "defaults")
        sys.exit()
    os.environ["PYTHONWARNINGS"] = "ignore"
    ours = [BINARY, "train", DATA, "--target", "64", "--epochs", str(EPOCHS), "--batch-size", str(BATCH), "--learning-rate", str(RATE), "--patience", "0", "--dropout", "0", "--json", "--quiet"]
    ways = {
        "shaderprop, no validation": [*ours, "--validation-split", "0"],
        "shaderprop, with validation": ours,
        "shaderprop on the software driver, with validation": [*ours, "--device", "software"],
        "shaderprop's defaults": [BINARY, "train", DATA, "--target", "64", "--json", "--quiet"],
        "scikit-learn": [sys.executable, __file__, "learn"],
        "scikit-learn's defaults": [sys.executable, __file__, "defaults"],
    }
    times, accuracies = {name: [] for name in ways}, {}
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 7):
        for name, command in ways.items():
            seconds, out = timed(command)
            times[name].append(seconds)
            accuracies[name] = float(out) if name.startswith("scikit-learn") else json.loads(out.splitlines()[-1])["result"]["network"]["accuracy"]
    medians = {name: statistics.median(all) for name, all in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.2f} s, {median / medians['scikit-learn']:.2f} of scikit-learn's; accuracy {accuracies[name]:.4f}")

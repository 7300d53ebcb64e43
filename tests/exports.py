"""exports.py FOLDER: loads the models that tests/export.rs saved in FOLDER with onnxruntime, PyTorch and NumPy, and
compares the results. Needs these three packages, safetensors and onnx."""
import json, pathlib, sys
import numpy, onnx, onnxruntime, safetensors.torch, torch

ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "silu": torch.nn.functional.silu,
    "softplus": torch.nn.functional.softplus,
    "identity": lambda x: x,
    "softmax": lambda x: torch.softmax(x, -1),
}


class Network(torch.nn.Module):
    """The module that a PyTorch user would write for such a file."""

    def __init__(self, widths, activations):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.activations = activations

    def forward(self, x):
        for layer, activation in zip(self.layers, self.activations):
            x = ACTIVATIONS[activation](layer(x))
        return x


def check(what, got, expected, bound):
    off = numpy.abs(numpy.asarray(got, dtype=float) - expected).max()
    print(f"{what}: off by at most {off:.2e}")
    # Written so that NaN fails, too.
    if not off <= bound:
        sys.exit(f"{what}: off by {off}, expected at most {bound}")


def numbers(rows):
    return numpy.array([[numpy.nan if x is None else x for x in row] for row in rows], dtype=numpy.float64)


def feed(session, case):
    given = {
        "input": lambda: numpy.array(case["inputs"], dtype=numpy.float32),
        "numbers": lambda: numbers(case["numbers"]),
        "categories": lambda: numpy.array(case["categories"], dtype=object),
    }
    return {input.name: given[input.name]() for input in session.get_inputs()}


def refused(path):
    """Checks that a model gives NaN for exactly the rows that it refuses."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    cells = [(1.7e9, "é"), (numpy.nan, "é"), (numpy.inf, "é"), (1e39, "é"), (1.7e9, ""), (1.7e9, "nA"), (1.7e9, "?"), (1.7e9, "unseen")]
    given = {"numbers": numpy.array([[c[0]] for c in cells]), "categories": numpy.array([[c[1]] for c in cells], dtype=object)}
    (output,) = session.run(None, given)
    if numpy.isnan(output[:, 0]).tolist() != [False, True, True, True, True, True, True, False]:
        sys.exit(f"{path}: {output.tolist()}")
    tiny = onnxruntime.InferenceSession(str(path.with_name("tiny.onnx")), providers=["CPUExecutionProvider"])
    (output,) = tiny.run(None, {"numbers": numpy.array([[1e36], [1e-6], [numpy.nan]])})
    if numpy.isnan(output[:, 0]).tolist() != [True, False, True]:
        sys.exit(f"tiny.onnx: {output.tolist()}")
    print(f"{path}: refused rows give NaN")


folder = pathlib.Path(sys.argv[1])
names = sorted(path.stem for path in folder.glob("*.onnx"))
if not {"digits", "coffee", "awkward", "activations_softmax", "activations_identity"} <= set(names):
    sys.exit(f"{folder}: found {names}; run the tests in tests/export.rs first")
for name in names:
    case = json.loads((folder / f"{name}.json").read_text())
    expected, bound = numpy.array(case["output"]), case["bound"]

    onnx.checker.check_model(onnx.load(folder / f"{name}.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, feed(session, case))
    check(f"{name} in onnxruntime", output, expected, bound)

    weights = safetensors.torch.load_file(folder / f"{name}.safetensors")
    widths = [weights["layers.0.weight"].shape[1], *(weights[f"layers.{i}.bias"].shape[0] for i in range(len(case["activations"])))]
    network = Network(widths, case["activations"])
    network.load_state_dict(weights)
    x = torch.tensor(case["inputs"], dtype=torch.float32)
    if name in ("awkward", "tiny"):
        # These models scale the network's outputs.
        scale = json.loads(safetensors.safe_open(folder / f"{name}.safetensors", "pt").metadata()["shaderprop"])["preprocessing"]["target"]["number"]
        y = network(x).detach().numpy().astype(float) * scale["scale"] + scale["shift"]
    else:
        y = network(x).detach().numpy()
    # Stricter than for other engines: a tenth of the bound.
    check(f"{name} in PyTorch", y, expected, bound / 10)

    arrays = numpy.load(folder / f"{name}.npz")
    for key, tensor in weights.items():
        if not numpy.array_equal(arrays[key], tensor.numpy().T if tensor.ndim == 2 else tensor.numpy()):
            sys.exit(f"{name}.npz: {key} differs from the tensor in {name}.safetensors")
    if json.loads(bytes(arrays["shaderprop"]))["format"] != 1:
        sys.exit(f"{name}.npz: no description")
refused(folder / "awkward.onnx")

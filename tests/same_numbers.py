"""Whether two JSON files hold the same numbers, to 1e-9: another version of NumPy or PyTorch may round the last digits otherwise."""
import json, sys


def same(a, b, path):
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            same(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{path}[{i}]")
    elif isinstance(a, float) and isinstance(b, float):
        if not abs(a - b) <= 1e-9 * max(1.0, abs(a)):
            sys.exit(f"{sys.argv[1]}: {path}: {a}, now {b}")
    elif a != b and path != ".torch":
        sys.exit(f"{sys.argv[1]}: {path}: {a!r}, now {b!r}")


same(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), "")
print(f"{sys.argv[1]}: its program still gives these numbers")

"""same_numbers.py EXPECTED GOT: checks that two JSON files have the same numbers. Another version of the library that
made them may round the last digits differently. So a difference of 1e-9 is allowed, or of 1e-6 for Keras, which trains
partly in float32."""
import json, sys


BOUND = 1e-6 if "keras" in sys.argv[1] else 1e-9


def same(a, b, path):
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            same(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{path}[{i}]")
    elif isinstance(a, float) and isinstance(b, float):
        if not abs(a - b) <= BOUND * max(1.0, abs(a)):
            sys.exit(f"{sys.argv[1]}: {path}: {a}, now {b}")
    elif a != b and path not in (".torch", ".keras", ".sklearn"):
        sys.exit(f"{sys.argv[1]}: {path}: {a!r}, now {b!r}")


same(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), "")
print(f"{sys.argv[1]}: its program still gives these numbers")

#!/bin/bash
# tests/run.sh [--all]: runs the tests. Needs Rust, gcc, git, Node.js and a Vulkan driver; on Debian it installs a software one where none is.
# --all also runs them on two other software drivers, checks the fixtures with NumPy, PyTorch, scikit-learn and Keras, and exported models with
# onnxruntime and PyTorch, which it installs under target/.
# Its last line says what was not run, and the lines before it what each part took.
# Two of them may run at once in one clone: what the tests write is in a folder of each run's own.
set -euo pipefail
cd "$(dirname "$0")/.."
all=no
case "${1-}" in
    "") ;;
    --all) all=yes ;;
    *) echo "usage: tests/run.sh [--all]" >&2; exit 2 ;;
esac
skipped=()
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else echo "not root, and no sudo: as root, run: apt-get install mesa-vulkan-drivers" >&2; exit 1; fi
}

# A Vulkan driver announces itself by a JSON file in one of these folders.
drivers() { find /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/share/vulkan/icd.d ~/.local/share/vulkan/icd.d -name '*.json' 2>/dev/null | head -1; }
if [ "$(uname)" = Linux ] && [ -z "${VK_DRIVER_FILES-}${VK_ICD_FILENAMES-}" ] && [ -z "$(drivers)" ]; then
    if command -v apt-get >/dev/null; then
        echo "no Vulkan driver: installing mesa-vulkan-drivers"
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mesa-vulkan-drivers >/dev/null
    else
        echo "no Vulkan driver, and no apt-get to install one: install your GPU's driver, or Mesa's lavapipe" >&2
        exit 1
    fi
fi
# The Vulkan loader complains on stderr without it.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"

# What this run writes, beside what cargo builds. The tests know it by that name (tests/common/folder.rs). It stays where something failed.
export SHADERPROP_TESTS=$PWD/target/tmp/suite.$$
mkdir -p "$SHADERPROP_TESTS"
ended() { if [ "$1" = 0 ]; then rm -rf "$SHADERPROP_TESTS"; else echo "what the tests wrote is in $SHADERPROP_TESTS" >&2; fi; }
trap 'ended $?' EXIT

took=()
# The seconds of CPU that the commands so far have used. (In a subshell, `times` would tell of that alone.)
spent=$SHADERPROP_TESTS/spent
count_cpu() {
    times >"$spent"
    cpu=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, part, "m"); sum += part[1] * 60 + part[2] } print int(sum) }' "$spent")
}
# part NAME COMMAND…: runs a part of the tests, and notes what it took.
part() {
    local name=$1 began=$SECONDS before
    shift
    count_cpu
    before=$cpu
    "$@"
    count_cpu
    took+=("$(printf '%-28s %5d s, %5d s of CPU' "$name" $((SECONDS - began)) $((cpu - before)))")
}

# One optimised profile serves tests and examples; the examples are built first, since tests run them. Both packages are built at once, so
# that their dependencies are built once.
part "building" cargo build --locked --release --workspace --examples
part "building tests" cargo test --locked --release --workspace --no-run
part "tests" cargo test --locked --release --workspace
# The commands of the README and of docs/, with the command installed as the README says.
part "commands of the documents" tests/docs.sh
# The page, in a browser.
part "page in a browser" web/test.sh
# The modules that the tests have assembled, in the languages of other backends.
part "modules for other backends" cargo run --locked --quiet --manifest-path tests/naga/Cargo.toml --target-dir target/naga -- "$SHADERPROP_TESTS/modules"
# The models that the tests have exported, in an ONNX engine of Rust's.
part "exported models" cargo run --locked --quiet --manifest-path tests/onnx/Cargo.toml --target-dir target/onnx -- "$SHADERPROP_TESTS/exports"

[ "$(id -u)" = 0 ] || [ "$(uname)" != Linux ] || skipped+=("saving to a full disk, for want of the right to mount one")
[ "$(uname)" = Linux ] || skipped+=("faults of the driver, the disk and memory, which are made by means of Linux")
[ -n "${SHADERPROP_MNIST-}" ] || skipped+=("training on MNIST, for want of its folder in SHADERPROP_MNIST")
if [ "$all" = yes ]; then
    # Another run may be at it: it is waited for where there is flock.
    if (
        flock 9 2>/dev/null || true
        python3 -m venv target/python && target/python/bin/pip install -q numpy torch keras jax scikit-learn onnx onnxruntime safetensors
    ) 9>target/python.lock; then
        echo "exported models in onnxruntime and PyTorch"
        target/python/bin/python tests/exports.py "$SHADERPROP_TESTS/exports"
        echo "a table beside scikit-learn"
        target/python/bin/python tests/sklearn_table.py target/release/shaderprop
        for program in tests/fixtures/*.py; do
            echo "making again what $program made"
            made=$SHADERPROP_TESTS/fixture
            target/python/bin/python "$program" "$made.json" >"$made.log" 2>&1 || { cat "$made.log"; exit 1; }
            target/python/bin/python tests/same_numbers.py "${program%.py}.json" "$made.json"
        done
    else
        skipped+=("the fixtures and onnxruntime, for want of Python with NumPy, PyTorch, scikit-learn, Keras and onnxruntime")
    fi
    for driver in mesa25 swiftshader; do
        if environment=$(tests/driver.sh "$driver"); then
            mapfile -t variables <<<"$environment"
            echo "the tests on $driver"
            env "${variables[@]}" cargo test --locked --release --workspace
        else
            skipped+=("$driver, which could not be unpacked")
        fi
    done
else
    skipped+=("other drivers, the fixtures' programs, onnxruntime and PyTorch on exported models, which --all runs; the long mode, which tests/long.sh is")
fi
printf '%s\n' "${took[@]}"
if [ ${#skipped[@]} = 0 ]; then echo "not run: nothing"; else (IFS=';'; echo "not run: ${skipped[*]}"); fi

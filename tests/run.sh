#!/bin/bash
# tests/run.sh [--all]: runs the tests. Needs Rust, gcc, git, Node.js and a Vulkan driver. On Debian it installs a
# software driver if there is none.
# --all also runs the tests on two other software drivers, and checks the fixtures with NumPy, PyTorch, scikit-learn and
# Keras, and exported models with onnxruntime and PyTorch. It installs these under target/.
# The last line says what was not run, and the lines before it how long each part took.
# Two runs in one clone do not disturb each other: each writes the files of its tests to its own folder.
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

# A Vulkan driver has a JSON file in one of these folders.
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

# The folder for what this run writes, except the builds. The tests read its name from this variable
# (tests/common/folder.rs). It is kept if something fails.
export SHADERPROP_TESTS=$PWD/target/tmp/suite.$$
mkdir -p "$SHADERPROP_TESTS"
ended() { if [ "$1" = 0 ]; then rm -rf "$SHADERPROP_TESTS"; else echo "what the tests wrote is in $SHADERPROP_TESTS" >&2; fi; }
trap 'ended $?' EXIT

took=()
# Sets `cpu` to the CPU seconds of all commands so far. (In a subshell, `times` would count only the subshell's
# commands.)
spent=$SHADERPROP_TESTS/spent
count_cpu() {
    times >"$spent"
    cpu=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, part, "m"); sum += part[1] * 60 + part[2] } print int(sum) }' "$spent")
}
# part NAME COMMAND…: runs a part of the tests, and records how long it took.
part() {
    local name=$1 began=$SECONDS before
    shift
    count_cpu
    before=$cpu
    "$@"
    count_cpu
    took+=("$(printf '%-28s %5d s, %5d s of CPU' "$name" $((SECONDS - began)) $((cpu - before)))")
}

# Tests and examples share one optimised profile. The examples are built first, because tests run them. Both packages
# are built together, so that their dependencies are built only once.
part "building" cargo build --locked --release --workspace --examples
part "building tests" cargo test --locked --release --workspace --no-run
part "tests" cargo test --locked --release --workspace
# The commands of the README and of docs/, with the command installed as the README says.
part "commands of the docs" tests/docs.sh
part "page in a browser" web/test.sh
# The WGSL modules of the tests, in the languages of other backends.
part "modules for other backends" cargo run --locked --quiet --manifest-path tests/naga/Cargo.toml --target-dir target/naga -- "$SHADERPROP_TESTS/modules"
# The models that the tests have exported, in an ONNX runtime written in Rust.
part "exported models" cargo run --locked --quiet --manifest-path tests/onnx/Cargo.toml --target-dir target/onnx -- "$SHADERPROP_TESTS/exports"

[ "$(id -u)" = 0 ] || [ "$(uname)" != Linux ] || skipped+=("saving to a full disk, because only root can mount one")
[ "$(uname)" = Linux ] || skipped+=("faults of the driver, the disk and memory, which need Linux")
[ -n "${SHADERPROP_MNIST-}" ] || skipped+=("training on MNIST, because SHADERPROP_MNIST does not name its folder")
if [ "$all" = yes ]; then
    # Another run may be installing. Where flock exists, wait for it.
    if (
        flock 9 2>/dev/null || true
        python3 -m venv target/python && target/python/bin/pip install -q numpy torch keras jax scikit-learn onnx onnxruntime safetensors
    ) 9>target/python.lock; then
        echo "exported models in onnxruntime and PyTorch"
        target/python/bin/python tests/exports.py "$SHADERPROP_TESTS/exports"
        echo "a table, compared with scikit-learn"
        target/python/bin/python tests/sklearn_table.py target/release/shaderprop
        for program in tests/fixtures/*.py; do
            echo "running $program again"
            made=$SHADERPROP_TESTS/fixture
            target/python/bin/python "$program" "$made.json" >"$made.log" 2>&1 || { cat "$made.log"; exit 1; }
            target/python/bin/python tests/same_numbers.py "${program%.py}.json" "$made.json"
        done
    else
        skipped+=("the fixtures and onnxruntime, because Python with NumPy, PyTorch, scikit-learn, Keras and onnxruntime could not be installed")
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
    skipped+=("other drivers, the fixtures' programs, onnxruntime and PyTorch on exported models, which --all runs; the long tests, which tests/long.sh runs")
fi
printf '%s\n' "${took[@]}"
if [ ${#skipped[@]} = 0 ]; then echo "not run: nothing"; else (IFS=';'; echo "not run: ${skipped[*]}"); fi

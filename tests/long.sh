#!/bin/bash
# tests/long.sh [PART …]: runs the tests that take too long to run for every change. Prints a line for each part, and
# writes the output of each to target/long/PART.log.
# Parts: faults recover functions determinism memory products drivers modules mutants host_mutants fuzz suite coverage.
# All of them take about six hours on two cores. FUZZ_RUNS is the number of runs per reader in fuzzing (10,000,000), and
# SUITE_RUNS the number of runs of the suite (20).
set -uo pipefail
cd "$(dirname "$0")/.."
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(faults recover functions determinism memory products drivers modules mutants host_mutants fuzz suite coverage)
mkdir -p target/long
cargo build --quiet --locked --release --workspace --examples && cargo test --quiet --locked --release --workspace --no-run || exit 1
# one TEST [FILTER]: runs a test file in its long form.
one() { SHADERPROP_LONG=1 cargo test --locked --release --workspace --test "$1" -- --nocapture "${@:2}"; }
suite() {
    local failed=0 run
    for ((run = 1; run <= ${SUITE_RUNS:-20}; run++)); do
        cargo test --locked --release --workspace --no-fail-fast >"target/long/suite-$run.log" 2>&1 || { failed=$((failed + 1)); grep FAILED "target/long/suite-$run.log"; }
    done
    echo "$((run - 1)) runs of the suite, $failed failed"
    [ $failed = 0 ]
}
# Checks the modules of tests/shaders.rs with SPIR-V's own validator.
modules() {
    command -v spirv-val >/dev/null || { [ "$(id -u)" = 0 ] && apt-get install -y -qq spirv-tools >/dev/null; } || { echo "spirv-val is missing: install spirv-tools"; return 1; }
    local folder=$PWD/target/tmp/suite.$$ bad=0 module
    SHADERPROP_TESTS=$folder cargo test --quiet --locked --release --workspace --test shaders >/dev/null || return 1
    cargo run --locked --quiet --manifest-path tests/naga/Cargo.toml --target-dir target/naga -- "$folder/modules" || return 1
    for module in "$folder"/modules/*.spv; do spirv-val --target-env vulkan1.1 "$module" || { bad=$((bad + 1)); echo "$module"; }; done
    echo "$(ls "$folder"/modules/*.spv | wc -l) modules, $bad of them rejected by spirv-val"
    rm -rf "$folder"
    [ $bad = 0 ]
}
bad=0
for part in "${parts[@]}"; do
    since=$SECONDS
    case $part in
        faults | recover | functions | determinism | memory) one "$part" ;;
        products) one products every_triple ;;
        drivers) tests/drivers.sh ;;
        modules) modules ;;
        mutants) python3 tests/mutants.py ;;
        host_mutants) python3 tests/host_mutants.py --anew ;;
        fuzz) fuzz/run.sh "${FUZZ_RUNS:-10000000}" ;;
        suite) suite ;;
        coverage) tests/coverage.sh ;;
        *) echo "no part $part"; exit 2 ;;
    esac >"target/long/$part.log" 2>&1 && state=ok || { state=FAILS; bad=1; }
    last=$(grep -E '^(faults:|test result|\||.*noticed|.*runs|.*modules|TOTAL)' "target/long/$part.log" | tail -6 | tr '\n' ';')
    echo "$part: $state in $((SECONDS - since)) s: $last"
done
exit $bad

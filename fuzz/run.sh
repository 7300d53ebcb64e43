#!/bin/bash
# fuzz/run.sh RUNS [TARGET …]: fuzzes the readers, RUNS times each, starting from the corpus in this folder, and prints
# a line for each target. Inputs with new coverage go to target/fuzz/TARGET. With MERGE=1, the shortest inputs that
# cover as much as all of them are added to the corpus. Needs Rust and a C++ compiler, but no nightly toolchain and no
# cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:?give the number of runs of each target}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(safetensors checkpoint npz npy idx csv)
host=$(rustc -vV | sed -n 's/^host: //p')
# The flags that cargo-fuzz sets: edges and comparisons are reported to libFuzzer. The build names its target, so that
# build scripts and macros are not instrumented.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
export CARGO_TARGET_DIR=target/fuzz/build
cargo build --locked --quiet --release --manifest-path fuzz/Cargo.toml --target "$host"
for target in "${targets[@]}"; do
    own=fuzz/corpus/$target found=target/fuzz/$target
    mkdir -p "$own" "$found"
    program=target/fuzz/build/$host/release/$target
    # Short tables are enough to find what is wrong with a table.
    longest=4096
    [ "$target" = csv ] && longest=192
    options=(-max_len=$longest -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$found/")
    since=$SECONDS
    "$program" "${options[@]}" -runs="$runs" -print_final_stats=1 "$found" "$own" >"$found.log" 2>&1 || { tail -40 "$found.log"; echo "$target: crashed, the input is in $found"; exit 1; }
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found.log")
    echo "$target: $executed runs, 0 crashes, $((SECONDS - since)) s"
    if [ "${MERGE-}" = 1 ]; then
        rm -rf "$found.least" && mkdir "$found.least"
        "$program" "${options[@]}" -set_cover_merge=1 "$found.least" "$own" "$found" >/dev/null 2>&1
        # The repository should not have thousands of files: add only the shortest hundred to the valid files that it
        # began with.
        ls -Sr "$found.least" | head -100 | while read -r file; do cp "$found.least/$file" "$own"; done
    fi
done

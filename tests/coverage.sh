#!/bin/bash
# tests/coverage.sh: measures how many regions of each file of the host code the tests run. Fails below 90 % of all
# regions. Installs cargo-llvm-cov and, with rustup, the toolchain's own LLVM tools. Uses a separate build.
set -euo pipefail
cd "$(dirname "$0")/.."
rustup component list --installed | grep -q '^llvm-tools' || rustup component add llvm-tools
[ -x target/tools/bin/cargo-llvm-cov ] || cargo install --quiet --locked --root target/tools cargo-llvm-cov
export PATH="$PWD/target/tools/bin:$PATH" XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"
# Stripped programs have no regions.
export CARGO_PROFILE_RELEASE_STRIP=false
cargo build --quiet --locked --release --workspace --examples
# tests/programs.rs runs the examples. They are not part of the library, so they are not instrumented. They are copied
# after `clean`, which would remove them.
cargo llvm-cov clean --workspace --locked
mkdir -p target/llvm-cov-target/release
cp -r target/release/examples target/llvm-cov-target/release/
cargo llvm-cov --no-clean --locked --release --workspace --no-fail-fast --summary-only --fail-under-regions 90 --ignore-filename-regex '(^|/)(tests|fuzz|examples)/' "$@"

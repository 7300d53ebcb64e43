#!/bin/bash
# tests/coverage.sh: how much of the host's code the tests run, region by region, file by file; fails below 90 in 100 regions. Installs cargo-llvm-cov and, by rustup, LLVM's tools of
# the toolchain's own version; takes a build of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
rustup component list --installed | grep -q '^llvm-tools' || rustup component add llvm-tools
[ -x target/tools/bin/cargo-llvm-cov ] || cargo install --quiet --locked --root target/tools cargo-llvm-cov
export PATH="$PWD/target/tools/bin:$PATH" XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"
# Stripped programs have no regions.
export CARGO_PROFILE_RELEASE_STRIP=false
cargo build --quiet --locked --release --workspace --examples
# What tests/programs.rs runs: as they are, since they are no part of the library. After the cleaning, which would take them away.
cargo llvm-cov clean --workspace --locked
mkdir -p target/llvm-cov-target/release
cp -r target/release/examples target/llvm-cov-target/release/
cargo llvm-cov --no-clean --locked --release --workspace --no-fail-fast --summary-only --fail-under-regions 90 --ignore-filename-regex '(^|/)(tests|fuzz|examples)/' "$@"

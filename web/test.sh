#!/bin/bash
# web/test.sh: builds the page and tries it in a headless Chromium whose WebGPU computes on the CPU. Needs Rust, Node.js and the program in
# target/release; on Debian it installs the browser where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
has_browser() { [ -x /usr/bin/chromium ] || [ -x /usr/bin/chromium-browser ] || [ -x /usr/bin/google-chrome ]; }
install() {
    command -v apt-get >/dev/null || { echo "no $1, and no apt-get to install it: install it" >&2; exit 1; }
    [ "$(id -u)" = 0 ] || { echo "no $1, and not root: as root, run: apt-get install $1" >&2; exit 1; }
    echo "no $1: installing it"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}
has_browser || install chromium
command -v npm >/dev/null || install npm
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"
[ -x target/release/shaderprop ] || cargo build --locked --release --package shaderprop-cli
web/build.sh
# Where the target came from rustup, clippy knows it too.
if [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
    cargo clippy --quiet --locked --release --manifest-path web/Cargo.toml --target wasm32-unknown-unknown --target-dir target/web -- -D warnings
fi
(cd web && npm ci --silent --no-audit --no-fund && npx tsc --noEmit --strict --lib es2022,dom --target es2022 --module esnext --moduleResolution bundler tests/types.ts && npm test)

#!/bin/bash
# web/test.sh: builds the page and tests it in a headless Chromium whose WebGPU computes on the CPU. Needs Rust, Node.js
# and target/release/shaderprop, which it builds if it is missing. On Debian it installs the browser if there is none.
# Two runs do not disturb each other: each builds into its own folder, and serves it at a free port.
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
export SHADERPROP_DIST=$PWD/target/web-dist.$$
trap 'rm -rf "$SHADERPROP_DIST"' EXIT
web/build.sh "$SHADERPROP_DIST"
# clippy supports the wasm target only if it comes from rustup.
if [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
    cargo clippy --quiet --locked --release --manifest-path web/Cargo.toml --target wasm32-unknown-unknown --target-dir target/web -- -D warnings
fi
# npm ci empties node_modules first, but another run may be using it. So it is left alone if it has the packages of the
# lock file.
if ! cmp -s web/package-lock.json web/node_modules/installed-lock.json; then
    (
        flock 9 2>/dev/null || true
        cd web
        if ! cmp -s package-lock.json node_modules/installed-lock.json; then
            npm ci --silent --no-audit --no-fund
            cp package-lock.json node_modules/installed-lock.json
        fi
    ) 9>target/npm.lock
fi
(cd web && npx tsc --noEmit --strict --lib es2022,dom --target es2022 --module esnext --moduleResolution bundler tests/types.ts && npm test)

#!/bin/bash
# web/build.sh [FOLDER]: builds the page and the module into web/dist, or into FOLDER. Any static server can serve it.
# Needs Rust. Gets the wasm target from rustup, or, if that is not possible, builds the standard library from source.
set -euo pipefail
cd "$(dirname "$0")/.."
dist=${1:-web/dist}
target=wasm32-unknown-unknown
flags=()
has_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; }
if ! has_target && command -v rustup >/dev/null; then rustup target add $target || true; fi
if ! has_target; then
    # Debian's packages of the compiler and of the library's source, which have the same version. They are unpacked and
    # not installed, because they would replace rustup's.
    root="$PWD/target/rust-web"
    if [ ! -e "$root/complete" ]; then
        echo "no standard library for $target: building it from Debian's source"
        command -v apt-get >/dev/null || { echo "no apt-get: run 'rustup target add $target' where there is a network" >&2; exit 1; }
        # Unpack into a folder that only this process uses, because another one may be unpacking, too.
        complete=$root
        root=$root.$$
        rm -rf "$root" && mkdir -p "$root/packages"
        version=$(apt-cache policy rustc-web | sed -n 's/ *Candidate: \([0-9]*\.[0-9]*\)\..*/\1/p')
        [ -n "$version" ] || { echo "no package rustc-web: run apt-get update, or 'rustup target add $target'" >&2; exit 1; }
        llvm=$(apt-cache depends "libstd-rust-web-$version" | sed -n 's/.*Depends: \(libllvm[0-9]*\)$/\1/p')
        (cd "$root/packages" && apt-get download rustc-web "libstd-rust-web-$version" libstd-rust-web-dev rust-web-src $llvm)
        for package in "$root"/packages/*.deb; do dpkg -x "$package" "$root"; done
        rm -rf "$root/packages"
        [ -d "$root/usr/lib/rustlib/src/rust/library" ] || { echo "rust-web-src: expected the library's source in usr/lib/rustlib/src/rust" >&2; exit 1; }
        touch "$root/complete"
        [ -e "$complete/complete" ] || { rm -rf "$complete" && mv -T "$root" "$complete"; } || true
        rm -rf "$root"
        root=$complete
    fi
    linker=$(find "$(rustc --print sysroot)" -name rust-lld -type f | head -1)
    export LD_LIBRARY_PATH="$root/usr/lib:$root/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export RUSTC="$root/usr/bin/rustc" RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Clinker-flavor=wasm-ld CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$linker"
    flags=(-Zbuild-std=std,panic_abort)
fi
cargo build --quiet --locked --release --manifest-path web/Cargo.toml --target $target --target-dir target/web "${flags[@]}"

# The generator must have exactly the version of the wasm-bindgen crate.
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' web/Cargo.lock)
generator=target/tools/bin/wasm-bindgen
if [ "$("$generator" --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    env -u RUSTC -u RUSTC_BOOTSTRAP -u RUSTFLAGS -u LD_LIBRARY_PATH cargo install --quiet wasm-bindgen-cli --version "$version" --root target/tools --target-dir target/wasm-bindgen-cli
fi
rm -rf "$dist"
mkdir -p "$dist"
"$generator" --target web --no-typescript --remove-name-section --remove-producers-section --out-dir "$dist" \
    target/web/$target/release/shaderprop_web.wasm
cp web/shaderprop.js web/shaderprop.d.ts web/page/* "$dist/"
cp examples/digits/digits.csv.gz "$dist/"
bytes=$(cat "$dist"/*.wasm "$dist"/*.js | gzip -9 | wc -c)
echo "$dist: wasm and JavaScript are $((bytes / 1000)) kB gzipped"

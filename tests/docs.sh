#!/bin/bash
# tests/readme.sh: runs the README's commands as they stand there, block by block, in a folder of their own below target/, where `examples` and
# `tests` are links. `cargo install` alone runs where Cargo.toml is, and installs into that folder. What is not run is said.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
folder=$root/target/readme
rm -rf "$folder"
mkdir -p "$folder"
ln -s "$root/examples" "$root/tests" "$root/benches" "$folder"
export CARGO_INSTALL_ROOT=$folder/installed
export PATH=$folder/installed/bin:$PATH

# The blocks of shell commands, each ended by a line of its own.
blocks=$(awk '/^```sh$/ { inside = 1; next } /^```$/ { if (inside) print "--"; inside = 0; next } inside' README.md)
ran=0
while IFS= read -r command; do
    case "$command" in
        --) continue ;;
        web/build.sh) echo "not run: $command, which web/test.sh runs"; continue ;;
        tests/run.sh) echo "not run: $command, which runs this"; continue ;;
        *" -- FOLDER")
            if [ -z "${SHADERPROP_MNIST-}" ]; then echo "not run: $command, for want of MNIST's folder in SHADERPROP_MNIST"; continue; fi
            command=${command/FOLDER/"'$SHADERPROP_MNIST'"} ;;
    esac
    place=$folder
    case "$command" in "cargo install "*) place=$root ;; esac
    if ! (cd "$place" && bash -e -o pipefail -c "$command") >"$folder/log" 2>&1; then
        cat "$folder/log" >&2
        echo "README.md: expected this command to run, it failed: $command" >&2
        exit 1
    fi
    ran=$((ran + 1))
done <<<"$blocks"
for drawn in digits.png confusion.png both.svg; do
    [ -s "$folder/$drawn" ] || { echo "README.md: expected its commands to draw $drawn, they did not" >&2; exit 1; }
done
size=$(stat -c %s "$folder/installed/bin/shaderprop" 2>/dev/null || stat -f %z "$folder/installed/bin/shaderprop")
[ "$size" -lt 15000000 ] || { echo "the command: expected less than 15,000,000 bytes, got $size" >&2; exit 1; }
echo "README.md: $ran commands ran; the command has $size bytes"

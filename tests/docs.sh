#!/bin/bash
# tests/docs.sh: runs the `sh` blocks of README.md and of the pages of docs/, in the order of docs/README.md, line by
# line. They run in a folder under target/ that only this process uses, in which `examples`, `tests` and `benches` are
# links. Only `cargo install` runs in the root; it installs into that folder. A command that ran before is not repeated.
# What else is not run is printed with the reason: a command that another test runs, one whose data is missing, and
# those of a block after a line `<!-- not run: REASON -->`. It also checks the links of all pages.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

# The pages, in reading order; docs/README.md lists each page once.
pages=(README.md docs/README.md)
while IFS= read -r page; do pages+=("docs/$page"); done < <(grep -oE '\]\((learn|use|embed|inside)/[a-z]+\.md\)|\]\((learn|use|embed|inside)/README\.md\)' docs/README.md | tr -d '()]')
missing=$(comm -13 <(printf '%s\n' "${pages[@]}" | sort) <(find docs -name '*.md' | sort))
[ -z "$missing" ] || { echo "docs/README.md: these pages are not listed: $missing" >&2; exit 1; }

# Links to files and to headings. A heading's anchor is its text in lower case, without punctuation, with hyphens for spaces.
anchors() { awk '/^```/ { code = !code } !code && /^#+ / { sub(/^#+ /, ""); s = tolower($0); gsub(/[^a-z0-9 _-]/, "", s); gsub(/ /, "-", s); print s }' "$1"; }
bad=0
links=0
for page in "${pages[@]}" CONTRIBUTING.md CHANGELOG.md; do
    while IFS= read -r link; do
        case "$link" in http://* | https://*) continue ;; esac
        links=$((links + 1))
        file=${link%%#*}
        if [ -n "$file" ]; then file=$(dirname "$page")/$file; else file=$page; fi
        if [ ! -e "$file" ]; then
            echo "$page: the link $link leads nowhere" >&2
            bad=1
        elif [ "${link#*#}" != "$link" ] && ! anchors "$file" | grep -qxF -- "${link#*#}"; then
            echo "$page: the link $link leads to no heading" >&2
            bad=1
        fi
    done < <(awk '/^```/ { code = !code } !code' "$page" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//')
done
# Rust code is compiled by the tests of the documentation, through src/lib.rs.
for page in "${pages[@]}"; do
    if grep -q '^```rust' "$page" && ! grep -qF "include_str!(\"../$page\")" src/lib.rs; then
        echo "$page: its Rust code is not compiled; include it in src/lib.rs" >&2
        bad=1
    fi
done
[ "$bad" = 0 ] || exit 1

folder=$root/target/docs.$$
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"
ln -s "$root/examples" "$root/tests" "$root/benches" "$folder"
export CARGO_INSTALL_ROOT=$folder/installed
export PATH=$folder/installed/bin:$PATH

# A line for each command: its page, why it is not run (or `-`), and the command.
commands=$(for page in "${pages[@]}"; do
    awk -v page="$page" '
        /^<!-- not run: .* -->$/ { why = $0; sub(/^<!-- not run: /, "", why); sub(/ -->$/, "", why); next }
        /^```sh$/ { inside = 1; next }
        /^```/ { inside = 0; why = ""; next }
        inside && NF { print page "\t" (why == "" ? "-" : why) "\t" $0 }' "$page"
done)
declare -A done=()
ran=0
repeated=0
while IFS=$'\t' read -r page why command; do
    if [ "$why" != - ]; then echo "$page: not run: $command, $why"; continue; fi
    if [ -n "${done[$command]-}" ]; then repeated=$((repeated + 1)); continue; fi
    done[$command]=yes
    case "$command" in
        web/build.sh) echo "$page: not run: $command, which web/test.sh runs"; continue ;;
        tests/run.sh) echo "$page: not run: $command, which runs this"; continue ;;
        *" -- FOLDER")
            if [ -z "${SHADERPROP_MNIST-}" ]; then echo "$page: not run: $command, since SHADERPROP_MNIST does not name MNIST's folder"; continue; fi
            command=${command/FOLDER/"'$SHADERPROP_MNIST'"} ;;
    esac
    place=$folder
    case "$command" in "cargo install "*) place=$root ;; esac
    if ! (cd "$place" && bash -e -o pipefail -c "$command") </dev/null >"$folder/log" 2>&1; then
        cat "$folder/log" >&2
        echo "$page: this command failed: $command" >&2
        exit 1
    fi
    ran=$((ran + 1))
done <<<"$commands"
for drawn in digits.png confusion.png both.svg petals.png; do
    [ -s "$folder/$drawn" ] || { echo "expected the commands of the documentation to draw $drawn, but they did not" >&2; exit 1; }
done
size=$(stat -c %s "$folder/installed/bin/shaderprop" 2>/dev/null || stat -f %z "$folder/installed/bin/shaderprop")
[ "$size" -lt 15000000 ] || { echo "the command: expected less than 15,000,000 bytes, got $size" >&2; exit 1; }
echo "README.md and docs: $ran commands ran, $repeated more repeat one of them; $links links are valid; the command has $size bytes"

#!/bin/bash
# benches/peers/run.sh [ROUNDS]: measures training steps of shaderprop and of burn, in turn, on the same adapter, and
# prints the ratios of their medians. The first run builds both; burn takes many minutes. The default is 3 rounds.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3}
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "usage: benches/peers/run.sh [ROUNDS]" >&2; exit 2; }
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"
CARGO_TARGET_DIR=target/peers/burn cargo build --locked --release --quiet --manifest-path benches/peers/burn/Cargo.toml
cargo build --locked --release --quiet --example bench
ours=target/release/examples/bench
burn=target/peers/burn/release/peer-burn

value() { sed -n "s/^$1=//p"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }

echo "| network | batch | shaderprop, ms per step | burn | ratio | shaderprop, first step in ms | burn |"
echo "|---|---|---|---|---|---|---|"
while read -r layers batch steps; do
    ours_ms=() burn_ms=() ours_first=() burn_first=()
    for ((round = 0; round < rounds; round++)); do
        # With a cold shader cache for both.
        output=$(MESA_SHADER_CACHE_DISABLE=true $ours --layers "$layers" --batch "$batch" --steps "$steps" --no-peak)
        ours_ms+=("$(value ms_per_step <<<"$output")") ours_first+=("$(value first_step_ms <<<"$output")")
        output=$(MESA_SHADER_CACHE_DISABLE=true $burn "$layers" "$batch" "$steps")
        burn_ms+=("$(value ms_per_step <<<"$output")") burn_first+=("$(value first_step_ms <<<"$output")")
    done
    a=$(printf '%s\n' "${ours_ms[@]}" | median) b=$(printf '%s\n' "${burn_ms[@]}" | median)
    c=$(printf '%s\n' "${ours_first[@]}" | median) d=$(printf '%s\n' "${burn_first[@]}" | median)
    echo "| $layers | $batch | $a | $b | $(awk "BEGIN { printf \"%.1f\", $b / $a }") | $c | $d |"
done <<'END'
784,128,10 64 50
784,512,512,10 256 10
1024,1024,1024,1024 512 3
100,333,77,10 61 50
END

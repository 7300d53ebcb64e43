#!/bin/bash
# tests/drivers.sh [TEST …]: runs the tests that train on a device, or those named, on each software driver and in each
# configuration of the installed one, and prints a line for each. For Debian 12 (tests/driver.sh unpacks the drivers).
# Installs Vulkan's validation layers if they are missing and the script runs as root.
set -uo pipefail
cd "$(dirname "$0")/.."
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(asynchronous batches determinism errors export files fit fused kernels products recover resume stages trainer training tutorials)
options=()
for test in "${tests[@]}"; do options+=(--test "$test"); done
cargo test --locked --release --workspace --no-run "${options[@]}" 2>/dev/null || { echo "the tests do not build" >&2; exit 1; }
bad=0
# try NAME [VARIABLE=VALUE …]: runs the tests with these variables.
try() {
    local name=$1 log
    shift
    log=target/drivers/${name// /-}.log
    mkdir -p target/drivers
    if env "$@" cargo test --locked --release --workspace --no-fail-fast "${options[@]}" >"$log" 2>&1; then
        passed=$(grep -c '^test .* ok$' "$log")
        # Messages of the validation layer do not fail a test.
        messages=$(grep -cE 'Validation (Error|Warning)|SYNC-HAZARD' "$log")
        if [ "$passed" = 0 ]; then bad=1; echo "$name: no test was run";
        # At its start, the layer prints what it checks.
        elif [[ $name == validation* ]] && ! grep -A3 'Validation Layer Active' "$log" | grep -c SYNCHRONIZATION_VALIDATION >/dev/null; then
            bad=1; echo "$name: the layer was not active, see $log";
        elif [ "$messages" -gt 0 ]; then bad=1; echo "$name: $messages messages, in $log"; else echo "$name: $passed tests ok"; fi
    else
        bad=1
        echo "$name: FAILS, in $log: $(grep -E '^test .*FAILED' "$log" | head -3 | tr '\n' ' ')"
    fi
}
try "installed driver"
for threads in 0 1 2 8; do try "$threads threads" LP_NUM_THREADS=$threads; done
try "vectors of 128 bits" LP_NATIVE_VECTOR_WIDTH=128
try "strict WebGPU" WGPU_STRICT_WEBGPU_COMPLIANCE=1
try "limits of a browser" WGPU_STRICT_WEBGPU_COMPLIANCE=1 SHADERPROP_TEST_BROWSER=1
layer=/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json
[ -f $layer ] || [ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq vulkan-validationlayers >/dev/null
if [ -f $layer ]; then
    mkdir -p target/validation
    cat >target/validation/vk_layer_settings.txt <<'SETTINGS'
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.report_flags = error,warn,info
khronos_validation.log_filename = stdout
khronos_validation.enables = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
SETTINGS
    try "validation layer" VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation VK_LAYER_SETTINGS_PATH="$PWD/target/validation"
else
    echo "not run: the validation layer, which is not installed"
    bad=1
fi
for driver in mesa25 swiftshader; do
    if environment=$(tests/driver.sh "$driver" 2>/dev/null); then
        mapfile -t variables <<<"$environment"
        try "$driver" "${variables[@]}"
    else
        echo "not run: $driver, which could not be unpacked"
        bad=1
    fi
done
exit $bad

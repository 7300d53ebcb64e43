#!/bin/bash
# tests/driver.sh mesa25|swiftshader: unpacks a second software driver from Debian's packages into target/drivers,
# without installing it, and prints the environment that selects it. For Debian 12, whose own Mesa is 22.3, with its
# package sources in *.sources files. Needs apt-get, but not root.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="$PWD/target/drivers"
mkdir -p "$folder/lists/partial"
cd "$folder"
# Another process may be unpacking. Where flock exists, wait for it.
exec 9>lock
flock 9 2>/dev/null || true
case "$1" in
    mesa25)
        if [ ! -f mesa25.json ]; then
            source=$(grep -hE '^URIs: ' /etc/apt/sources.list.d/*.sources | head -1)
            key=$(grep -hE '^Signed-By: ' /etc/apt/sources.list.d/*.sources | head -1)
            printf 'Types: deb\n%s\nSuites: bookworm-backports\nComponents: main\n%s\n' "$source" "$key" > backports.sources
            options=(-oDir::Etc::sourcelist="$folder/backports.sources" -oDir::Etc::sourceparts=- -oDir::State::lists="$folder/lists")
            { apt-get "${options[@]}" update; apt-get "${options[@]}" download mesa-vulkan-drivers libdrm2 libdrm-amdgpu1; } >&2
            for package in mesa-*.deb libdrm*.deb; do dpkg -x "$package" mesa25; done
            library=$(find "$folder/mesa25" -name libvulkan_lvp.so)
            printf '{"ICD":{"api_version":"1.3.0","library_path":"%s"},"file_format_version":"1.0.0"}\n' "$library" > mesa25.json
        fi
        json="$folder/mesa25.json"
        echo "LD_LIBRARY_PATH=$(dirname "$(find "$folder/mesa25" -name libvulkan_lvp.so)")"
        ;;
    swiftshader)
        if [ -z "$(find chromium -name vk_swiftshader_icd.json 2>/dev/null)" ]; then
            apt-get download chromium chromium-common >&2
            for package in chromium*.deb; do dpkg -x "$package" chromium; done
        fi
        json=$(find "$folder/chromium" -name vk_swiftshader_icd.json)
        ;;
    *) echo "usage: tests/driver.sh mesa25|swiftshader" >&2; exit 2 ;;
esac
echo "VK_DRIVER_FILES=$json"
echo "VK_ICD_FILENAMES=$json"

#!/bin/bash
# Usage: clang_tidy.sh [BUILD_DIR]: runs clang-tidy's few chosen checks over the product's sources.
#
# Files that include Asio are left out: one costs more than all others together.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
if [ ! -f "$build/compile_commands.json" ]; then
  cmake --preset release --log-level=WARNING >/dev/null
fi
checker=$(command -v clang-tidy-19 || command -v clang-tidy)
git ls-files -z -- 'src/dakkar/*.cpp' | grep -zv '_test\.cpp$' |
  xargs -0 --no-run-if-empty grep -LZE '<boost/|<CLI/|<spdlog/' |
  xargs -0 --no-run-if-empty -P "${JOBS:-$(nproc)}" -n 4 \
    "$checker" -p "$build" --quiet --warnings-as-errors='*' \
    --extra-arg=-Wno-unknown-warning-option \
    2> >(grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? generated|^\[' >&2)

#!/bin/bash
# Usage: format.sh [--check]: formats every C++ file of the tree, or fails where one differs.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(-i)
if [ "${1:-}" = --check ]; then
  mode=(--dry-run -Werror)
fi
# The format is that of the oldest supported release; newer ones wrap some lines differently.
formatter=$(command -v clang-format-14 || command -v clang-format)
git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cpp' '*.cu' '*.cuh' |
  xargs -0 --no-run-if-empty "$formatter" "${mode[@]}"

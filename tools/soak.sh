#!/bin/bash
# Usage: soak.sh [--short] BUILD...: clients against a whole server in each of the builds release,
# asan and tsan, for minutes or for the seconds that CI has. Builds what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
test=soak
if [ "${1:-}" = --short ]; then
  test=load
  shift
fi
for build in "$@"; do
  preset=${build/release/test}
  cmake --preset "$preset" --log-level=WARNING
  cmake --build "build/$build" -j "${JOBS:-$(nproc)}" --target dakkar_load_test | tail -n 1
  ctest --test-dir "build/$build" -R "^$test\$" --no-tests=error -V |
    sed -u "s/^[0-9]*: //; s/^load: /load: $build: /"
done

#!/bin/bash
# Usage: count_tests.sh BUILD_DIR: prints how many GoogleTest cases the last CTest run passed.
set -euo pipefail
log=$1/Testing/Temporary/LastTest.log
awk '/^\[  PASSED  \] / { passed += $4 } /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
     END { printf "%d test cases passed, %d skipped\n", passed, skipped }' "$log"

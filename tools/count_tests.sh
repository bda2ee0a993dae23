#!/bin/bash
# Usage: count_tests.sh BUILD_DIR: says which GoogleTest cases the last CTest run skipped and how
# many it passed.
set -euo pipefail
log=$1/Testing/Temporary/LastTest.log
grep -aoE '^\[  SKIPPED \] [^ ,]+\.[^ ,]+( \([0-9]+ ms\))?$' "$log" |
  sed -E 's/^\[  SKIPPED \] /skipped: /; s/ \([0-9]+ ms\)//' | sort -u || true
awk '/^\[  PASSED  \] / { passed += $4 } /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
     END { printf "%d test cases passed, %d skipped\n", passed, skipped }' "$log"

#!/bin/bash
# Usage: timed.sh NAME COMMAND...: runs the command, then prints how long it took.
set -uo pipefail
name=$1
shift
begin=$SECONDS
"$@"
status=$?
echo "[$name] $((SECONDS - begin)) s"
exit "$status"

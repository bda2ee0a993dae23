#!/bin/bash
# Usage: tools/check_install.sh BUILD
# Installs a build below a temporary root and runs what lies there, away from the sources.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR="$root" cmake --install "$1" --prefix /opt/dakkar >"$root/log"
installed="$root/opt/dakkar"
checkpoint="$PWD/tests/data/checkpoints/latent_bf16"
version=$(sed -n 's/^project(dakkar VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
cd "$root"
[ "$("$installed/bin/dakkar" --version)" = "dakkar $version" ]
"$installed/bin/dakkar" inspect "$checkpoint" >inspected
grep -q 'memory of a rank' inspected
for page in README.md LICENSE THIRD_PARTY_NOTICES.md operating.md; do
  [ -s "$installed/share/doc/dakkar/$page" ]
done
echo "install: $(find "$installed" -type f | wc -l) files, the program runs"

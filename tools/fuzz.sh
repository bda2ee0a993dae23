#!/bin/bash
# Usage: fuzz.sh [SECONDS] [NAME...]: builds the fuzz targets and runs each one (or the named ones)
# for so long, from a fresh copy of its seeds. A line a target; fails on any finding, which it
# leaves under build/fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
shift || true
names=("$@")
if [ ${#names[@]} = 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do
    source=${source##*/}
    names+=("${source%_fuzz.cpp}")
  done
fi

# Adds test data of other tests to the seeds of a target, each file under a name of its own.
seed() {
  local file
  for file in "${@:2}"; do
    cp "$file" "$1/$(tr / _ <<<"$file")"
  done
}

copy_seeds() {
  local name=$1 into=$2 data=tests/data
  seed "$into" tests/fuzz/corpus/"$name"/*
  case $name in
    config) seed "$into" $data/checkpoints/*/config.json ;;
    generation_config) seed "$into" $data/checkpoints/*/generation_config.json ;;
    quant_config) seed "$into" $data/checkpoints/*/hf_quant_config.json ;;
    tokenizer) seed "$into" $data/tokenizer/{tiny256,small,cousin}.json ;;
    chat_template) seed "$into" $data/templates/*.jinja ;;
  esac
}

longest() {
  case $1 in
    tokenizer) echo 40000 ;;
    chat_template) echo 8192 ;;
    *) echo 4096 ;;
  esac
}

run() {
  local name=$1 corpus=build/fuzz/corpus/$1 log=build/fuzz/$1.log status=0 words=()
  rm -rf "$corpus" "build/fuzz/findings/$name"
  mkdir -p "$corpus" "build/fuzz/findings/$name"
  copy_seeds "$name" "$corpus"
  if [ -f "tests/fuzz/$name.dict" ]; then
    words=(-dict="tests/fuzz/$name.dict")
  fi
  "build/fuzz/tests/fuzz/dakkar_${name}_fuzz" "$corpus" "${words[@]}" -max_total_time="$seconds" \
    -rss_limit_mb=2048 -timeout=10 -max_len="$(longest "$name")" -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$name/" >"$log" 2>&1 || status=$?
  printf '%-18s %10s runs %8s /s  %s\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
    "$([ $status = 0 ] && echo "no finding" || echo "FINDING, see $log")"
  return $status
}

cmake --log-level=WARNING --preset fuzz >/dev/null
cmake --build --preset fuzz -j "${JOBS:-$(nproc)}" | tail -n 1
failed=0
for name in "${names[@]}"; do
  run "$name" || failed=1
done
exit $failed

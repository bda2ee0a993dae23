#!/bin/bash
# Usage: fuzz.sh [SECONDS] [NAME...]: builds the fuzz targets and runs each one (or the named ones)
# for so long, from a fresh copy of its seeds, two at a time. A line a target with the share of its
# parser's lines that ran; fails on any finding, which it leaves under build/fuzz/findings, and
# where less than 80% ran.
set -euo pipefail
cd "$(dirname "$0")/.."
BAR=80

all_names() {
  local source
  for source in tests/fuzz/*_fuzz.cpp; do
    source=${source##*/}
    echo "${source%_fuzz.cpp}"
  done
}

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

# The sources that make up a target's parser.
parser_of() {
  case $1 in
    safetensors) echo weights/safetensors.cpp ;;
    config) echo weights/{model_config,config_fields,layer_list,family_configs}.cpp ;;
    generation_config) echo weights/generation_defaults.cpp ;;
    quant_config) echo weights/quant_config.cpp ;;
    tokenizer) echo text/tokenizer.cpp text/tokenizer/ ;;
    chat_template) echo text/chat_template.cpp text/jinja/ ;;
    openai) echo base/json.cpp api/{openai_parse,openai_fields,openai_messages}.cpp \
      api/{openai_sampling,field_reader,tokenize}.cpp ;;
    http) echo server/{request_reader,route_table,http_message,access}.cpp ;;
    step_plan) echo engine/{step_plan,step_plan_check}.cpp ;;
  esac
}

longest() {
  case $1 in
    tokenizer) echo 40000 ;;
    chat_template) echo 8192 ;;
    *) echo 4096 ;;
  esac
}

# Prints the share of the parser's lines that the last run went through, in percent.
coverage() {
  local name=$1 program=build/fuzz/tests/fuzz/dakkar_$1_fuzz sources=() source
  for source in $(parser_of "$name"); do
    sources+=("$PWD/src/dakkar/$source")
  done
  llvm-profdata-19 merge -sparse "build/fuzz/$name.profraw" -o "build/fuzz/$name.profdata"
  llvm-cov-19 report "$program" -instr-profile="build/fuzz/$name.profdata" "${sources[@]}" \
    >"build/fuzz/$name.coverage" 2>/dev/null
  awk '/^TOTAL/ { printf "%.0f", 100 * ($8 - $9) / $8 }' "build/fuzz/$name.coverage"
}

run() {
  local seconds=$1 name=$2
  local corpus=build/fuzz/corpus/$name log=build/fuzz/$name.log status=0 words=()
  rm -rf "$corpus" "build/fuzz/findings/$name" "build/fuzz/$name.profraw"
  mkdir -p "$corpus" "build/fuzz/findings/$name"
  copy_seeds "$name" "$corpus"
  if [ -f "tests/fuzz/$name.dict" ]; then
    words=(-dict="tests/fuzz/$name.dict")
  fi
  LLVM_PROFILE_FILE=build/fuzz/$name.profraw \
    "build/fuzz/tests/fuzz/dakkar_${name}_fuzz" "$corpus" "${words[@]}" \
    -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=30 -max_len="$(longest "$name")" \
    -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name/" >"$log" 2>&1 || status=$?
  local share=0 word="no finding"
  if [ $status != 0 ]; then
    word="FINDING, see $log"
  else
    share=$(coverage "$name")
    [ "${share:-0}" -ge $BAR ] || { word="lines below $BAR%" && status=1; }
  fi
  printf 'fuzz: %-18s %9s runs %6s /s %4s%% of lines  %s\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" "${share:-0}" "$word"
  return $status
}

main() {
  local seconds=${1:-30}
  shift || true
  local names=("$@") jobs=${JOBS:-$(nproc)}
  [ ${#names[@]} != 0 ] || mapfile -t names < <(all_names)
  cmake --log-level=WARNING --preset fuzz >/dev/null
  # shellcheck disable=SC2046
  cmake --build build/fuzz -j "$jobs" --target $(printf 'dakkar_%s_fuzz ' "${names[@]}") |
    tail -n 1
  printf '%s\n' "${names[@]}" |
    xargs -P "$((jobs < 2 ? jobs : 2))" -I{} bash tools/fuzz.sh --run "$seconds" {}
}

if [ "${1:-}" = --run ]; then
  run "$2" "$3"
else
  main "$@"
fi

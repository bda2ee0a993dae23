#!/bin/bash
# Usage: check_pypi.sh PYTHON BUILD_DIR: the checks that need PyPI packages (.ci/requirements.txt):
# the tokenizer against the 131,072-entry one of mistral-common, the server through `openai`,
# quantized checkpoints through numpy.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
build=$2
mkdir -p build/goldens
"$python" tools/convert_tekken.py build/goldens/tekken.json
"$python" tools/record_tokenizer_goldens.py --large build/goldens/tekken.json
ctest --test-dir "$build" -R conformance --no-tests=error --output-on-failure
tools/count_tests.sh "$build"
"$python" tests/clients/openai_check.py --binary build/release/dakkar \
  --model tests/data/checkpoints/latent_bf16

# What `dakkar quantize` writes, decoded by numpy alone: the committed demo, and a fresh copy of a
# checkpoint with every kind of layer of the recipe.
"$python" tests/parity/check_quantized.py --dakkar build/release/dakkar
rm -rf build/goldens/quantized
build/release/dakkar quantize tests/data/checkpoints/latent_bf16 build/goldens/quantized
"$python" tests/parity/check_quantized.py --dakkar build/release/dakkar \
  --original tests/data/checkpoints/latent_bf16 --quantized build/goldens/quantized

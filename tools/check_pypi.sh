#!/bin/bash
# Usage: check_pypi.sh PYTHON: the checks that need PyPI packages (.ci/requirements.txt): the
# tokenizer against the 131,072-entry one of mistral-common, and the server through `openai`.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
"$python" tests/clients/openai_check.py --binary build/release/dakkar \
  --model tests/data/checkpoints/latent_bf16

#!/bin/bash
# What this project can prove on GPUs only, for a release: run on a machine with at least two CUDA devices.
#   experiments/cluster/gpu_tests.sh [pytest options]
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 -m venv .venv-gpu
.venv-gpu/bin/pip install --quiet --constraint constraints.txt --editable '.[dev,vllm,deepspeed]'
.venv-gpu/bin/python -c 'import torch; assert torch.cuda.device_count() > 1, "needs two CUDA devices"'
.venv-gpu/bin/python -m pytest -m gpu "$@"

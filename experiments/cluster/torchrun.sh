#!/bin/bash
# Without SLURM or accelerate: DDP by torchrun. The same command on every machine.
#   NODES=2 HEAD=10.0.0.1 experiments/cluster/torchrun.sh RECIPE [part.key=value ...]
set -euo pipefail
: "${NODES:=1}" "${RANKS:=8}" "${HEAD:=127.0.0.1}" "${PORT:=29500}"
exec torchrun --nnodes "$NODES" --nproc_per_node "$RANKS" --rdzv_backend c10d --rdzv_endpoint "$HEAD:$PORT" \
  -m rl.train "$@"

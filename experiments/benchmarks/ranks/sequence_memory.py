"""Memory a rank of one long rollout's loss and gradient, its tokens on one rank or shared by several.

    python experiments/benchmarks/ranks/sequence_memory.py

A Llama of few layers and few words in fp32 (random weights), under gradient checkpointing; the row is 16,384 tokens,
goes through the model as packed updates send it, and all ranks are processes of one machine that exchange by gloo.
Memory is the peak resident size (VmHWM) of a rank above that of the resting process, which holds weights and gradient
buffers: the most of the ranks. The pass stops when the last layer's backward is done: from there on memory falls. There
are few words because TRL's head folds tiles of up to 4096 tokens x 32768 words in plain torch on a CPU, which a rank of
4096 tokens has as well as one of 16,384; its GPU kernel has no such tile. Writes results/sequence_memory.json and .md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer.utils import add_fused_lm_head

from experiments.benchmarks._shared import surroundings, write
from experiments.benchmarks.long_memory import ENVIRONMENT, _PastThePeak, status, stop_after_the_last_layer
from rl.sweep.processes import die_with_parent
from rl.updates import padding_free, varlen
from rl.updates.sequence import join_groups

TOKENS, PROMPT = 16384, 32
RANKS = (1, 2, 4)
SHAPE = {
    "hidden_size": 128, "intermediate_size": 640, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 128, "tie_word_embeddings": True, "max_position_embeddings": TOKENS,
}  # fmt: skip


def measure(ranks: int) -> dict[str, float]:
    """On one of the ranks: MB of one forward and backward pass up to its peak, and of the resting process."""
    if ranks > 1:
        dist.init_process_group("gloo")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE)).train()
    varlen.use(model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter).fill_(0.0)
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    model.gradient_checkpointing_enable({"use_reentrant": False})
    group = join_groups(ranks, None, 3600)[ranks]
    ids = torch.randint(0, model.config.vocab_size, (1, TOKENS))
    row = padding_free.end_to_end(ids, torch.ones_like(ids), TOKENS - PROMPT, shared=True)
    if ranks > 1:
        dist.all_reduce(torch.ones(1))
    resting = status("VmRSS")
    stop_after_the_last_layer(model)
    with suppress(_PastThePeak):
        outputs = model(**padding_free.inputs_of(model, row, group=group), fused_lm_head=True)
        torch.autograd.backward(row.back(group.gathered(outputs.log_probs)).sum())
    return {"peak_mb": status("VmHWM") - resting, "resting_mb": resting}


def on_ranks(ranks: int) -> dict[str, Any]:
    """The most that a rank takes, each being a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)] * (ranks > 1)
        command = [sys.executable, *launcher, __file__, str(ranks), folder]
        environment = {**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environment, check=True, preexec_fn=die_with_parent)
        found = [json.loads(file.read_text()) for file in sorted(Path(folder).glob("*.json"))]
    assert len(found) == ranks
    most: dict[str, Any] = max(found, key=lambda each: each["peak_mb"])
    print(f"{ranks} ranks: {most['peak_mb']:.0f} MB", file=sys.stderr)
    return {"ranks": ranks, **most}


def main() -> None:
    rows = [on_ranks(ranks) for ranks in RANKS]
    alone = rows[0]["peak_mb"]
    for row in rows:
        row["share"] = row["peak_mb"] / alone
    lines = [
        f"One forward and backward pass of a rollout of {TOKENS} tokens under gradient checkpointing, a Llama of 2",
        "layers, fp32, CPU, packed; the peak of a rank above the resting process, which holds weights and gradients.",
        "",
        "| ranks that share it | peak MB a rank | of one rank's |",
        "|---|---|---|",
        *(f"| {row['ranks']} | {row['peak_mb']:.0f} | {row['share']:.2f} |" for row in rows),
        "",
        "Made by `python experiments/benchmarks/ranks/sequence_memory.py`.",
    ]
    write("sequence_memory", {"tokens": TOKENS, "shape": SHAPE, "measured": rows, **surroundings()}, lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        rank = os.environ.get("RANK", "0")
        (Path(sys.argv[2]) / f"{rank}.json").write_text(json.dumps(measure(int(sys.argv[1]))))
    else:
        main()

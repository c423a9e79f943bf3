"""Memory and time of one long rollout's loss and gradient: chunks of the sequence against checkpointing.

    python experiments/benchmarks/long_memory.py

The model has the shape of SmolLM2-135M (random weights, fp32); the row is 32 prompt tokens and a
completion. Every measurement is a process of its own, with two torch threads. Memory is the peak
resident size (VmHWM) above that of the resting process, which holds weights and gradient buffers, as
from the second micro-batch of an optimiser step on; freed blocks above 1 MB go back to the system at
once (MALLOC_MMAP_THRESHOLD_), so that the peak is of live memory. Time is process CPU time; the longest
rows are for memory only, and stop when the last layer's backward is done: from there on memory falls.
Writes results/long_memory.json and results/long_memory.md.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel
from trl.kernels import ChunkedLogProbFunction
from trl.trainer.utils import add_fused_lm_head, entropy_from_logits, selective_log_softmax

from experiments.benchmarks._shared import RESULTS, surroundings
from rl.sweep.processes import die_with_parent
from rl.updates.chunked import chunk_sequence

PROMPT, CHUNK, LONG, SHARE = 32, 256, 8192, 0.25
CHUNKED, SPARSE, STOCK = "sequence chunks", "sparse chunks", "checkpointing"
TILED, WHOLE, PLAIN = "small tiles", "whole logits", "plain"
WAYS = {
    CHUNKED: f"chunks of {CHUNK} tokens (`sequence_chunk`)",
    SPARSE: f"the same, gradients through a share of {SHARE} of them (`sequence_chunk_share`)",
    STOCK: "checkpointing, TRL's chunked logits (stock defaults)",
    TILED: f"checkpointing, TRL's chunked logits in tiles of {CHUNK} tokens",
    WHOLE: "checkpointing, whole logits",
    PLAIN: "no checkpointing, TRL's chunked logits",
}
LENGTHS = {CHUNKED: [2048, LONG], SPARSE: [2048], STOCK: [2048, LONG], TILED: [LONG], WHOLE: [2048], PLAIN: [1024]}
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576", "OMP_WAIT_POLICY": "passive"}
Row = dict[str, Any]


def smollm2() -> PreTrainedModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        vocab_size=49152,
        tie_word_embeddings=True,
        max_position_embeddings=2 * LONG,
    )
    return LlamaForCausalLM(config).train()  # type: ignore[no-any-return]


def log_probs(model: PreTrainedModel, way: str, ids: Tensor, completion: int) -> Tensor:
    """A completion's log-probs (1, completion), with the entropies that GRPO logs beside them."""
    mask = torch.ones_like(ids)
    if way == WHOLE:
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=completion + 1).logits
        with torch.no_grad():
            entropy_from_logits(logits[:, :-1])
        return selective_log_softmax(logits[:, :-1], ids[:, -completion:])  # type: ignore[no-any-return]
    if way == TILED:
        hidden = model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        head = model.get_output_embeddings().weight
        before, targets = hidden[0, -completion - 1 : -1], ids[0, -completion:]
        pieces = zip(torch.split(before, CHUNK), torch.split(targets, CHUNK), strict=True)
        fixed = (1.0, 32768, None, 1.0, ("log_probs", "entropy"))
        return torch.cat([ChunkedLogProbFunction.apply(h, head, None, t, *fixed)[0] for h, t in pieces])
    labels = ids.clone()
    labels[:, :-completion] = -100
    return model(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True).log_probs  # type: ignore[no-any-return]


class _PastThePeak(Exception):
    pass


def stop_after_the_last_layer(model: PreTrainedModel) -> None:
    """End the backward pass where the gradient of the last decoder layer's input is there."""

    def stop(_: Tensor) -> None:
        raise _PastThePeak

    model.base_model.layers[-1].register_forward_pre_hook(lambda _, inputs: inputs[0].register_hook(stop) and None)


def status(field: str) -> float:
    """MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measure(way: str, completion: int) -> Row:
    """In a process of its own: one forward and backward pass, at LONG up to the peak."""
    torch.set_num_threads(2)
    model = smollm2()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter).fill_(0.0)
    if way not in (WHOLE, TILED):
        add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    if way in (CHUNKED, SPARSE):
        chunk_sequence(model, CHUNK, SHARE if way == SPARSE else 1.0)
    elif way != PLAIN:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    ids = torch.randint(0, model.config.vocab_size, (1, PROMPT + completion))
    resting, started = status("VmRSS"), time.process_time()
    if completion == LONG:
        stop_after_the_last_layer(model)
    with suppress(_PastThePeak):
        torch.autograd.backward(log_probs(model, way, ids, completion).sum())
    return {
        "completion_tokens": completion,
        "peak_mb": status("VmHWM") - resting,
        "cpu_seconds": None if completion == LONG else time.process_time() - started,
        "resting_mb": resting,
    }


def in_a_process(way: str, completion: int) -> Row:
    environment = {**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, __file__, way, str(completion)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    row: Row = json.loads(done.stdout)
    print(f"{way:16} {completion:5} tokens  {row['peak_mb']:5.0f} MB", file=sys.stderr)
    return row


def line(rows: list[Row]) -> tuple[float, float]:
    """MB at no tokens, and MB a token, on the line through the two measurements."""
    (a, b), (c, d) = ((row["completion_tokens"], row["peak_mb"]) for row in rows)
    slope = (d - b) / (c - a)
    return b - slope * a, slope


def compare(rows: dict[str, list[Row]]) -> dict[str, object]:
    """The length that chunks reach in each other way's memory at its longest length, over that length."""
    constant, slope = line(rows[CHUNKED])
    last = {way: rows[way][-1] for way in WAYS}
    longer = {
        way: (last[way]["peak_mb"] - constant) / slope / last[way]["completion_tokens"]
        for way in WAYS
        if way not in (CHUNKED, SPARSE)
    }
    return {
        "ratio": longer[STOCK],
        "length_in_the_same_memory": longer,
        "memory_at_8k_over_stock": last[CHUNKED]["peak_mb"] / last[STOCK]["peak_mb"],
        "time_over": {
            f"{way}, {ours['completion_tokens']:.0f}": ours["cpu_seconds"] / theirs["cpu_seconds"]
            for way in (STOCK, WHOLE)
            for ours in rows[CHUNKED]
            for theirs in rows[way]
            if ours["completion_tokens"] == theirs["completion_tokens"] and ours["cpu_seconds"]
        },
        "sparse_over_chunks": rows[SPARSE][0]["cpu_seconds"] / rows[CHUNKED][0]["cpu_seconds"],
        "line": {way: dict(zip(("mb_at_0", "mb_a_token"), line(r), strict=True)) for way, r in rows.items() if r[1:]},
        "measured": rows,
        "chunk": CHUNK,
        "date": surroundings()["date"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 2 threads",
        "versions": {name: version(name) for name in ("torch", "transformers", "trl")},
    }


def seconds(row: Row) -> str:
    return "" if row["cpu_seconds"] is None else f"{row['cpu_seconds']:.0f}"


def table(result: dict[str, Any]) -> str:
    longer, last = result["length_in_the_same_memory"], {way: rows[-1] for way, rows in result["measured"].items()}
    return "\n".join(
        [
            "One forward and backward pass of a rollout, SmolLM2-135M's shape, fp32, CPU; memory above the resting",
            "process, which holds weights and gradient buffers.",
            "",
            "| way | completion tokens | peak MB | CPU s |",
            "|---|---|---|---|",
            *(
                f"| {WAYS[way]} | {row['completion_tokens']} | {row['peak_mb']:.0f} | {seconds(row)} |"
                for way, rows in result["measured"].items()
                for row in rows
            ),
            "",
            "How long a completion chunks reach in the same memory, on the line through their two measurements (what",
            "they keep is proportional to length):",
            "",
            "| in the memory of | at tokens | chunks reach | ratio |",
            "|---|---|---|---|",
            *(
                f"| {WAYS[way]} | {last[way]['completion_tokens']} | {value * last[way]['completion_tokens']:.0f} "
                f"| {value:.2f} |"
                for way, value in longer.items()
            ),
            "",
            f"Memory at {LONG} tokens over stock: {result['memory_at_8k_over_stock']:.2f}. CPU time over "
            + "; ".join(f"{way} tokens: {value:.2f}" for way, value in result["time_over"].items())
            + ".",
            "",
            f"Gradients through a share of {SHARE} of the chunks: {result['sparse_over_chunks']:.2f} of all chunks'",
            "CPU time, at 2048 tokens; the forward pass is whole.",
            "",
            "On a CPU, TRL's head folds tiles of 4096 tokens x 32768 words in plain torch: a few gigabytes, which its",
            f"GPU kernel does not take, and most of what is saved here. With tiles of {CHUNK} tokens, checkpointing is",
            "without that; its row shows what chunks of the decoder layers save by themselves.",
            "",
            "Made by `python experiments/benchmarks/long_memory.py`.",
        ]
    )


def main() -> None:
    write({way: [in_a_process(way, length) for length in LENGTHS[way]] for way in WAYS})


def write(rows: dict[str, list[Row]]) -> None:
    result = compare(rows)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "long_memory.json").write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / "long_memory.md").write_text(table(result) + "\n")
    print(table(result))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
    else:
        main()

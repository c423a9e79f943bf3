"""Rollouts a second: this engine against `transformers.generate`, which stock TRL calls.

    python experiments/benchmarks/rollouts.py

The demo model answers 128 training problems at temperature 1 and a cap of 320 tokens: a long tail,
as reasoning has. Both sides take turns in one process with one torch thread; the ratio is of the
medians of process CPU time. Writes results/rollouts.json and results/rollouts.md.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from data_synth.arithmetic import problems
from rewards import Problem
from rl.evaluation import encode_prompts
from rl.models import load_model, load_tokenizer, resolve_model
from rl.rollouts import Sampling, generate, stable_seed

RESULTS = Path(__file__).with_name("results")
ROLLOUTS, CAP, TURNS = 128, 320, 7


def ours(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]], seed: int) -> list[int]:
    """Completion lengths, by this project's engine."""
    seeds = [stable_seed(seed, place) for place in range(len(prompts))]
    done = generate(model, prompts, [CAP] * len(prompts), Sampling(), eos_ids=[tokenizer.eos_token_id], seeds=seeds)
    return [len(c.token_ids) for c in done]


def theirs(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]], seed: int
) -> list[int]:
    """Completion lengths, by `generate` with the settings TRL gives it."""
    torch.manual_seed(seed)
    padded = tokenizer.pad({"input_ids": prompts}, return_tensors="pt", padding_side="left")
    config = GenerationConfig(
        max_new_tokens=CAP,
        do_sample=True,
        top_k=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        disable_compile=True,
    )
    sampled = model.generate(**padded, generation_config=config)[:, padded["input_ids"].size(1) :]
    ended = sampled == tokenizer.eos_token_id
    return torch.where(ended.any(1), ended.int().argmax(1) + 1, sampled.size(1)).tolist()


def measure() -> dict[str, object]:
    """Both sides in turn; CPU seconds and completion tokens of each."""
    torch.set_num_threads(1)
    folder = resolve_model("demo")
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    rows = problems("train", ROLLOUTS, seed=1)
    chats = [Problem(str(i), [{"role": "user", "content": str(row["problem"])}], "") for i, row in enumerate(rows)]
    prompts = encode_prompts(tokenizer, chats)
    sides: dict[str, Callable[..., list[int]]] = {"lengthwise": ours, "transformers.generate": theirs}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    tokens: dict[str, list[int]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            started = time.process_time()
            lengths = side(model, tokenizer, prompts, turn)
            if turn:  # the first turn of each warms up
                seconds[name].append(time.process_time() - started)
                tokens[name].append(sum(lengths))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "ratio": medians["transformers.generate"] / medians["lengthwise"],
        "cpu_seconds": medians,
        "tokens": {name: statistics.median(values) for name, values in tokens.items()},
        "rollouts": ROLLOUTS,
        "cap": CAP,
        "turns": TURNS,
        "machine": f"{platform.machine()}, 1 thread",
        "versions": {name: version(name) for name in ("torch", "transformers", "trl")},
    }


def main() -> None:
    result = measure()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "rollouts.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = [
        f"{ROLLOUTS} rollouts of the demo model, cap {CAP}, temperature 1, one thread, medians of {TURNS} turns.",
        "",
        "| engine | CPU s | rollouts a CPU second | completion tokens |",
        "|---|---|---|---|",
        *(
            f"| {name} | {seconds:.2f} | {ROLLOUTS / seconds:.0f} | {result['tokens'][name]:.0f} |"  # type: ignore[index]
            for name, seconds in result["cpu_seconds"].items()  # type: ignore[attr-defined]
        ),
        "",
        f"Ratio: {result['ratio']:.2f}. Made by `python experiments/benchmarks/rollouts.py`.",
    ]
    (RESULTS / "rollouts.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

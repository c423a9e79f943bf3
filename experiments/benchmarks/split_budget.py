"""What it costs vLLM to close thinking by force: split budgets against plain ones of as many tokens.

    python experiments/benchmarks/split_budget.py

The lengths are a long tail, as in engines.py, and each problem has a thinking budget of its own, in which its shorter
rollouts end; the others are closed, and go on to the same length. The third side is the same with all rollouts waiting
for each other between thinking and answer. vLLM in this process, in float32 on one torch thread, with a model of random
weights; ratios are of CPU time.
Writes results/split_budget.json and results/split_budget.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from experiments.benchmarks._shared import Shape, interleaved, medians, surroundings, write
from experiments.benchmarks.engines import Workload, timed, workload
from rl.errors import UserError
from rl.models import load_tokenizer, resolve_model
from rl.recipe.rollout_parts import VllmPart
from rl.rollouts import Ask, Completion, stable_seed
from rl.rollouts.ask import Thinking
from rl.rollouts.course import whole
from rl.rollouts.vllm.engine import MISSING, VllmEngine
from rl.terminal import user_errors_exit_2

SHAPE = Shape(hidden=384, layers=4, inner=1024, heads=6, key_heads=2, vocabulary=416)
CLOSING = (11, 7, 13, 5)
"""Any token ids that are not drawn one after the other."""
PLAIN, SPLIT, WAITING = "plain budgets", "split budgets", "split budgets, all waiting for each"
Generate = Callable[[Sequence[Ask]], list[Completion]]


def asks(work: Workload, turn: int, thinking: Sequence[int] | None) -> list[Ask]:
    """A rollout of each length; `thinking` are the tokens at which thinking is closed, of each problem."""
    size = len(work.lengths) // len(work.prompts)
    asked = []
    for place, (prompt, length) in enumerate(zip(work.rows, work.lengths, strict=True)):
        budget = length if thinking is None else thinking[place // size]
        answer = length - budget - len(CLOSING)
        split = Thinking(budget, answer, tuple((id,) for id in CLOSING), CLOSING) if answer > 0 else None
        asked.append(Ask(prompt, length, stable_seed(turn, place), logprobs=True, thinking=split))
    return asked


def sample(generate: Generate, work: Workload, thinking: Sequence[int] | None, turn: int) -> None:
    done = generate(asks(work, turn, thinking))
    assert [len(completion.token_ids) for completion in done] == work.lengths


def measure(work: Workload, tokenizer: PreTrainedTokenizerBase, thinking: Sequence[int], turns: int) -> dict[str, Any]:
    model = SHAPE.model(tokenizer).eval()
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        engine = VllmEngine(folder, VllmPart(), work.max_model_len, "float32")
    try:
        engine.load_weights(lambda: nullcontext(model), 0)
        sides = {
            PLAIN: partial(sample, engine.generate, work, None),
            SPLIT: partial(sample, engine.generate, work, thinking),
            WAITING: partial(sample, partial(whole, plain=engine.generate), work, thinking),
        }
        todo = {name: partial(timed, side, list(range(turns + 1))) for name, side in sides.items()}
        taken = {name: medians(rows[1:]) for name, rows in interleaved(todo, turns + 1).items()}
    finally:
        engine.close()
    return {
        "sides": taken,
        "rollouts": len(work.lengths),
        "closed": sum(ask.thinking is not None for ask in asks(work, 0, thinking)),
        "tokens": sum(work.lengths),
        "longest": max(work.lengths),
        "thinking": list(thinking),
        "turns": turns,
        "load": os.getloadavg()[2],
        **surroundings(),
    }


def table(result: dict[str, Any]) -> list[str]:
    base = result["sides"][PLAIN]["cpu_seconds"]
    return [
        f"{result['rollouts']} rollouts, {result['tokens']} tokens, the longest "
        f"{result['longest']}; {result['closed']} closed at {min(result['thinking'])} to {max(result['thinking'])} "
        f"tokens. Medians of {result['turns']} turns, {result['load']:.1f} processes at work.",
        "",
        "| vLLM in process | CPU s | tokens a CPU s | of the plain time |",
        "|---|---|---|---|",
        *(
            f"| {name} | {side['cpu_seconds']:.1f} | {result['tokens'] / side['cpu_seconds']:.0f} "
            f"| {side['cpu_seconds'] / base:.2f} |"
            for name, side in result["sides"].items()
        ),
        "",
        "Made by `python experiments/benchmarks/split_budget.py`.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    if find_spec("vllm") is None:
        print(f"this benchmark {MISSING}")
        return
    torch.set_num_threads(1)
    with user_errors_exit_2():
        if turns < 1:
            raise UserError(f"--turns must be at least 1, not {turns}")
        tokenizer = load_tokenizer(resolve_model("demo"))
        work = workload(tokenizer, groups=4, size=8, median=200, longest=640)
        result = measure(work, tokenizer, (144, 176, 208, 240), turns)
    write("split_budget", result, table(result))


if __name__ == "__main__":
    main()

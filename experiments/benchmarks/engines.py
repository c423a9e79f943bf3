"""Rollouts a second of the rollout engines and of `transformers.generate`, which stock TRL calls.

    python -m experiments.smollm2 --out models/smollm2-135m
    python experiments/benchmarks/engines.py --model models/smollm2-135m

Groups of rollouts with a long tail of lengths, as reasoning has: lengths are quantiles of a log-normal
distribution, the same for every side, and each rollout ends at its own. The sides take turns. On a CPU
all of them compute in float32 with one torch thread, and ratios are of CPU time; on CUDA in bfloat16,
with a larger workload, and ratios are of seconds. Writes results/engines.json and results/engines.md.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteria

from data_synth.arithmetic import problems
from experiments.benchmarks._shared import cpu_seconds, interleaved, medians, started, surroundings, write
from experiments.local_workers import local_workers
from rewards import Problem
from rl.errors import UserError
from rl.evaluation import encode_prompts
from rl.models import load_model, load_tokenizer
from rl.recipe.rollout_parts import VllmPart
from rl.rollouts import Ask, Engine, Sampling, TransformersEngine, stable_seed
from rl.rollouts.workers.engine import WorkersEngine
from rl.rollouts.workers.http import HttpWorker
from rl.terminal import user_errors_exit_2

STOCK = "transformers.generate"


@dataclass(frozen=True)
class Workload:
    """Prompts in groups, and at how many tokens each rollout ends."""

    prompts: list[list[int]]
    lengths: list[int]

    @property
    def rows(self) -> list[list[int]]:
        """One prompt a rollout."""
        size = len(self.lengths) // len(self.prompts)
        return [prompt for prompt in self.prompts for _ in range(size)]

    @property
    def max_model_len(self) -> int:
        return max(map(len, self.prompts)) + max(self.lengths)


def workload(tokenizer: PreTrainedTokenizerBase, groups: int, size: int, median: int, longest: int) -> Workload:
    """Lengths between 1 and `longest` tokens, spread over the groups; the upper tenth is 2.8 medians or more."""
    rows = problems("train", groups, seed=1)
    chats = [Problem(str(i), [{"role": "user", "content": str(row["problem"])}], "") for i, row in enumerate(rows)]
    count = groups * size
    normal = NormalDist(0.0, 0.8)
    drawn = [math.exp(normal.inv_cdf((place + 0.5) / count)) * median for place in range(count)]
    step = next(
        step for step in range(count // 3, count) if math.gcd(step, count) == 1
    )  # deals them out, short ones and long
    dealt = [drawn[place * step % count] for place in range(count)]
    return Workload(encode_prompts(tokenizer, chats), [min(longest, max(1, round(value))) for value in dealt])


class EndsAtLength(StoppingCriteria):
    """Ends each row of `generate` at a length of its own, as an EOS would."""

    def __init__(self, prompt: int, lengths: Tensor) -> None:
        self.prompt, self.lengths = prompt, lengths

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Any:
        return input_ids.size(1) - self.prompt >= self.lengths


def stock(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, work: Workload, turn: int) -> None:
    """One batch of all rollouts, with the settings TRL gives `generate`."""
    torch.manual_seed(turn)
    padded = tokenizer.pad({"input_ids": work.rows}, return_tensors="pt", padding_side="left").to(model.device)
    config = GenerationConfig(
        max_new_tokens=max(work.lengths),
        do_sample=True,
        top_k=0,
        pad_token_id=tokenizer.pad_token_id,
        disable_compile=True,
    )
    lengths = torch.tensor(work.lengths, device=model.device)
    ends = EndsAtLength(padded["input_ids"].size(1), lengths)
    model.generate(**padded, generation_config=config, stopping_criteria=[ends])


def ours(engine: Engine, work: Workload, turn: int) -> None:
    seeds = [stable_seed(turn, place) for place in range(len(work.lengths))]
    done = engine.generate(Ask.each(work.rows, work.lengths, Sampling(), eos_ids=[], seeds=seeds, logprobs=True))
    assert [len(completion.token_ids) for completion in done] == work.lengths


def engines(folder: str, model: PreTrainedModel, work: Workload, dtype: str, stack: ExitStack) -> dict[str, Engine]:
    """The engines by name, with the model's weights; those that can be had here."""
    found: dict[str, Engine] = {"transformers": TransformersEngine()}
    if find_spec("vllm") is not None:
        from rl.rollouts.vllm.engine import VllmEngine

        found["vllm"] = VllmEngine(folder, VllmPart(), work.max_model_len, dtype)
        found["workers"] = _two_workers(folder, model, work, dtype, stack)
    for engine in found.values():
        stack.callback(engine.close)
        engine.load_weights(lambda: nullcontext(model), 0)
    return found


def _two_workers(folder: str, model: PreTrainedModel, work: Workload, dtype: str, stack: ExitStack) -> Engine:
    """Two servers on this machine; on CUDA they share the device with all other sides."""
    options = ["--dtype", dtype, "--gpu-memory-utilization", "0.2"]
    addresses = stack.enter_context(local_workers(folder, 2, work.max_model_len, *options))
    weights = Path(stack.enter_context(TemporaryDirectory()))
    return WorkersEngine([HttpWorker(each, model.config.vocab_size) for each in addresses], weights)


def timed(side: Callable[[int], None], turns: list[int]) -> dict[str, float]:
    """Seconds on the clock, and of CPU in this process and those it started, of one turn."""
    turn, others = turns.pop(), started()
    cpu, began = cpu_seconds(others), time.perf_counter()
    side(turn)
    return {"seconds": time.perf_counter() - began, "cpu_seconds": cpu_seconds(others) - cpu}


def measure(folder: str, groups: int, size: int, median: int, longest: int, turns: int) -> dict[str, Any]:
    cuda = torch.cuda.is_available()
    dtype = "bfloat16" if cuda else "float32"
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, dtype=dtype).eval().to("cuda" if cuda else "cpu")
    work = workload(tokenizer, groups, size, median, longest)
    with ExitStack() as stack:
        sides = {name: partial(ours, e, work) for name, e in engines(folder, model, work, dtype, stack).items()}
        sides[STOCK] = partial(stock, model, tokenizer, work)
        todo = {name: partial(timed, side, list(range(turns + 1))) for name, side in sides.items()}
        taken = {name: medians(rows[1:]) for name, rows in interleaved(todo, turns + 1).items()}
    return {
        "sides": taken,
        "rollouts": len(work.lengths),
        "tokens": sum(work.lengths),
        "longest": max(work.lengths),
        "clock": "seconds" if cuda else "cpu_seconds",
        "turns": turns,
        **surroundings(),
    }


def table(result: dict[str, Any]) -> Sequence[str]:
    count, tokens, clock = result["rollouts"], result["tokens"], result["clock"]
    base = result["sides"][STOCK][clock]
    unit = "CPU s" if clock == "cpu_seconds" else "s"
    return [
        f"{count} rollouts of {result['model']}, {tokens} tokens, the longest {result['longest']}; medians of "
        f"{result['turns']} turns.",
        "",
        f"| engine | {unit} | rollouts a {unit} | tokens a {unit} | against stock |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {side[clock]:.1f} | {count / side[clock]:.2f} | {tokens / side[clock]:.0f} | "
            f"{base / side[clock]:.2f} |"
            for name, side in result["sides"].items()
        ),
        "",
        "Made by `python experiments/benchmarks/engines.py --model PATH`.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/smollm2-135m"))
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    if not (given.model / "config.json").is_file():
        print(f"no model in {given.model}; make one: python -m experiments.smollm2 --out {given.model}")
        return
    torch.set_num_threads(1)
    large = torch.cuda.is_available()
    with user_errors_exit_2():
        if given.turns < 1:
            raise UserError(f"--turns must be at least 1, not {given.turns}")
        shape = (32, 16, 400, 4096) if large else (4, 8, 32, 192)
        result = {"model": given.model.name, **measure(str(given.model), *shape, given.turns)}
    write("engines", result, table(result))


if __name__ == "__main__":
    main()

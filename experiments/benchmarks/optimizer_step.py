"""One optimiser step on a long tail of rollouts: packed updates against stock `trl.GRPOTrainer`.

    python experiments/benchmarks/optimizer_step.py

64 rollouts, 8 a group, half the groups without variance, beta 0, one update of all of them. Their lengths are lognormal
(median 256 tokens, sigma 1, at most 2048), or all 256 with every group varying: the case in which there is nothing to
leave out and nothing to trim. A step is all from the finished rollouts on: batch, log-probs, loss, backward, optimiser.
Both sides take turns in one process with one torch thread, on a 3.5-million-parameter Llama shape whose weights are
random; figures are medians of process CPU time. Writes results/optimizer_step.json and results/optimizer_step.md.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from data_synth.arithmetic import problems as demo_problems
from experiments.benchmarks._shared import interleaved, matmul_peak, medians, surroundings, write
from rewards import Group, Problem, Rollout, Verdict
from rewards.correct import Correct
from rewards.verifier import MathVerifier
from rl.models import load_tokenizer, resolve_model
from rl.plugins import load_budget
from rl.recipe.config import LengthGRPOConfig
from rl.rounds.round import Sampled
from rl.trainer.packed import PackedUpdates
from rl.trainer.trainer import LengthGRPOTrainer
from rl.updates.packing import width

GROUPS, SIZE, CAP, PER_DEVICE, TURNS = 8, 8, 2048, 8, 3
TOKENS = 2048
"""Padded tokens of a packed micro-batch."""
HIDDEN, LAYERS, INNER, HEADS = 384, 2, 1024, 6


def model(tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            intermediate_size=INNER,
            num_attention_heads=HEADS,
            max_position_embeddings=4096,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def flops(widths: Sequence[tuple[int, int]]) -> float:
    """Operations of forward and backward over (rows, columns), attention counted whole: 6 a weight and token."""
    weights = LAYERS * (4 * HIDDEN**2 + 3 * HIDDEN * INNER)
    return sum(rows * (6 * weights * columns + 12 * LAYERS * HIDDEN * columns**2) for rows, columns in widths)


def rollouts(lengths: Sequence[int], varying: int, end: int) -> list[Group]:
    """Groups of random tokens with these lengths; the first `varying` groups are half right, the rest all right."""
    draw = random.Random(0)
    groups = []
    for place, row in enumerate(demo_problems("train", GROUPS, seed=0)):
        problem = Problem(str(place), [{"role": "user", "content": str(row["problem"])}], str(row["answer"]))
        members = []
        for sample, length in enumerate(lengths[place * SIZE : (place + 1) * SIZE]):
            ids = (*(draw.randint(3, 400) for _ in range(length - 1)), end)
            right = float(sample % 2 == 0 or place >= varying)
            members.append(Rollout(problem.id, length, "eos", CAP, Verdict.CORRECT, right, "", ids))
        groups.append(Group(problem, tuple(members)))
    return groups


class Stock(GRPOTrainer):  # type: ignore[misc]
    """TRL as it is, with the rollouts given."""

    rollouts: list[Group]

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        return [list(r.token_ids) for group in self.rollouts for r in group.rollouts], None


class Ours(LengthGRPOTrainer):
    """This trainer, with the rollouts given."""

    rollouts: list[Group]

    def _roll(self, *args: Any, **kwargs: Any) -> list[Sampled]:
        return [Sampled(group, CAP, self.state.global_step) for group in self.rollouts]


class Clock(TrainerCallback):  # type: ignore[misc]
    """CPU seconds of one optimiser step and of its parts."""

    def __init__(self, trainer: Any) -> None:
        self.seconds: dict[str, float] = {}
        self._wrap(trainer, "_compute_loss", "forward")
        self._wrap(trainer.accelerator, "backward", "backward")
        trainer.add_callback(self)

    def _wrap(self, owner: Any, name: str, part: str) -> None:
        call = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self._counting(part):
                return call(*args, **kwargs)

        setattr(owner, name, timed)

    @contextmanager
    def _counting(self, part: str) -> Any:
        started = time.process_time()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.process_time() - started

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self.seconds = {}
        self._started = time.process_time()

    def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        self._optimizer = time.process_time()

    def on_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        self.seconds["optimiser"] = time.process_time() - self._optimizer

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds["step"] = time.process_time() - self._started
        self.seconds["rest"] = 2 * self.seconds["step"] - sum(self.seconds.values())


def make(groups: list[Group], folder: Path) -> tuple[Stock, Ours]:
    """Both trainers over the same rollouts, settings and weights."""
    tokenizer = load_tokenizer(resolve_model("demo"))
    settings: dict[str, Any] = {
        "per_device_train_batch_size": PER_DEVICE,
        "gradient_accumulation_steps": GROUPS * SIZE // PER_DEVICE,
        "num_generations": SIZE,
        "max_completion_length": CAP,
        "max_steps": 1,
        "gradient_checkpointing": False,
        "bf16": False,
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "shuffle_dataset": False,
        "logging_strategy": "no",
    }
    right = {r.token_ids: r.raw_reward for group in groups for r in group.rollouts}

    def correct(completion_ids: list[list[int]], **_: Any) -> list[float | None]:
        return [right[tuple(ids)] for ids in completion_ids]

    stock = Stock(
        model=model(tokenizer),
        reward_funcs=correct,
        args=GRPOConfig(str(folder / "stock"), **settings),
        train_dataset=Dataset.from_list([{"prompt": group.problem.prompt} for group in groups]),
        processing_class=tokenizer,
    )
    ours = Ours(
        model=model(tokenizer),
        args=LengthGRPOConfig(str(folder / "ours"), **settings, tokens_per_micro_batch=TOKENS),
        problems=[group.problem for group in groups],
        rewards=[Correct()],
        budget=load_budget("constant", {"tokens": CAP}),
        verifier=MathVerifier(),
        processing_class=tokenizer,
    )
    for trainer in (stock, ours):
        trainer.rollouts = groups
    return stock, ours


def step(trainer: Any, clock: Clock) -> dict[str, float]:
    trainer.train()
    return dict(clock.seconds)


def measure(lengths: list[int], varying: int, turns: int, peak: float) -> dict[str, Any]:
    """Both sides on one set of lengths."""
    with tempfile.TemporaryDirectory() as folder:
        end = load_tokenizer(resolve_model("demo")).eos_token_id
        stock, ours = make(rollouts(lengths, varying, end), Path(folder))
        sides: dict[str, Callable[[], dict[str, float]]] = {
            name: partial(step, trainer, Clock(trainer)) for name, trainer in (("trl", stock), ("lengthwise", ours))
        }
        seconds = {name: medians(rows) for name, rows in interleaved(sides, turns).items()}
        assert isinstance(ours.updates, PackedUpdates)
        packed = ours.updates.round
        assert packed is not None
        sizes = [example.size for example in packed.examples]
        columns = max(size.prompt for size in sizes) + max(size.completion for size in sizes)
        widths = {
            "trl": [(len(sizes), columns)],
            "lengthwise": [(len(slot[0].rows), width(slot[0].rows, sizes)) for slot in packed.updates[0].slots],
        }
    return {
        "ratio": seconds["trl"]["step"] / seconds["lengthwise"]["step"],
        "cpu_seconds": seconds,
        "tokens": {name: sum(rows * columns for rows, columns in found) for name, found in widths.items()},
        "micro_batches": {"trl": GROUPS * SIZE // PER_DEVICE, "lengthwise": len(widths["lengthwise"])},
        "of_matmul_peak": {
            name: flops(found) / (seconds[name]["forward"] + seconds[name]["backward"]) / peak
            for name, found in widths.items()
        },
        "completion_tokens": sum(lengths),
    }


def main() -> None:
    torch.set_num_threads(1)
    draw = random.Random(0)
    tail = [min(CAP, max(1, round(256 * 2.718281828 ** draw.gauss(0, 1)))) for _ in range(GROUPS * SIZE)]
    peak = matmul_peak()
    cases = {
        "uniform": measure([256] * GROUPS * SIZE, GROUPS, 5, peak),
        "long tail": measure(tail, GROUPS // 2, TURNS, peak),
    }
    result = {
        "ratio": cases["long tail"]["ratio"],
        **cases,
        "matmul_peak_gflops": peak / 1e9,
        "tokens_per_micro_batch": TOKENS,
        **surroundings(),
    }
    lines = [
        f"One optimiser step over {GROUPS * SIZE} rollouts, medians of CPU seconds on one thread. "
        f"Matmul peak {peak / 1e9:.0f} GFLOP/s.",
        "",
        "| lengths | trainer | step s | forward | backward | optimiser | rest | tokens, padding too | of the peak |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case, found in cases.items():
        for side, seconds in found["cpu_seconds"].items():
            parts = " | ".join(f"{seconds[part]:.2f}" for part in ("step", "forward", "backward", "optimiser", "rest"))
            share = found["of_matmul_peak"][side]
            lines.append(f"| {case} | {side} | {parts} | {found['tokens'][side]:,} | {share:.0%} |")
    lines += [
        "",
        f"Ratio: {cases['long tail']['ratio']:.2f} on the long tail, "
        f"{cases['uniform']['ratio']:.2f} on uniform lengths. "
        "Made by `python experiments/benchmarks/optimizer_step.py`.",
    ]
    write("optimizer_step", result, lines)


if __name__ == "__main__":
    main()

"""One optimiser step over finished rollouts: packed updates against `trl.GRPOTrainer`, as it is and set up better.

    python experiments/benchmarks/optimizer_step.py
    python experiments/benchmarks/optimizer_step.py --case "long prompts"

A step is all from the finished rollouts on: batch, log-probs, loss, backward, optimiser; beta 0, one update of all of
them. The rivals are TRL as it is, eight rows a micro-batch, and a TRL that cuts each micro-batch to its longest prompt
and completion (`Trimmed`, ten lines), by micro-batches of one and of four rows. All of them make one step of the first
few rollouts, and what they take there is shown beside TRL as it is; the fastest and this project's then take turns on
all. One process, one torch thread, random weights; figures are medians of process CPU time.

Useful operations are the fewest that give this gradient: rollouts with an advantage alone, each token of them once, a
prompt once a group, half of the square of causal attention, backward as two forwards. They are put beside a matmul's
peak, so a step at peak that wasted nothing would show 100 %. Writes results/optimizer_step.json and .md.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from experiments.benchmarks._shared import (
    QWEN,
    SMALL,
    SMOLLM,
    Shape,
    interleaved,
    matmul_peak,
    medians,
    surroundings,
    write,
)
from rewards import Group, Problem, Rollout, Verdict
from rewards.correct import Correct
from rewards.verifier import MathVerifier
from rl.models import load_tokenizer, resolve_model
from rl.plugins import load_budget
from rl.recipe.config import LengthGRPOConfig
from rl.rounds.round import Round, Sampled, ScoredGroup
from rl.rounds.sampling import RoundSampling
from rl.trainer.packed import PackedUpdates
from rl.trainer.trainer import LengthGRPOTrainer

SIZE, CAP = 8, 2048
OURS, STOCK = "lengthwise", "trl"


@dataclass(frozen=True)
class Case:
    """Rollouts of groups of eight: their lengths, the first `varying` groups half right, the rest all right."""

    name: str
    shape: Shape
    lengths: list[int]
    varying: int
    words: int
    """Of a prompt, about."""
    limit: int
    """`tokens_per_micro_batch`."""
    tried: int
    """Rollouts, the first ones, on which every rival is tried once."""
    turns: int

    def first(self) -> Case:
        """Those alone."""
        varying = max(1, self.varying * self.tried // len(self.lengths))
        return replace(self, lengths=self.lengths[: self.tried], varying=varying, turns=1)


def cases() -> list[Case]:
    draw = random.Random(0)
    tail = [min(CAP, max(1, round(256 * 2.718281828 ** draw.gauss(0, 1)))) for _ in range(64)]
    return [
        Case("uniform", SMALL, [256] * 64, 8, 0, 2048, 16, 2),
        Case("long tail", SMALL, tail, 4, 0, 2048, 16, 2),
        Case("long prompts", SMALL, [112] * 16, 2, 440, 2304, 8, 3),
        Case("135M, long tail", SMOLLM, [min(256, length // 4 + 1) for length in tail[:16]], 2, 0, 2048, 8, 1),
        Case("135M, long prompts", SMOLLM, [24] * 8, 1, 90, 2304, 8, 1),
    ]


def rollouts(case: Case, end: int) -> list[Group]:
    """Groups of random tokens."""
    draw = random.Random(0)
    groups = []
    for place in range(len(case.lengths) // SIZE):
        text = f"What is {place} + 1?" + " ".join(str(draw.randint(0, 9)) for _ in range(case.words))
        problem = Problem(str(place), [{"role": "user", "content": text}], str(place + 1))
        members = []
        for sample, length in enumerate(case.lengths[place * SIZE : (place + 1) * SIZE]):
            ids = (*(draw.randint(3, 390) for _ in range(length - 1)), end)
            right = float(sample % 2 == 0 or place >= case.varying)
            members.append(Rollout(problem.id, length, "eos", CAP, Verdict.CORRECT, right, "", ids))
        groups.append(Group(problem, tuple(members)))
    return groups


class Stock(GRPOTrainer):  # type: ignore[misc]
    """TRL as it is, with the rollouts given."""

    rollouts: list[Group]
    through = 0
    """Tokens that the model has been given."""

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        return [list(r.token_ids) for group in self.rollouts for r in group.rollouts], None

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        self.through += inputs["prompt_ids"].numel() + inputs["completion_ids"].numel()
        return super()._compute_loss(model, inputs)


class Trimmed(Stock):
    """Each micro-batch as wide as its longest prompt and completion."""

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        prompt, completion = (int(inputs[f"{part}_mask"].sum(1).max()) for part in ("prompt", "completion"))
        inputs = dict(inputs)
        for name in ("prompt_ids", "prompt_mask"):
            inputs[name] = inputs[name][:, -prompt:]
        for name in ("completion_ids", "completion_mask"):
            inputs[name] = inputs[name][:, :completion]
        return super()._compute_loss(model, inputs)


RIVALS: dict[str, tuple[type[Stock], int]] = {
    STOCK: (Stock, SIZE),
    "trimmed, 1 row": (Trimmed, 1),
    "trimmed, 4 rows": (Trimmed, 4),
}
"""Kinds of trainer, and rows of their micro-batches."""


def given(groups: Sequence[Group], step: int) -> Round:
    """A round of these rollouts, with TRL's advantages."""
    totals = torch.tensor([[rollout.raw_reward for rollout in group.rollouts] for group in groups])
    batch = [
        ScoredGroup(group, own.unsqueeze(1), own, Sampled(group, CAP, step))
        for group, own in zip(groups, totals, strict=True)
    ]
    filled = RoundSampling(len(batch), 1).fill(
        draw=lambda *_: [scored.sampled for scored in batch],
        score=lambda sampled: batch if sampled else [],
        useful=lambda _: True,
        in_force=lambda _: True,
    )
    advantages = ((totals - totals.mean(1, keepdim=True)) / (totals.std(1, keepdim=True) + 1e-4)).flatten()
    return Round(**vars(filled), step=step, number=step, advantages=advantages, reward_names=["correct"], judging=0.0)


class Clock(TrainerCallback):  # type: ignore[misc]
    """CPU seconds of one optimiser step."""

    seconds = 0.0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._started = time.process_time()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds = time.process_time() - self._started


def make(case: Case, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The trainers of these names, over the same rollouts, settings and weights."""
    tokenizer = load_tokenizer(resolve_model("demo"))
    groups = rollouts(case, tokenizer.eos_token_id)
    right = {r.token_ids: r.raw_reward for group in groups for r in group.rollouts}

    def settings(rows: int) -> dict[str, Any]:
        return {
            "per_device_train_batch_size": rows, "gradient_accumulation_steps": len(case.lengths) // rows,
            "num_generations": SIZE, "max_completion_length": CAP, "max_steps": 1, "gradient_checkpointing": False,
            "bf16": False, "use_cpu": True, "report_to": [], "save_strategy": "no", "disable_tqdm": True,
            "shuffle_dataset": False, "logging_strategy": "no", "log_completions": False,
        }  # fmt: skip

    def correct(completion_ids: list[list[int]], **_: Any) -> list[float | None]:
        return [right[tuple(ids)] for ids in completion_ids]

    def theirs(kind: type[Stock], rows: int) -> Any:
        trainer = kind(
            model=case.shape.model(tokenizer),
            reward_funcs=correct,
            args=GRPOConfig(str(folder / f"{kind.__name__}{rows}"), **settings(rows)),
            train_dataset=Dataset.from_list([{"prompt": group.problem.prompt} for group in groups]),
            processing_class=tokenizer,
        )
        trainer.rollouts = groups
        return trainer

    def ours() -> Any:
        trainer = LengthGRPOTrainer(
            model=case.shape.model(tokenizer),
            args=LengthGRPOConfig(str(folder / "ours"), **settings(SIZE), tokens_per_micro_batch=case.limit),
            problems=[group.problem for group in groups],
            rewards=[Correct()],
            budget=load_budget("constant", {"tokens": CAP}),
            verifier=MathVerifier(),
            processing_class=tokenizer,
        )
        trainer.rounds.make = lambda step, *_: given(groups, step)  # type: ignore[method-assign]
        return trainer

    makers = {OURS: ours} | {name: partial(theirs, *settled) for name, settled in RIVALS.items()}
    return {name: makers[name]() for name in names}


def step(trainer: Any, clock: Clock) -> dict[str, float]:
    trainer.train()
    return {"step": clock.seconds}


def useful(shape: Shape, groups: Sequence[Sequence[tuple[int, int]]]) -> tuple[int, float]:
    """Tokens, and operations, of groups of (prompt, completion) in which advantages vary."""
    tokens = sum(group[0][0] + sum(completion for _, completion in group) for group in groups)
    scored = sum(completion for group in groups for _, completion in group)
    pairs = sum(p**2 / 2 for ((p, _), *_) in groups) + sum(c * p + c**2 / 2 for group in groups for p, c in group)
    return tokens, shape.flops(tokens, pairs, scored)


class Taken(NamedTuple):
    """What a step takes each side, and the rollouts as (prompt, completion) tokens."""

    seconds: dict[str, float]
    tokens: dict[str, int]
    """Through the model."""
    sizes: list[tuple[int, int]]


def taken(case: Case, names: Sequence[str]) -> Taken:
    """These sides, this project's among them, on one set of rollouts."""
    with tempfile.TemporaryDirectory() as folder:
        sides, clocks = make(case, Path(folder), names), {}
        for name, trainer in sides.items():
            clocks[name] = Clock()
            trainer.add_callback(clocks[name])
        turns: dict[str, Callable[[], dict[str, float]]] = {
            name: partial(step, trainer, clocks[name]) for name, trainer in sides.items()
        }
        seconds = {name: medians(rows)["step"] for name, rows in interleaved(turns, case.turns).items()}
        assert isinstance(sides[OURS].updates, PackedUpdates)
        packed = sides[OURS].updates.round
        assert packed is not None
        through = {name: trainer.through // case.turns for name, trainer in sides.items() if name != OURS}
        sizes = [(example.size.prompt, example.size.completion) for example in packed.examples]
        return Taken(seconds, {**through, OURS: packed.through}, sizes)


def measure(case: Case, peak: float) -> dict[str, Any]:
    """Every side on the first rollouts, then the best rival and ours on all."""
    tried = taken(case.first(), [OURS, *RIVALS])
    best = min(RIVALS, key=tried.seconds.__getitem__)
    whole = taken(case, [OURS, best])
    groups = [whole.sizes[place * SIZE : (place + 1) * SIZE] for place in range(case.varying)]
    needed, operations = useful(case.shape, groups)
    return {
        "ratio_to_trl": tried.seconds[STOCK] / tried.seconds[OURS],
        "ratio_to_best": whole.seconds[best] / whole.seconds[OURS],
        "best_rival": best,
        "tried": {"rollouts": case.tried, "cpu_seconds": tried.seconds, "tokens": tried.tokens},
        "cpu_seconds": whole.seconds,
        "tokens": {**whole.tokens, "useful": needed},
        "useful_of_peak": {name: operations / each / peak for name, each in whole.seconds.items()},
        "fewer_operations_at_1.5B": _by_count(groups),
    }


def _by_count(groups: Sequence[Sequence[tuple[int, int]]]) -> float:
    """Operations of each rollout by itself, over those with its prompt once a group, for 1.5 billion parameters."""
    alone = [[row] for group in groups for row in group]
    return useful(QWEN, alone)[1] / useful(QWEN, groups)[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", help="one of them, to the screen only")
    only = parser.parse_args().case
    torch.set_num_threads(1)
    peak = matmul_peak()
    found = {case.name: measure(case, peak) for case in cases() if only in (None, case.name)}
    lines = [
        f"One optimiser step, medians of CPU seconds, one thread. Matmul peak {peak / 1e9:.0f} GFLOP/s. TRL as it is,",
        "and trimmed to the longest row by micro-batches of one and of four rows, made one step of the first rollouts;",
        "the fastest of them then took turns with ours on all.",
        "",
        "| rollouts | tried on | to trl there | best there | its s on all | lengthwise s | to it "
        "| tokens through | useful of them | useful of the peak |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        seconds, tokens, best = row["cpu_seconds"], row["tokens"], row["best_rival"]
        lines.append(
            f"| {name} | {row['tried']['rollouts']} | {row['ratio_to_trl']:.2f} | {best} | {seconds[best]:.2f} "
            f"| {seconds[OURS]:.2f} | {row['ratio_to_best']:.2f} | {tokens[OURS]:,} "
            f"| {tokens['useful'] / tokens[OURS]:.0%} | {row['useful_of_peak'][OURS]:.0%} |"
        )
    lines += ["", "Made by `python experiments/benchmarks/optimizer_step.py`."]
    if only is None:
        write("optimizer_step", {**found, "matmul_peak_gflops": peak / 1e9, **surroundings()}, lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()

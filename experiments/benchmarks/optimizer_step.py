"""One optimiser step over finished rollouts: packed updates against `trl.GRPOTrainer`, as it is and set up better.

    python experiments/benchmarks/optimizer_step.py
    python experiments/benchmarks/optimizer_step.py --case "long prompts"

A step is all from the finished rollouts on: batch, log-probs, loss, backward, optimiser; beta 0, one update of all of
them. The rivals are TRL as it is, eight rows a micro-batch, and a TRL that cuts each micro-batch to its longest prompt
and completion (`Trimmed`, ten lines), by micro-batches of one and of four rows, of which the faster is shown. All take
turns in one process with one torch thread and random weights; figures are medians of process CPU time.

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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from experiments.benchmarks._shared import interleaved, matmul_peak, medians, surroundings, write
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


@dataclass(frozen=True)
class Shape:
    """A Llama."""

    hidden: int
    layers: int
    inner: int
    heads: int
    key_heads: int
    vocabulary: int

    def model(self, tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
        torch.manual_seed(0)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=self.vocabulary,
                hidden_size=self.hidden,
                num_hidden_layers=self.layers,
                intermediate_size=self.inner,
                num_attention_heads=self.heads,
                num_key_value_heads=self.key_heads,
                max_position_embeddings=4096,
                tie_word_embeddings=True,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        )

    def flops(self, tokens: int, pairs: float, scored: int) -> float:
        """Forward and backward: 6 a weight and token, 12 a layer, channel and pair of tokens that attend."""
        keys = self.hidden * self.key_heads // self.heads
        layer = 2 * self.hidden**2 + 2 * self.hidden * keys + 3 * self.hidden * self.inner
        head = 6 * self.hidden * self.vocabulary * scored
        return self.layers * (6 * layer * tokens + 12 * self.hidden * pairs) + head


SMALL = Shape(384, 2, 1024, 6, 6, 400)
"""3.5 million parameters."""
SMOLLM = Shape(576, 30, 1536, 9, 3, 49152)
"""SmolLM2-135M's."""
QWEN = Shape(1536, 28, 8960, 12, 2, 151936)
"""1.5 billion parameters, as Qwen2.5 has them; by count alone."""


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
    turns: int


def cases() -> list[Case]:
    draw = random.Random(0)
    tail = [min(CAP, max(1, round(256 * 2.718281828 ** draw.gauss(0, 1)))) for _ in range(64)]
    return [
        Case("uniform", SMALL, [256] * 64, 8, 0, 2048, 2),
        Case("long tail", SMALL, tail, 4, 0, 2048, 1),
        Case("long prompts", SMALL, [112] * 16, 2, 440, 2304, 3),
        Case("135M, long tail", SMOLLM, [min(512, length // 2 + 1) for length in tail[:16]], 2, 0, 2048, 1),
        Case("135M, long prompts", SMOLLM, [48] * 8, 1, 180, 2304, 1),
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


def make(case: Case, folder: Path) -> dict[str, Any]:
    """The trainers, over the same rollouts, settings and weights."""
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

    ours = LengthGRPOTrainer(
        model=case.shape.model(tokenizer),
        args=LengthGRPOConfig(str(folder / "ours"), **settings(SIZE), tokens_per_micro_batch=case.limit),
        problems=[group.problem for group in groups],
        rewards=[Correct()],
        budget=load_budget("constant", {"tokens": CAP}),
        verifier=MathVerifier(),
        processing_class=tokenizer,
    )
    ours.rounds.make = lambda step, *_: given(groups, step)  # type: ignore[method-assign]
    sides: dict[str, Any] = {"lengthwise": ours, "trimmed, 1 row": theirs(Trimmed, 1)}
    sides |= {"trl": theirs(Stock, SIZE), "trimmed, 4 rows": theirs(Trimmed, 4)}
    return sides


def step(trainer: Any, clock: Clock) -> dict[str, float]:
    trainer.train()
    return {"step": clock.seconds}


def useful(shape: Shape, groups: Sequence[Sequence[tuple[int, int]]]) -> tuple[int, float]:
    """Tokens, and operations, of groups of (prompt, completion) in which advantages vary."""
    tokens = sum(group[0][0] + sum(completion for _, completion in group) for group in groups)
    scored = sum(completion for group in groups for _, completion in group)
    pairs = sum(p**2 / 2 for ((p, _), *_) in groups) + sum(c * p + c**2 / 2 for group in groups for p, c in group)
    return tokens, shape.flops(tokens, pairs, scored)


def measure(case: Case, peak: float) -> dict[str, Any]:
    """All sides on one set of rollouts."""
    with tempfile.TemporaryDirectory() as folder:
        sides, clocks = make(case, Path(folder)), {}
        for name, trainer in sides.items():
            clocks[name] = Clock()
            trainer.add_callback(clocks[name])
        turns: dict[str, Callable[[], dict[str, float]]] = {
            name: partial(step, trainer, clocks[name]) for name, trainer in sides.items()
        }
        seconds = {name: medians(rows)["step"] for name, rows in interleaved(turns, case.turns).items()}
        assert isinstance(sides["lengthwise"].updates, PackedUpdates)
        packed = sides["lengthwise"].updates.round
        assert packed is not None
        sizes = [(example.size.prompt, example.size.completion) for example in packed.examples]
        through = {name: trainer.through // case.turns for name, trainer in sides.items() if name != "lengthwise"}
        through["lengthwise"] = packed.through
    groups = [sizes[place * SIZE : (place + 1) * SIZE] for place in range(case.varying)]
    needed, operations = useful(case.shape, groups)
    best = min((name for name in seconds if name != "lengthwise"), key=seconds.__getitem__)
    return {
        "ratio_to_trl": seconds["trl"] / seconds["lengthwise"],
        "ratio_to_best": seconds[best] / seconds["lengthwise"],
        "best_rival": best,
        "cpu_seconds": seconds,
        "tokens": {**through, "useful": needed},
        "useful_of_peak": {name: operations / each / peak for name, each in seconds.items()},
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
        f"One optimiser step, medians of CPU seconds on one thread. Matmul peak {peak / 1e9:.0f} GFLOP/s.",
        "",
        "| rollouts | trl s | trimmed s | rows of it | lengthwise s | to trl | to the best rival "
        "| tokens through | useful of them | useful of the peak |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        seconds, tokens = row["cpu_seconds"], row["tokens"]
        trimmed = min((side for side in seconds if side.startswith("trimmed")), key=seconds.__getitem__)
        lines.append(
            f"| {name} | {seconds['trl']:.2f} | {seconds[trimmed]:.2f} | {trimmed.split()[1]} "
            f"| {seconds['lengthwise']:.2f} | {row['ratio_to_trl']:.2f} | {row['ratio_to_best']:.2f} "
            f"| {tokens['lengthwise']:,} | {tokens['useful'] / tokens['lengthwise']:.0%} "
            f"| {row['useful_of_peak']['lengthwise']:.0%} |"
        )
    lines += ["", "Made by `python experiments/benchmarks/optimizer_step.py`."]
    if only is None:
        write("optimizer_step", {**found, "matmul_peak_gflops": peak / 1e9, **surroundings()}, lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()

"""A fixed round, and the gradients a trainer makes of it: shared by the tests that compare ways of packing."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import torch
import trl.trainer.grpo_trainer
from torch import Tensor
from transformers import TrainerCallback

from rewards import Group, Problem, Rollout, Verdict
from rl.evaluation import encode_prompts
from rl.models import load_model, load_tokenizer, resolve_model
from rl.rollouts import stable_seed
from rl.rounds.round import Round, Sampled, ScoredGroup
from rl.rounds.sampling import RoundSampling
from rl.trainer.trainer import LengthGRPOTrainer
from rl.updates.packing import members

GROUPS, SIZE = 8, 4
EOS = 2
"""Of the demo model."""
SETTINGS = {
    "optim": "sgd", "learning_rate": 2e-4, "max_grad_norm": 0.0, "per_device_train_batch_size": 4, "num_generations": 4,
    "gradient_accumulation_steps": 4, "steps_per_generation": 8, "max_steps": 2,
}  # fmt: skip
"""Two updates a round on one rank, which move the model enough for importance ratios to matter."""


def fixed_round(problems: list[Problem], step: int = 0, longest: int = 48) -> Round:
    """8 groups of 4 random completions, every other group without variance, some of them cut at the budget."""
    draw = random.Random(step)
    batch = []
    for place, problem in enumerate(problems[:GROUPS]):
        rollouts = []
        for _ in range(SIZE):
            length = draw.randint(1, longest)
            stop = "length" if length > longest * 0.75 else "eos"
            ids = (*(draw.randint(4, 15) for _ in range(length - 1)), EOS if stop == "eos" else 4)
            rollouts.append(Rollout(problem.id, length, stop, longest, Verdict.CORRECT, 1.0, "", ids))
        totals = torch.tensor([draw.choice([0.0, 1.0]) for _ in rollouts] if place % 2 else [1.0] * SIZE)
        group = Group(problem, tuple(rollouts))
        batch.append(ScoredGroup(group, totals.unsqueeze(1), totals, Sampled(group, longest, step)))
    totals = torch.stack([scored.totals for scored in batch])
    advantages = ((totals - totals.mean(1, keepdim=True)) / (totals.std(1, keepdim=True) + 1e-4)).flatten()
    filled = RoundSampling(GROUPS, 1).fill(
        draw=lambda *_: [scored.sampled for scored in batch],
        score=lambda sampled: batch if sampled else [],
        useful=lambda _: True,
        in_force=lambda _: True,
    )
    return Round(**vars(filled), step=step, number=step, advantages=advantages, reward_names=["correct"], judging=0.0)


def one_row_round(problems: list[Problem], step: int = 0) -> Round:
    """As `fixed_round`, but a single rollout has an advantage."""
    round_ = fixed_round(problems, step)
    round_.advantages.zero_()[5] = 1.0
    return round_


def stale_round(problems: list[Problem], step: int = 0, near: str = "demo") -> Round:
    """As `fixed_round`, but sampled by weights near those of a model, one rollout by nobody knows which."""
    round_, noise = fixed_round(problems, step), torch.Generator().manual_seed(step)
    model, tokenizer = load_model(resolve_model(near)), load_tokenizer(resolve_model("demo"))
    for place, rollout in enumerate(round_.rollouts()):
        prompt = encode_prompts(tokenizer, [round_.batch[place // SIZE].group.problem])[0]
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *rollout.token_ids]])).logits[0, len(prompt) - 1 : -1]
        logps = logits.log_softmax(-1).gather(1, torch.tensor(rollout.token_ids).unsqueeze(1)).squeeze(1)
        drawn = logps - 1.5 * torch.rand(len(logps), generator=noise) * (torch.arange(len(logps)) < 3)
        object.__setattr__(rollout, "logprobs", () if place == 4 else tuple(drawn.tolist()))
    return round_


def masked(round_: Round, every: int = 2) -> Round:
    """`round_`, in which some of every other rollout is not in the loss: a prefix, two spans, the end, or all of it."""
    for place, rollout in enumerate(round_.rollouts()[::every]):
        end = rollout.length
        spans = [((0, 2),), ((1, 3), (5, 9)), ((end - 1, end),), ((0, end),)][place % 4]
        found = tuple((start, min(stop, end)) for start, stop in spans if start < end)
        object.__setattr__(rollout, "masked", found)
        if rollout.logprobs:
            forced = [place for start, stop in found for place in range(start, stop)]
            logprobs = [math.nan if place in forced else value for place, value in enumerate(rollout.logprobs)]
            object.__setattr__(rollout, "logprobs", tuple(logprobs))
    return round_


def credited(round_: Round) -> Round:
    """`round_`, in which every third rollout has advantages of its tokens' own, one of them 0 everywhere."""
    draw = random.Random(round_.step)
    credits: list[tuple[float, ...] | None] = []
    for place, rollout in enumerate(round_.rollouts()):
        own = tuple(draw.choice([0.0, draw.gauss(0, 1)]) * (place != 6) for _ in range(rollout.length))
        credits.append(None if place % 3 else own)
    return replace(round_, credits=tuple(credits))


def masked_round(problems: list[Problem], step: int = 0) -> Round:
    return masked(fixed_round(problems, step))


def credited_round(problems: list[Problem], step: int = 0) -> Round:
    return credited(fixed_round(problems, step))


def both_round(problems: list[Problem], step: int = 0) -> Round:
    return credited(masked(fixed_round(problems, step)))


def lopsided_round(problems: list[Problem], step: int = 0) -> Round:
    """As `fixed_round`, but one rollout of the first half has masked tokens, and one advantages of its tokens' own."""
    round_ = fixed_round(problems, step)
    first, fifth = round_.rollouts()[0], round_.rollouts()[5]
    object.__setattr__(first, "masked", ((0, 1),))
    credits = [None] * 5 + [tuple(0.1 * place for place in range(fifth.length))] + [None] * (GROUPS * SIZE - 6)
    return replace(round_, credits=tuple(credits))


def stale_both_round(problems: list[Problem], step: int = 0, near: str = "demo") -> Round:
    return credited(masked(stale_round(problems, step, near)))


class Gradients(TrainerCallback):  # type: ignore[misc]
    """Every parameter's gradient as it stands before each optimiser step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Tensor]] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.steps.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})


def gradients(trainer: LengthGRPOTrainer, problems: list[Problem], fixed: Any = fixed_round) -> list[dict[str, Tensor]]:
    """Train on fixed rounds; the gradients of each update."""
    trainer.rounds.make = lambda step, *_: fixed(problems, step)  # type: ignore[method-assign]
    seen = Gradients()
    trainer.add_callback(seen)
    trainer.train()
    return seen.steps


def shuffle_as_packed(monkeypatch: Any, trainer: LengthGRPOTrainer) -> None:
    """Let TRL's own loop put rollouts into the updates that packing puts them into."""

    def shuffle(batch: dict[str, Any]) -> dict[str, Any]:
        args = trainer.args
        rows = len(batch["advantages"])
        updates = members(rows, args.round_updates, stable_seed(args.seed, trainer.state.global_step))
        order = [row for update in updates for row in update]
        return {k: v if not isinstance(v, Tensor) or v.ndim == 0 else v[order] for k, v in batch.items()}

    monkeypatch.setattr(trl.trainer.grpo_trainer, "shuffle_sequence_dict", shuffle)


def assert_same(ours: list[dict[str, Tensor]], theirs: list[dict[str, Tensor]], relative: float = 1e-5) -> None:
    """Parameter by parameter: the distance of the gradients over the length of theirs."""
    assert len(ours) == len(theirs)
    assert any(gradient.any() for step in theirs for gradient in step.values())
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        for name, gradient in other.items():
            distance = (mine[name].double() - gradient.double()).norm()
            assert distance <= relative * gradient.double().norm(), (name, distance, gradient.norm())

"""TRL's metrics of a packed update: logged once a micro-batch on each rank, joined here into one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from rl.updates.packed_round import Update


class OneRank:
    """An accelerator whose exchanges stay on this rank.

    TRL exchanges metrics in each micro-batch, and only metrics, where a loss is packable. Ranks would wait for each
    other there, and would need equally many rows.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator

    def gather(self, tensor: Tensor) -> Tensor:
        return tensor

    def reduce(self, tensor: Tensor, reduction: str = "sum") -> Tensor:
        return tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._accelerator, name)


def join(
    metrics: MutableMapping[str, list[float]],
    before: Mapping[str, int],
    update: Update,
    tokens: Sequence[int],
    rank: int,
    accumulation: int,
    by_sequence: bool,
) -> None:
    """Replace what each metric got since it had `before` values by the update's figure, the same on every rank.

    Every token in the loss weighs the same (`tokens[row]`), or every rollout where TRL has one value a rollout, as clip
    ratios do `by_sequence`. In those, a rollout that left counts as one of which nothing is clipped: nothing could be.
    `policy_loss` is TRL's mean over its own micro-batches, `accumulation` a rank. What several ranks share counts on
    the first of them.
    """
    own = [slot[rank].counted(rank) for slot in update.slots]
    first = [rank % slot[rank].ranks == 0 for slot in update.slots]
    stay = [row for rows in update.micro_batches() for row in rows]
    parts: dict[str, float] = {}
    totals: dict[str, float] = {}
    for name, values in metrics.items():
        since = values[before.get(name, 0) :]
        if name in ("step_time", "entropy_coef") or len(since) != len(own):
            continue
        counted = update.rows if "clip_ratio" in name else stay
        weights: list[float] = [sum(tokens[row] for row in rows) for rows in own]
        totals[name] = sum(tokens[row] for row in counted)
        if name == "policy_loss":
            weights = [b["loss_scale"] * here for b, here in zip(update.batches, first, strict=True)]
            totals[name] = len(update.slots[0]) * accumulation
        elif name.startswith("vespo/") or (by_sequence and "clip_ratio" in name):
            weights, totals[name] = [len(rows) for rows in own], len(counted)
        parts[name] = part(name, since, weights)
    everyone = gather_object([parts])
    left = len(stay) < len(update.rows)
    for name, total in totals.items():
        figure = whole(name, [found[name] for found in everyone], total, left and "clip_ratio" in name)
        metrics[name][before.get(name, 0) :] = [figure]


def finished(device: torch.device) -> None:
    """Wait for what a device has been given to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def imbalance(seconds: float) -> float:
    """Of this rank's seconds and the others': the most over the mean."""
    each: list[float] = gather_object([seconds])
    return max(each) / (sum(each) / len(each))


def part(name: str, values: Sequence[float], weights: Sequence[float]) -> float:
    """A rank's part: the least, the greatest or the weighted sum, as the metric's name ends.

    A micro-batch of weight 0 holds nothing; NaN is a rollout without tokens.
    """
    found = [(value, weight) for value, weight in zip(values, weights, strict=True) if weight and not math.isnan(value)]
    if name.endswith("_min"):
        return min((value for value, _ in found), default=math.inf)
    if name.endswith("_max"):
        return max((value for value, _ in found), default=-math.inf)
    return sum(value * weight for value, weight in found)


def whole(name: str, parts: Sequence[float], total: float, zeros: bool) -> float:
    """The figure from all ranks' parts, `total` being the weight of a mean; NaN where there is nothing.

    `zeros`: the least and the greatest are over zeros too.
    """
    if name.endswith(("_min", "_max")):
        found = (min if name.endswith("_min") else max)([*parts, 0.0] if zeros else parts)
        return found if math.isfinite(found) else math.nan
    return sum(parts) / total if total else math.nan

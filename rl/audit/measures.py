"""What is told of a method's advantages: sums over groups, then figures of these with intervals over groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl.audit.applying import Applied
from rl.audit.sample import Floats, Ints, Sample
from rl.statistics import Estimate

DECILES = 10
RESAMPLES = 1000
AT_ONCE = 4_000_000
"""Pairs, or counts of resamples, in memory at a time."""
Sums = Mapping[str, Floats]


@dataclass(frozen=True)
class Figure:
    """One figure that is told of every method."""

    name: str
    head: str
    """Over its column."""
    says: str
    unit: str = "%"
    """`%` of a share, or `tokens`."""


FIGURES = [
    Figure("pull", "pull", "covariance of advantage and length within groups, a root mean square advantage", "tokens"),
    Figure("pull_right", "in right", "its part among right rollouts", "tokens"),
    Figure("pull_wrong", "in wrong", "its part among wrong rollouts", "tokens"),
    Figure("pull_between", "between", "its part from right ones being shorter or longer than wrong ones", "tokens"),
    Figure("signal", "signal", "groups with any advantage"),
    Figure("silenced", "silenced", "of the groups with right and wrong rollouts, those left without any advantage"),
    Figure("up_right", "right up", "right rollouts with a positive advantage"),
    Figure("up_wrong", "wrong up", "wrong rollouts with a positive advantage"),
    Figure("right_down", "right down", "right rollouts pushed down in groups that hold wrong ones, too"),
    Figure("wrong_up", "wrong over", "wrong rollouts pushed up in groups that hold right ones, too"),
    Figure("inverted", "short wrong first", "of pairs of a short wrong and a longer right one, those it prefers wrong"),
    Figure("cut", "cut", "rollouts longer than the cap"),
    Figure("right_cut", "right cut", "right rollouts longer than the cap"),
    Figure("saved", "tokens cut", "tokens beyond the cap"),
]


def sums(sample: Sample, applied: Applied, deciles: Ints) -> dict[str, Floats]:
    """(groups,) sums of what the figures are made of."""
    index, count = sample.index, len(sample.groups)
    judged = ~np.isnan(sample.correct)
    right, wrong = sample.correct == 1.0, judged & (sample.correct != 1.0)
    a, tokens = np.where(judged, applied.advantages, 0.0), applied.lengths

    def add(values: NDArray[np.generic]) -> Floats:
        return np.bincount(index, weights=values.astype(float), minlength=count).astype(float)

    n, n_right, n_wrong = add(judged), add(right), add(wrong)
    mixed = (n_right > 0) & (n_wrong > 0)
    inside, trained = mixed[index], add(a != 0) > 0

    def centred(members: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Tokens minus the mean of their group's members, 0 for all others; and that mean for each rollout."""
        mean = add(np.where(members, tokens, 0.0)) / np.maximum(add(members), 1)
        return np.where(members, tokens - mean[index], 0.0), np.where(members, mean[index], 0.0)

    (all_off, all_mean), (right_off, right_mean), (wrong_off, wrong_mean) = map(centred, (judged, right, wrong))
    cut = np.zeros_like(judged) if applied.cap is None else judged & (sample.lengths > applied.cap)
    mass = np.abs(a) * applied.weights
    inverted, pairs = inversions(sample, a, tokens)
    found = {
        "groups": np.ones(count), "n": n, "right": n_right, "wrong": n_wrong, "mixed": mixed.astype(float),
        "signal": trained.astype(float), "silenced": (mixed & ~trained).astype(float),
        "right_up": add(right & (a > 0)), "wrong_up": add(wrong & (a > 0)),
        "mixed_right": add(right & inside), "mixed_wrong": add(wrong & inside),
        "mixed_right_down": add(right & inside & (a < 0)), "mixed_wrong_up": add(wrong & inside & (a > 0)),
        "squares": add(a * a), "pull": add(a * all_off), "pull_right": add(a * right_off),
        "pull_wrong": add(a * wrong_off), "pull_between": add(a * (right_mean + wrong_mean - all_mean)),
        "inverted": inverted, "pairs": pairs, "cut": add(cut), "right_cut": add(cut & right),
        "over": add(np.where(cut, sample.lengths - tokens, 0.0)),
        "tokens": add(np.where(judged, sample.lengths, 0.0)), "mass": add(mass),
    }  # fmt: skip
    for d in range(DECILES):
        own = deciles == d
        found |= {
            f"mass {d}": add(np.where(own, mass, 0.0)),
            f"right {d}": add(own & right), f"right sum {d}": add(np.where(own & right, a, 0.0)),
            f"wrong {d}": add(own & wrong), f"wrong sum {d}": add(np.where(own & wrong, a, 0.0)),
        }  # fmt: skip
    return found


def deciles_of(lengths: Floats) -> Ints:
    """(N,) which tenth of all lengths each is in, from the shortest; equal lengths share theirs."""
    edges = np.quantile(lengths, np.arange(1, DECILES) / DECILES)
    return np.searchsorted(edges, lengths, side="left")


def inversions(sample: Sample, advantages: Floats, tokens: Floats) -> tuple[Floats, Floats]:
    """(groups,) pairs of a shorter wrong and a longer right rollout: those where the wrong one has more, and all."""
    sizes = np.bincount(sample.index, minlength=len(sample.groups))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    inverted, pairs = np.zeros(len(sizes)), np.zeros(len(sizes))
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        step = max(1, AT_ONCE // int(size * size))
        for begin in range(0, len(members), step):
            own = members[begin : begin + step]
            places = starts[own][:, None] + np.arange(size)
            a, t, c = advantages[places], tokens[places], sample.correct[places]
            pair = ((c == 0.0)[:, :, None] & (c == 1.0)[:, None, :]) & (t[:, :, None] < t[:, None, :])
            pairs[own] = pair.sum(axis=(1, 2))
            inverted[own] = (pair & (a[:, :, None] > a[:, None, :])).sum(axis=(1, 2))
    return inverted, pairs


class Resampled:
    """The same resamples of groups for every method: (resamples + 1, groups) counts, the first row all ones."""

    def __init__(self, groups: int, resamples: int = RESAMPLES) -> None:
        rng = np.random.default_rng(0)
        self.counts = np.ones((resamples + 1, groups), np.uint16)
        for row in self.counts[1:]:
            row[:] = np.bincount(rng.integers(groups, size=groups), minlength=groups)

    def totals(self, own: Mapping[str, Floats]) -> dict[str, Floats]:
        """Sums over groups by name, (resamples + 1,)."""
        table = np.stack(list(own.values()), axis=1)
        step = max(1, AT_ONCE // len(table))
        rows = [self.counts[at : at + step].astype(float) @ table for at in range(0, len(self.counts), step)]
        return dict(zip(own, np.concatenate(rows).T, strict=True))


def figures(s: Sums) -> dict[str, Floats]:
    """Every figure of `FIGURES`, the gradient by decile and the mean advantages, of sums over groups."""
    root = np.sqrt(s["n"] * s["squares"])
    size = np.sqrt(_share(s["squares"], s["n"]))
    found = {
        "signal": _share(s["signal"], s["groups"]), "silenced": _share(s["silenced"], s["mixed"]),
        "up_right": _share(s["right_up"], s["right"]), "up_wrong": _share(s["wrong_up"], s["wrong"]),
        "right_down": _share(s["mixed_right_down"], s["mixed_right"]),
        "wrong_up": _share(s["mixed_wrong_up"], s["mixed_wrong"]),
        "inverted": _share(s["inverted"], s["pairs"]),
        **{name: _share(s[name], root) for name in ("pull", "pull_right", "pull_wrong", "pull_between")},
        "cut": _share(s["cut"], s["n"]), "right_cut": _share(s["right_cut"], s["right"]),
        "saved": _share(s["over"], s["tokens"]),
    }  # fmt: skip
    for d in range(DECILES):
        found[f"mass {d}"] = _share(s[f"mass {d}"], s["mass"])
        for side in ("right", "wrong"):
            found[f"{side} {d}"] = _share(_share(s[f"{side} sum {d}"], s[f"{side} {d}"]), size)
    return found


def _share(part: Floats, whole: Floats) -> Floats:
    """NaN of nothing."""
    found: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found


def estimates(found: Mapping[str, Floats]) -> dict[str, Estimate]:
    """The first of each figure's values, with the 2.5 % and 97.5 % percentiles of the others that are numbers."""
    return {name: _estimate(values) for name, values in found.items()}


def _estimate(values: Floats) -> Estimate:
    known = values[1:][~np.isnan(values[1:])]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return Estimate(float(values[0]), float(low), float(high))

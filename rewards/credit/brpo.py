"""BRPO: each part of a thinking by the answers that come of it, against two baselines (arXiv 2505.13438)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from rewards.edits import Edit
from rewards.edits.brpo import Brpo as Trees
from rewards.history import History
from rewards.length.brpo import Brpo as Reward
from rewards.types import Group, LengthReward, Values

Prior = Literal["uniform", "linear", "base"]


class Brpo:
    """With r_s the mean reward of the summaries at length L_s, s = 0, …, S - 1, and p the prior over lengths:

    ret_s = Σ_{k≥s} p_k r_k, V2_s its mean over the group's trees, V1_s = (Σ_{k<s} 2^k r_k / Σ_{k<s} 2^k) Σ_{k≥s} p_k,
    A_s = ret_s - (s V1_s + (S - s) V2_s) / S. Thinking tokens in (L_{s-1}, L_s] get A_s, others of that rollout 0; a
    summary gets its reward less the mean of those at its length, of a single one less the mean over the trees.
    `lengths` and `summaries` are edit `brpo`'s. Priors: `uniform`, `linear` (p ~ L_s), `base` (all at the
    last length).
    """

    name = "brpo"
    source = "arXiv 2505.13438"

    def __init__(
        self,
        lengths: Sequence[int] = (2000, 4000, 6000, 8000),
        summaries: int = 4,
        prior: Prior = "uniform",
    ) -> None:
        self.trees, self.reward = Trees(lengths, summaries), Reward()
        whole = float(sum(lengths))
        priors = {
            "uniform": [1 / len(lengths)] * len(lengths),
            "linear": [length / whole for length in lengths],
            "base": [0.0] * (len(lengths) - 1) + [1.0],
        }
        if prior not in priors:
            raise ValueError(f"brpo: prior must be one of {', '.join(priors)}, not {prior!r}")
        self.prior = priors[prior]

    def misfit(self, edits: Sequence[Edit], rewards: Sequence[LengthReward]) -> str | None:
        made = [(edit.lengths, edit.summaries) for edit in edits if isinstance(edit, Trees)]
        own = self.trees.lengths, self.trees.summaries
        if made == [own]:
            return None
        return (
            f"it credits trees of {own[1]} summaries at lengths {list(own[0])}, and "
            + (f"edit brpo makes {made[0][1]} at {list(made[0][0])}" if made else "there is no edit brpo")
            + "; give both the same `lengths` and `summaries`"
        )

    def credit(self, group: Group, advantages: Sequence[float]) -> list[Sequence[float] | None]:
        tree, points = self.trees.tree, len(self.trees.lengths)
        rewards = self.reward(group, History())
        starts = range(0, len(rewards), tree)
        at = [
            [rewards[1 + start + s * self.trees.summaries :][: self.trees.summaries] for s in range(points)]
            for start in starts
        ]
        means = [[_mean(each) for each in own] for own in at]
        parts = self.parts(means)
        found: list[Sequence[float] | None] = []
        for number, start in enumerate(starts):
            found.append(self._thinking(group.rollouts[start].length, group.rollouts[start].thinking, parts[number]))
            for s, own in enumerate(at[number]):
                base = _mean([each[s][0] for each in at]) if len(own) == 1 else means[number][s]
                first = start + 1 + s * len(own)
                found += [
                    None if r is None else [r - base] * group.rollouts[first + i].length for i, r in enumerate(own)
                ]
        return found

    def parts(self, rewards: Sequence[Sequence[float]]) -> list[list[float]]:
        """A_s of each tree, from the mean rewards r_s of each (trees, S)."""
        p, points = self.prior, len(self.prior)
        later = [sum(p[s:]) for s in range(points)]
        returns = [[sum(p[k] * r[k] for k in range(s, points)) for s in range(points)] for r in rewards]
        across = [fmean(ret[s] for ret in returns) for s in range(points)]

        def earlier(r: Sequence[float], s: int) -> float:
            weights = [2.0**k for k in range(s)]
            return later[s] * sum(w * x for w, x in zip(weights, r, strict=False)) / sum(weights) if s else 0.0

        return [
            [ret[s] - (s * earlier(r, s) + (points - s) * across[s]) / points for s in range(points)]
            for r, ret in zip(rewards, returns, strict=True)
        ]

    def _thinking(self, length: int, thinking: int, parts: Sequence[float]) -> list[float]:
        values: list[float] = []
        for until, advantage in zip(self.trees.lengths, parts, strict=True):
            values += [advantage] * (min(until, thinking) - len(values))
        return values + [0.0] * (length - len(values))


def _mean(rewards: Values) -> float:
    """Of those that were judged; 0 where none was."""
    judged = [reward for reward in rewards if reward is not None]
    return fmean(judged) if judged else 0.0

"""DECS: only what a thought says after its answer pays for length (arXiv 2509.25827)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from rewards.first_right import first_right
from rewards.shaped import at_least, budget_of, is_correct
from rewards.thinking import before_end
from rewards.types import Group, Rollout

EPSILON = 1e-6
WORDS = ("Wait", "But", "Alternatively", "Hmm", "Let", "Therefore")


class Decs:
    """A_{i,t} = (r_{i,t} - mean_t) / (std_t + 1e-6), over the group at each place t, with the sample deviation.

    r is 0 in a wrong rollout, in a right one 1 + β, and 1 + β (1 - L / M) in what is redundant: the thinking after the
    piece that first has the right answer, pieces beginning at reflection words. Rows end at 1 + β or 0 as far as the
    longest of the group goes. M, `maximum`, is the rollout's budget unless given. The paper has a small model judge
    each piece; here it is `rewards.first_right`, and where that finds nothing, nothing is redundant. Its curriculum,
    which lets all-right groups in by a share that it controls, is not had here.
    """

    name = "decs"
    source = "arXiv 2509.25827"
    reads_text = True

    def __init__(self, beta: float = 0.1, maximum: int | None = None) -> None:
        at_least(self.name, 0, beta=beta)
        at_least(self.name, 1, maximum=maximum)
        self.beta, self.maximum = beta, maximum
        self._words = re.compile(rf"\b(?:{'|'.join(WORDS)})\b")

    def credit(self, group: Group, advantages: Sequence[float]) -> list[Sequence[float] | None]:
        judged = group.judged()
        if not judged:
            return [None] * len(group.rollouts)
        rewards = np.zeros((len(judged), max(r.length for r in judged)))
        for row, rollout in zip(rewards, judged, strict=True):
            self._reward(row, rollout, group)
        spread = rewards.std(axis=0, ddof=1) if len(judged) > 1 else np.zeros(rewards.shape[1])
        values = iter((rewards - rewards.mean(axis=0)) / (spread + EPSILON))
        return [None if r.raw_reward is None else next(values)[: r.length].tolist() for r in group.rollouts]

    def _reward(self, row: np.ndarray, rollout: Rollout, group: Group) -> None:
        """Fill in the reward of each token, in place."""
        if not is_correct(rollout):
            return
        row[:] = 1 + self.beta
        start, stop = self._redundant(rollout, group)
        row[start:stop] = 1 + self.beta * (1 - rollout.length / budget_of(rollout, self.maximum))

    def _redundant(self, rollout: Rollout, group: Group) -> tuple[int, int]:
        """Its redundant tokens, from the first to before the second; none where both are one."""
        thought = before_end(rollout.text) or ""
        found = first_right(thought, group.problem.golds, str(group.problem.prompt))
        if found is None:
            return 0, 0
        again = self._words.search(thought, found)
        piece = again.start() if again else len(thought)
        start = rollout.tokens_within(piece)  # a reflection word's space is of its token
        return start, max(start, rollout.tokens_within(len(thought)))

"""CAMPO's repetition penalty (arXiv 2507.14683): does a rollout end in a loop?"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

from rewards.history import HistoryView
from rewards.shaped import at_least, is_correct, of_judged
from rewards.types import Group, Rollout, Values


class Repetition:
    """R = c - f, f being the share of the rollout's tokens that lie in the loop it ends in.

    The earlier the loop begins, the larger f. The released code takes a constant 0.1 instead, and
    from rollouts cut at their budget only: `mode="constant"`, `penalty`. Of a logged rollout without
    token ids the words of its text are compared.
    """

    name = "repetition"
    source = "arXiv 2507.14683"
    group_only = True

    def __init__(self, mode: Literal["ratio", "constant"] = "ratio", penalty: float = 0.1) -> None:
        if mode not in ("ratio", "constant"):
            raise ValueError(f"repetition: mode must be 'ratio' or 'constant', not {mode!r}")
        at_least(self.name, 0, penalty=penalty)
        self.mode, self.penalty = mode, penalty

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return of_judged(group, lambda r: is_correct(r) - self.loop_penalty(r))

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        """`correct`, and `repetition`: -f."""
        return {
            "correct": [r.raw_reward for r in group.rollouts],
            "repetition": of_judged(group, lambda r: -self.loop_penalty(r)),
        }

    def loop_penalty(self, rollout: Rollout) -> float:
        """f, in [0, 1]."""
        if self.mode == "constant" and not rollout.was_cut:
            return 0.0
        tokens = tokens_of(rollout)
        looping = loop_length(tokens)
        if self.mode == "constant":
            return self.penalty if looping else 0.0
        return looping / len(tokens) if looping else 0.0


def tokens_of(rollout: Rollout) -> Sequence[Hashable]:
    """The rollout's token ids, or the words of its text where it has none.

    Errors: ValueError where it has tokens, but neither ids nor text.
    """
    if not rollout.token_ids and not rollout.text and rollout.length:
        raise ValueError(f"a rollout of problem {rollout.problem_id!r} has neither token_ids nor text")
    return tuple(rollout.token_ids) or rollout.text.split()


def loop_length(tokens: Sequence[Hashable]) -> int:
    """How many tokens lie in the loop that the sequence ends in: 0 where it ends in none.

    A loop is an end of the sequence that repeats with some period p and spans at least 2p tokens;
    the longest over all p counts. Linear time: with the sequence reversed, position p of its
    Z-array says how far the end goes on repeating with period p. At once where the last token is alone, as an
    end of text is.
    """
    if not tokens or tokens[-1] not in tokens[-1 - len(tokens) // 2 : -1]:
        return 0
    agreement = _z_array(tokens[::-1])
    return max((p + agreement[p] for p in range(1, len(tokens) // 2 + 1) if agreement[p] >= p), default=0)


def _z_array(tokens: Sequence[Hashable]) -> list[int]:
    """z[i]: length of the longest common prefix of `tokens` and `tokens[i:]`."""
    size = len(tokens)
    z = [0] * size
    left = right = 0
    for i in range(1, size):
        known = min(right - i, z[i - left]) if i < right else 0
        while i + known < size and tokens[known] == tokens[i + known]:
            known += 1
        z[i] = known
        if i + known > right:
            left, right = i, i + known
    return z

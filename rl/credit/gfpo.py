"""GFPO: only some rollouts of each group count (arXiv 2508.09726)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from array_api_compat import array_namespace

from rl.credit.within.arrays import Array
from rl.credit.within.counted import Counted
from rl.credit.within.groups import count, doubles, judged_or_zero, mean, ranks, standardise
from rl.errors import UserError


class Gfpo:
    """Only the k best of each group count: mean and sample deviation (+ 1e-4) are theirs alone, all others get 0.

    Kept are the shortest, or those of the highest reward per token; with `efficiency` a negative reward favours long
    rollouts, as the paper's ratio has it. `k`, 8 unless given, may be one number a group; `adaptive` chooses it by how
    hard the problem proves (`AdaptiveK`) instead.
    """

    name = "gfpo"
    source = "arXiv 2508.09726"
    by_length = True

    def __init__(
        self,
        k: int | Sequence[int] | None = None,
        by: Literal["shortest", "efficiency"] = "shortest",
        adaptive: bool = False,
    ) -> None:
        if by not in ("shortest", "efficiency"):
            raise ValueError(f"gfpo: by must be 'shortest' or 'efficiency', not {by!r}")
        if adaptive and k is not None:
            raise UserError("option 'k' of advantage estimator 'gfpo' cannot stand beside `adaptive: true`; remove one")
        self.k: int | Sequence[int] = 8 if k is None else k
        counts = [self.k] if isinstance(self.k, int) else self.k
        if not isinstance(counts, Sequence) or not all(isinstance(count, int) and count >= 1 for count in counts):
            raise ValueError(_bad(k))
        self.by, self.adaptive = by, AdaptiveK() if adaptive else None

    def __call__(self, rewards: Array, group_size: int, lengths: Array) -> Array:
        xp = array_namespace(rewards)
        rows = xp.reshape(rewards, (-1, group_size))
        tokens = xp.astype(xp.reshape(lengths, (-1, group_size)), rows.dtype)
        k = self.adaptive(rows) if self.adaptive else self.k
        counts = [k] * len(rows) if isinstance(k, int) else list(k)
        if len(counts) != len(rows):
            raise ValueError(_bad(k))
        order = tokens if self.by == "shortest" else -rows / xp.clip(tokens, min=1)
        places = ranks(xp.where(xp.isnan(rows), xp.inf, order))
        kept = xp.where(places >= xp.asarray(counts, dtype=xp.int64)[:, None], xp.nan, rows)
        return judged_or_zero(standardise(xp.reshape(kept, (-1,)), group_size))

    def state_dict(self) -> dict[str, Any]:
        """What `adaptive` has seen; without it, nothing."""
        return self.adaptive.state_dict() if self.adaptive else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.adaptive:
            self.adaptive.load_state_dict(state)


def _bad(k: object) -> str:
    return f"gfpo: k must be at least 1, one number for all or one a group, not {k}"


class AdaptiveK:
    """GFPO's adaptive difficulty: how many rollouts of a group to keep (arXiv 2508.09726).

    By the quartile of the group's mean reward among all means seen so far, from the highest down:
    1/4, 3/8, 1/2, 1/2 of the group (4, 6, 8, 8 of 16). Until `WARM_UP` groups were seen, 1/2. The
    paper estimates quartiles by a t-digest; means are few distinct numbers where rewards are 0 or 1, so here
    they are counted (`Counted`): exactly up to 4,096 different ones, then in as many bins of one width.
    """

    SHARES = (1 / 4, 3 / 8, 1 / 2, 1 / 2)
    WARM_UP = 64

    def __init__(self) -> None:
        self.seen = Counted()

    def __call__(self, rewards: Array) -> list[int]:
        """(groups, G) rewards, NaN where not judged, to one k a group; they count as seen from now on."""
        xp = array_namespace(rewards)
        size = rewards.shape[1]
        rows = doubles(rewards, size)
        known = ~xp.isnan(rows)
        means = xp.where(count(known, rows) > 0, mean(rows, known), xp.nan)[:, 0].tolist()
        judged = [each for each in means if each == each]
        self.seen.add(judged)
        above, total = iter(self.seen.above(judged)), self.seen.total
        shares = []
        for each in means:
            quartile = min(3, 4 * (next(above) if each == each else 0) // max(total, 1))
            shares.append(self.SHARES[quartile] if total >= self.WARM_UP else self.SHARES[-1])
        return [max(1, int(share * size)) for share in shares]

    def state_dict(self) -> dict[str, Any]:
        return self.seen.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.seen.load_state_dict(dict(state))

"""The advantage estimator of a run: a function of `rl.credit.advantages`, its options, and what it remembers."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rl.credit.advantages import ESTIMATORS
from rl.errors import UserError, unknown

OWN = ("rewards", "group_size", "lengths", "weights")
"""Arguments that a call brings; the others are options."""


class Estimator:
    """`name` and its options, checked. Errors: UserError naming the option."""

    def __init__(self, name: str, options: Mapping[str, Any] | None = None, weights: Sequence[float] = (1.0,)) -> None:
        if name not in ESTIMATORS:
            raise unknown("advantage estimator", name, ESTIMATORS)
        self.name, self.function, self.options = name, ESTIMATORS[name], dict(options or {})
        accepted = list(inspect.signature(self.function).parameters)
        self.apart = "weights" in accepted
        """Whether it takes each reward by itself instead of the weighted sum."""
        self.weights = list(weights)
        self.adaptive: AdaptiveK | None = None
        adaptive = name == "gfpo" and bool(self.options.pop("adaptive", False))
        if adaptive and "k" in self.options:
            raise UserError("option 'k' of advantage estimator 'gfpo' cannot stand beside `adaptive: true`; remove one")
        known = [option for option in accepted if option not in OWN] + (["adaptive"] if name == "gfpo" else [])
        for option in self.options:
            if option not in known:
                raise unknown(f"option of advantage estimator {name!r}", option, known)
        # A value that cannot be shows at once, not after the first round.
        sample = torch.arange(8.0)
        self(sample.unsqueeze(1).repeat(1, len(self.weights)), sample, 4, torch.ones(8))
        self.adaptive = AdaptiveK() if adaptive else None

    def __call__(self, terms: Tensor, totals: Tensor, group_size: int, lengths: Tensor) -> Tensor:
        """(B, K) terms and (B,) weighted sums to (B,) advantages. Errors: UserError for an option that cannot be."""
        options = dict(self.options)
        if self.apart:
            options["weights"] = self.weights
        if self.adaptive:
            options["k"] = self.adaptive(totals.view(-1, group_size))
        try:
            return self.function(terms if self.apart else totals, group_size, lengths, **options)
        except (ValueError, TypeError) as error:
            raise UserError(f"advantage estimator {self.name!r}: {error}; its options are {self.options}") from error

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: plain JSON."""
        return self.adaptive.state_dict() if self.adaptive else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.adaptive:
            self.adaptive.load_state_dict(state)


class AdaptiveK:
    """GFPO's adaptive difficulty: how many rollouts of a group to keep (arXiv 2508.09726).

    By the quartile of the group's mean reward among all means seen so far, from the highest down:
    1/4, 3/8, 1/2, 1/2 of the group (4, 6, 8, 8 of 16). Until `WARM_UP` groups were seen, 1/2. The
    paper estimates quartiles by a t-digest; means are few distinct numbers, so here they are counted.
    """

    SHARES = (1 / 4, 3 / 8, 1 / 2, 1 / 2)
    WARM_UP = 64

    def __init__(self) -> None:
        self.seen: Counter[float] = Counter()

    def __call__(self, rewards: Tensor) -> list[int]:
        """(groups, G) rewards, NaN where not judged, to one k a group; they count as seen from now on."""
        size = rewards.size(1)
        means = [round(mean, 6) for mean in rewards.double().nanmean(dim=1).tolist() if mean == mean]
        self.seen.update(means)
        total = sum(self.seen.values())
        shares = []
        for mean in rewards.double().nanmean(dim=1).tolist():
            above = sum(count for value, count in self.seen.items() if value > round(mean, 6)) if mean == mean else 0
            quartile = min(3, 4 * above // max(total, 1))
            shares.append(self.SHARES[quartile] if total >= self.WARM_UP else self.SHARES[-1])
        return [max(1, int(share * size)) for share in shares]

    def state_dict(self) -> dict[str, Any]:
        return {"seen": [[value, count] for value, count in sorted(self.seen.items())]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.seen = Counter(dict(state["seen"]))

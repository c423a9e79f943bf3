"""From which weight on a method prefers a short wrong rollout to a long right one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import rewards
import rl.credit
from rl.audit.applying import apply
from rl.audit.measures import inversions
from rl.audit.methods import Method, options_of, with_option
from rl.audit.sample import Sample
from rl.errors import UserError
from rl.plugins import built_in, option_name

GROUPS = 100
"""Groups with right and wrong rollouts that it is found on."""
SHARE = 0.01
"""Of such pairs: from here on it counts."""
FACTORS = tuple(4.0**power for power in range(-4, 6))
"""Of the recipe's own weight."""
HALVINGS = 6
WEIGHTS = ("w", "weight", "alpha", "beta", "lambda", "lambda_length", "total", "initial", "high")
"""What methods call the weight of length, the first that one has."""


@dataclass(frozen=True)
class Crossing:
    """The option that weighs length, its value in the recipe, and from where on it inverts over 1 % of pairs."""

    option: str
    own: float
    value: float | None
    """None: nowhere up to `tried`."""
    tried: float

    def told(self) -> str:
        """`w from 1.2 (own 0.4)`."""
        where = f"from {self.value:.3g}" if self.value is not None else f"not up to {self.tried:.3g}"
        return f"{self.option} {where} (own {self.own:g})"


def crossing(method: Method, few: Sample, budget: int | None) -> Crossing | None:
    """Where it begins, by trying weights; None of a method without one, or of rollouts without pairs."""
    found = weight_of(method)
    if found is None or not few.groups:
        return None
    option, own = found

    def inverts(value: float) -> bool | None:
        """None where the method takes no such weight."""
        changed = with_option(method, option, value)
        try:
            applied = apply(changed.recipe, few, budget) if changed else None
        except UserError:
            return None
        if applied is None:
            return None
        inverted, pairs = inversions(few, applied.advantages, applied.lengths)
        return bool(inverted.sum() > SHARE * pairs.sum())

    below, tried = 0.0, own
    for factor in FACTORS:
        said = inverts(own * factor)
        if said is None:
            break
        tried = own * factor
        if said:
            return Crossing(option, own, _bisected(inverts, below, tried), tried)
        below = tried
    return Crossing(option, own, None, tried)


def _bisected(inverts: object, low: float, high: float) -> float:
    assert callable(inverts)
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high)) if low > 0 else high / 2
        if inverts(middle):
            high = middle
        else:
            low = middle
    return high


def weight_of(method: Method) -> tuple[str, float] | None:
    """The option by which a method weighs length, and its value: of its rewards, or of its estimator."""
    places = [(part, rewards) for part in method.recipe.rewards] + [(method.recipe.advantage, rl.credit)]
    for part, package in places:
        maker = built_in(package, "__call__").get(part.name)
        given = options_of(part, package)
        option = next((name for name in WEIGHTS if name in given), None)
        if maker is None or option is None:
            continue
        value = given[option] if given[option] is not None else _default(maker, option)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return option, float(value)
    return None


def _default(maker: object, option: str) -> object:
    import inspect

    assert callable(maker)
    return next(p.default for name, p in inspect.signature(maker).parameters.items() if option_name(name) == option)

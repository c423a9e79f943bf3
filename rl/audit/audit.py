"""An audit: every method on the same rollouts, and every figure with an interval over groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl.audit import crossing as weights
from rl.audit.applying import apply, rule_of
from rl.audit.crossing import Crossing, crossing
from rl.audit.measures import DECILES, FIGURES, Resampled, deciles_of, estimates, figures, sums
from rl.audit.methods import Method, why_not
from rl.audit.sample import Sample
from rl.errors import UserError
from rl.statistics import Estimate, finite


@dataclass(frozen=True)
class Audited:
    """What was found of one method."""

    method: Method
    values: dict[str, Estimate]
    """By the names of `FIGURES`, and by decile of length (from the shortest, 0 to 9) `mass 0`, `right 0`, `wrong 0`:
    the share of the gradient, and the mean advantage of right and wrong rollouts, a root mean square advantage."""
    cap: int | None
    budget: int | None
    crossing: Crossing | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        deciles = {
            side: [finite(self.values[f"{side} {d}"]) for d in range(DECILES)] for side in ("mass", "right", "wrong")
        }
        cross = self.crossing
        return {
            "method": self.method.name,
            "same": list(self.method.same),
            "estimator": self.method.recipe.advantage.name,
            "cap": self.cap,
            "budget": self.budget,
            **{figure.name: finite(self.values[figure.name]) for figure in FIGURES},
            "deciles": deciles,
            "pays_short_wrong": cross and {**vars(cross)},
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Audit:
    """Methods side by side, those that shorten most first."""

    audited: list[Audited]
    refused: dict[str, str]
    """Why a method could not be audited, by name."""
    groups: int
    rollouts: int
    accuracy: float
    tokens: float
    edges: list[float]
    """Median tokens of each decile of length."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, what `--json` and summary.json hold."""
        return {
            "schema": 1,
            "groups": self.groups,
            "rollouts": self.rollouts,
            "accuracy": self.accuracy,
            "mean_tokens": self.tokens,
            "decile_tokens": self.edges,
            "methods": [one.to_dict() for one in self.audited],
            "not_auditable": self.refused,
        }


def audit(
    methods: Sequence[Method], sample: Sample, budget: int | None = None, done: Callable[[int], None] = lambda _: None
) -> Audit:
    """Audit methods on rollouts; `budget` (tokens) replaces their own. `done` is called after each with 1."""
    resampled, few = Resampled(len(sample.groups)), sample.few(weights.GROUPS)
    deciles = deciles_of(sample.lengths)
    found: list[Audited] = []
    refused: dict[str, str] = {}
    for method in sorted(methods, key=lambda each: _rule(each, budget)):  # so that capped rollouts are made once
        why = why_not(method.recipe, sample)
        if why is None:
            try:
                found.append(_audited(method, sample, few, budget, resampled, deciles))
            except UserError as error:
                why = str(error)
        if why is not None:
            refused[method.name] = why
        done(1)
    order = {method.name: place for place, method in enumerate(methods)}
    found.sort(key=lambda one: (np.nan_to_num(one.values["pull"].mean), order[one.method.name]))
    judged = ~np.isnan(sample.correct)
    medians = [
        float(np.median(sample.lengths[deciles == d])) if (deciles == d).any() else np.nan for d in range(DECILES)
    ]
    return Audit(
        found, {name: refused[name] for name in order if name in refused}, len(sample.groups), int(judged.sum()),
        float(sample.correct[judged].mean()), float(sample.lengths[judged].mean()), medians,
    )  # fmt: skip


def _audited(
    method: Method, sample: Sample, few: Sample, budget: int | None, resampled: Resampled, deciles: Any
) -> Audited:
    swept = None if method.swept.startswith("budget=") else budget
    applied = apply(method.recipe, sample, swept)
    values = estimates(figures(resampled.totals(sums(sample, applied, deciles))))
    cross = crossing(method, few, swept)
    return Audited(method, values, applied.cap, applied.budget, cross, applied.notes)


def _rule(method: Method, budget: int | None) -> tuple[int, int, str]:
    try:
        rule = rule_of(method.recipe, budget)
    except UserError:  # which auditing it says
        return 0, 0, ""
    return rule.cap or 0, rule.budget or 0, method.recipe.rollouts.truncated

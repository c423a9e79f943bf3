"""Measures of a curve: what a model answers right, and for how many tokens, at each of several budgets.

Arrays are of shape (problems, budgets), budgets rising: a problem's mean over its samples. Intervals are over problems,
which are drawn with all that belongs to them. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rl.statistics import Estimate, bootstrap_mean, bootstrap_of_means

Values = NDArray[np.float64]


def area(accuracy: Values, budgets: Sequence[int]) -> Estimate:
    """The area under accuracy against the logarithm of the budget, over the width of the range; in [0, 1].

    Σ w_i · accuracy_i with the trapezoid's weights on log budgets, their sum 1: the mean accuracy where a budget is as
    likely to be doubled as halved. One budget: its accuracy.
    """
    return bootstrap_mean((accuracy @ log_weights(budgets)).tolist())


def log_weights(budgets: Sequence[int]) -> Values:
    """The trapezoid rule's weights on log budgets, their sum 1."""
    places = np.log(np.asarray(budgets, dtype=float))
    if len(places) == 1:
        return np.ones(1)
    gaps = np.diff(places)
    if not (gaps > 0).all():
        raise ValueError(f"budgets must rise, not {list(budgets)}")
    weights: Values = np.concatenate([gaps[:1], gaps[:-1] + gaps[1:], gaps[-1:]]) / (2 * gaps.sum())
    return weights


def tokens_per_correct(accuracy: Sequence[float], tokens: Sequence[float]) -> Estimate:
    """Mean tokens over mean accuracy at one budget: what a right answer costs. Infinite where none is right."""
    values = np.column_stack([accuracy, tokens])
    return bootstrap_of_means(values, lambda means: means[1] / means[0] if means[0] > 0 else math.inf)


def regret(accuracy: Values, budgets: Sequence[int], frontier: Mapping[int, float]) -> Estimate:
    """REG: Σ over budgets of frontier(B) - accuracy(B), the frontier the best of a pool of models at each budget.

    Below zero where the pool is beaten. Errors: ValueError naming a budget that the frontier lacks.
    """
    if missing := [budget for budget in budgets if budget not in frontier]:
        raise ValueError(f"the frontier has no accuracy at {missing[0]} tokens; it has {sorted(frontier)}")
    best = np.asarray([frontier[budget] for budget in budgets])
    return bootstrap_mean((best - accuracy).sum(axis=1).tolist())


def frontier_of(curves: Sequence[tuple[Sequence[int], Values]]) -> dict[int, float]:
    """The best mean accuracy of a pool of models at each budget that any of them has."""
    found: dict[int, float] = {}
    for budgets, accuracy in curves:
        for budget, mean in zip(budgets, accuracy.mean(axis=0).tolist(), strict=True):
            found[budget] = max(mean, found.get(budget, -math.inf))
    return dict(sorted(found.items()))


def efficiency(
    accuracy: Sequence[float], tokens: Sequence[float], base_accuracy: Sequence[float], base_tokens: Sequence[float]
) -> Estimate:
    """AES, the accuracy-efficiency score of O1-Pruner (arXiv 2501.12570), of the same problems under two models.

    (L0 - L) / L0 + 3 · ΔA where accuracy rose, - 5 · |ΔA| where it fell; ΔA = (A - A0) / A0. NaN where the base is
    never right.
    """
    return bootstrap_of_means(np.column_stack([accuracy, tokens, base_accuracy, base_tokens]), _score)


def _score(means: Values) -> float:
    accuracy, tokens, base_accuracy, base_tokens = means.tolist()
    if not base_accuracy or not base_tokens:
        return math.nan
    gain = (accuracy - base_accuracy) / base_accuracy
    return float((base_tokens - tokens) / base_tokens + (3 * gain if gain >= 0 else 5 * gain))


def overshoot(tokens: Values, asked: Sequence[int]) -> Values:
    """Tokens over what was asked, at least 0; a mean over answers, of shape (answers, budgets) as `tokens` is."""
    over: Values = tokens - np.asarray(asked, dtype=float)
    return np.maximum(0.0, over)


def error(tokens: Values, asked: Sequence[int]) -> Values:
    """|n - B| / B of each answer, B being the tokens that were asked for."""
    budgets = np.asarray(asked, dtype=float)
    share: Values = np.abs(tokens - budgets) / budgets
    return share


def rank_correlation(asked: Sequence[float], tokens: Sequence[float]) -> float:
    """Spearman's, ties by their mean rank, of what was asked for and what was used. NaN where one does not vary."""
    left, right = _ranks(asked), _ranks(tokens)
    left, right = left - left.mean(), right - right.mean()
    scale = math.sqrt(float(left @ left) * float(right @ right))
    return float(left @ right) / scale if scale else math.nan


def _ranks(values: Sequence[float]) -> Values:
    _, inverse, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], dtype=float)

"""A method applied to rollouts: capped as it would cap them, scored, and turned into advantages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curricula import GroupBudget, ProblemBudget
from curricula.schedule import floored
from rewards import Group, History, LengthReward, Monitor, Observer
from rewards.types import Values
from rl.audit.methods import by_sequence
from rl.audit.sample import Floats, Sample, each, ruled
from rl.credit.calling.estimator import Estimator
from rl.plugins import guarded, is_batch, load_budget, load_reward, score_together, step_for, unguarded
from rl.recipe.parts import BudgetPart, Recipe

STEPS = 1000
"""Optimiser steps of a recipe that says none."""
LOOKS = 65
"""Steps at which a schedule is looked at."""


@dataclass(frozen=True)
class Applied:
    """What a method makes of N rollouts, (N,) each."""

    advantages: Floats
    """0 where nothing trains."""
    lengths: Floats
    """Tokens under the method's cap."""
    weights: Floats
    """Of a rollout in the loss, a unit of advantage: its tokens, or 1 where the loss is a mean over rollouts."""
    cap: int | None
    """Tokens at which it would stop rollouts; None where problems have their own."""
    budget: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """The caps and budgets of a recipe, in tokens."""

    cap: int | None
    budget: int | None
    own: Callable[[Group], Group] | None = None
    """Where problems or groups have budgets of their own: a group as it would be."""


def apply(recipe: Recipe, sample: Sample, budget: int | None = None) -> Applied:
    """A recipe on rollouts; `budget` replaces its own. Errors: UserError naming what fails."""
    sample = sample.probed if recipe.data.probe is not None else sample
    rule = rule_of(recipe, budget)
    if rule.own:
        groups = [rule.own(group) for group in sample.groups]
    else:
        groups = sample.under(rule.cap, rule.budget, recipe.rollouts.truncated)
    plugins = [load_reward(part.name, part.options, part.term) for part in recipe.rewards]
    terms, notes = scored(plugins, groups, sample)
    weights = np.array([part.weight for part in recipe.rewards])
    raw = each(groups, lambda rollout: rollout.raw_reward)
    terms[np.isnan(raw)] = np.nan
    totals = np.where(np.isnan(terms).all(axis=1), np.nan, np.nansum(terms * weights, axis=1))
    if recipe.sampling.dynamic:
        still = ~varies(raw if recipe.sampling.filter_on == "raw" else totals, sample.index, len(groups))
        terms[still[sample.index]] = np.nan
        totals[still[sample.index]] = np.nan
    lengths = each(groups, lambda rollout: rollout.length)
    found = estimated(recipe, terms, totals, lengths, sample.index, weights.tolist())
    ones = np.ones_like(lengths)
    return Applied(found, lengths, ones if by_sequence(recipe) else lengths, rule.cap, rule.budget, tuple(notes))


def rule_of(recipe: Recipe, told: int | None = None) -> Rule:
    """What caps and budgets a recipe would have: `told`, or the tightest of its schedule."""
    part = recipe.budget
    if told is not None:
        loose = part.in_prompt is not None or part.cap is not None
        return Rule(None if loose and part.cap_factor == 1 else floored(told * part.cap_factor), told)
    steps = int(recipe.trainer.get("max_steps") or STEPS)
    schedule = load_budget(part.name, part.options, steps)
    if isinstance(schedule, ProblemBudget):
        own = schedule

        def asked(group: Group) -> Group:
            tokens = own.for_problem(0, group.problem.id)
            return ruled(group, _cap(part, tokens), tokens, recipe.rollouts.truncated)

        return Rule(None, None, asked)
    with guarded(schedule, "budget"):
        budget = min(schedule.at(int(step)) for step in np.linspace(0, steps - 1, LOOKS))
    if isinstance(schedule, GroupBudget):
        tiers, cap = schedule, _cap(part, budget)

        def tiered(group: Group) -> Group:
            capped = ruled(group, cap, budget, recipe.rollouts.truncated)
            accuracy = capped.accuracy()
            tokens = budget if accuracy is None else tiers.for_group(0, accuracy)
            return Group(capped.problem, tuple(replace(r, budget=tokens) for r in capped.rollouts))

        return Rule(cap, budget, tiered)
    return Rule(_cap(part, budget), budget)


def _cap(part: BudgetPart, budget: int) -> int:
    return part.cap if part.cap is not None else floored(budget * part.cap_factor)


def scored(plugins: Sequence[LengthReward], groups: list[Group], sample: Sample) -> tuple[Floats, list[str]]:
    """(N, K) values of K rewards, NaN where not judged; and what there is to say of how they came about.

    Round by round, as `lengthwise score`. Of problems met once, a reward that remembers them knows these rollouts: what
    it would do at the next visit. One that sets itself by a monitor set takes these rollouts for it.
    """
    columns, notes = [], []
    for reward in plugins:
        history = History()
        if isinstance(reward, Monitor):
            notes.append("set by these rollouts, as by its monitor set")
            with guarded(reward):
                reward.monitor(groups, history)
        if isinstance(reward, Observer) and sample.visited_once:
            notes.append("remembers these rollouts, as at a second visit")
            _column(reward, groups, sample.rounds, history)
        columns.append(_column(reward, groups, sample.rounds, history))
    return np.stack(columns, axis=1), notes


def _column(reward: LengthReward, groups: list[Group], rounds: list[list[int]], history: History) -> Floats:
    values: list[Values] = [[] for _ in groups]
    for step, members in enumerate(rounds):
        own = [groups[place] for place in members]
        if is_batch(reward):
            found = score_together(reward, own, history, step)
        else:
            with guarded(reward):
                found = [unguarded(reward, group, history, step) for group in own]
        for place, one in zip(members, found, strict=True):
            values[place] = one
        if isinstance(reward, Observer):
            with guarded(reward):
                for group in own:
                    reward.observe(group, history, **step_for(reward.observe, step))
    return np.fromiter((np.nan if v is None else v for one in values for v in one), float)


def varies(values: Floats, index: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """(groups,) whether a group's judged values differ."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    judged = ~np.isnan(values)
    np.minimum.at(low, index[judged], values[judged])
    np.maximum.at(high, index[judged], values[judged])
    return high > low


def estimated(
    recipe: Recipe, terms: Floats, totals: Floats, lengths: Floats, index: NDArray[np.int64], weights: list[float]
) -> Floats:
    """(N,) advantages by the recipe's estimator, of groups that may differ in size, as one batch."""
    sizes = np.bincount(index)
    size = int(sizes.max())
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    slots = index * size + np.arange(len(index)) - starts[index]
    padded = np.full((len(sizes) * size, terms.shape[1]), np.nan)
    whole, tokens = np.full(len(padded), np.nan), np.zeros(len(padded))
    padded[slots], whole[slots], tokens[slots] = terms, totals, lengths
    estimator = Estimator(recipe.advantage.name, recipe.advantage.options, weights)
    return np.asarray(estimator(padded, whole, size, tokens)[slots], dtype=float)

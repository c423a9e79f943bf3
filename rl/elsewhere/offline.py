"""Score logged rollouts, and draw schedules, without a model: rewards can be compared before a GPU is spent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curricula import BudgetSchedule, GroupBudget
from rewards import Group, History, LengthReward, Monitor, Observer, Problem, Rollout, Termed
from rewards.signatures import Sample
from rewards.types import Values
from rl.elsewhere.completed import Told
from rl.elsewhere.rollout_files import (
    NOTHING,
    Lines,
    Logged,
    group_places,
    is_whole,
    read_lines,
    reward_number,
    reward_numbers,
)
from rl.elsewhere.scored import COLUMNS
from rl.errors import UserError
from rl.plugins import (
    FunctionReward,
    function_values,
    guarded,
    in_time,
    is_batch,
    number,
    raised,
    score_together,
    step_for,
    unguarded,
)
from rl.reading import json_of
from rl.recipe.files import load_yaml
from rl.secrecy import require_no_secrets

Parts = Callable[..., dict[str, Values]]
"""`rewards.types.Termed.terms`."""
NOBODY = Group(Problem("", "", ""), ())
"""What a reward is asked for its terms by where a file is empty."""


def parse_settings(settings: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """`key=value` settings of a command's `option`, values read as YAML as in recipes. Errors: UserError."""
    options = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not key or not equals:
            raise UserError(f"{option} {setting!r} is not of the form key=value")
        options[key] = load_yaml(text)
    require_no_secrets(options, option)
    return options


def read_history(path: Path | None) -> History:
    """A history as `score` writes it, either alone or under the key `history`; empty without a file."""
    history = History()
    if path is None:
        return history
    try:
        state = json_of(path)
        history.load_state_dict(state.get("history", state) if isinstance(state, dict) else state)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path} holds no history as `lengthwise score` writes it: {error}") from error
    return history


def score(reward: LengthReward, logged: Logged, history: History, monitored: Logged | None = None) -> dict[str, Any]:
    """What `lengthwise score` writes: the whole rewards, whose, of what, their terms, and the history afterwards.

    Round by round: each group is scored against the history as it stood before the round; then all are
    observed, as in training. A file without rounds is one; one that looks at a whole batch gets all groups of a round.
    A round's step is that of the latest weights that sampled it, or its number in the file where nobody wrote one down.
    `monitored` rollouts set a reward's controller first.
    """
    values: list[Values] = [[] for _ in logged.groups]
    terms: list[dict[str, Values]] = [{} for _ in logged.groups]
    try:
        if monitored is not None:
            if not isinstance(reward, Monitor):
                raise UserError(f"reward {reward.name!r} has no controller that a monitor file could set; remove it")
            with guarded(reward):
                reward.monitor(monitored.groups, history)
        parts = reward.terms if isinstance(reward, Termed) else None
        for place, members in enumerate(logged.rounds):
            groups = _with_values(reward, [logged.groups[index] for index in members])
            step = max(map(_sampled_at, groups)) or place
            together = iter(score_together(reward, groups, history, step)) if is_batch(reward) else None
            with guarded(reward, timed=False):  # once a round: it takes longer than most rewards
                for index, group in zip(members, groups, strict=True):
                    with in_time(reward):
                        values[index] = next(together) if together else unguarded(reward, group, history, step)
                        terms[index] = _terms(reward.name, parts, group, history, step)
                if isinstance(reward, Observer):
                    further = step_for(reward.observe, step)
                    for group in sorted(groups, key=_sampled_at):
                        with in_time(reward):
                            reward.observe(group, history, **further)
        if not terms:
            with guarded(reward):
                names = dict.fromkeys(_terms(reward.name, parts, NOBODY, history))
        else:
            names = dict.fromkeys(name for found in terms for name in found)
    except UserError:
        raise
    except Exception as error:
        raise raised(reward, error) from error
    empty: list[Values] = [[None] * len(group.rollouts) for group in logged.groups]
    columns = {n: [found.get(n, none) for found, none in zip(terms, empty, strict=True)] for n in names}
    return {
        "rewards": logged.in_file_order(values),
        "reward": reward.name,
        "rollouts": _rollouts(logged),
        "terms": {name: logged.in_file_order(column) for name, column in columns.items()},
        "history": history.state_dict(),
    }


def _rollouts(logged: Logged) -> dict[str, list[Any]]:
    """The columns by which `scored_lines` finds the groups again."""
    rounds = {index: place for place, members in enumerate(logged.rounds) for index in members}
    rows = [[(r.problem_id, rounds[i], i, r.length) for r in g.rollouts] for i, g in enumerate(logged.groups)]
    lines = logged.in_file_order(rows)
    return {name: [line[place] for line in lines] for place, name in enumerate(COLUMNS)}


def _sampled_at(group: Group) -> int:
    """The step whose weights sampled a group: the order in which a round observes its groups."""
    return max((r.weight_version for r in group.rollouts if isinstance(r.weight_version, int)), default=0)


def _with_values(reward: LengthReward, groups: Sequence[Group]) -> list[Group]:
    """The groups with a function's values on their rollouts, where the reward is one: called once, as in training."""
    if not isinstance(reward, FunctionReward):
        return list(groups)
    rows = [(group.problem, rollout) for group in groups for rollout in group.rollouts]
    if rows:
        reward.require(dict.fromkeys(["answer", *(name for p, _ in rows for name in p.columns)]), "these rollouts")
    said = iter(function_values([reward], [_sample(*row) for row in rows], {}))
    return [Group(g.problem, tuple(replace(r, given={**r.given, **next(said)}) for r in g.rollouts)) for g in groups]


def _sample(problem: Problem, rollout: Rollout) -> Sample:
    """Tokens and stops are known where the log has them."""
    sample = Sample.of(problem, rollout.text, rollout.token_ids, rollout.lead, rollout.stop != "length")
    return replace(
        sample,
        token_ids=rollout.token_ids if len(rollout.token_ids) else None,
        length=rollout.length,
        ended=None if rollout.stop == "unknown" else sample.ended,
    )


def _terms(name: str, parts: Parts | None, group: Group, history: History, step: int = 0) -> dict[str, Values]:
    """Each term's checked values for a group, by a reward that shows its parts or does not."""
    found: dict[str, Values] = {"correct": [r.raw_reward for r in group.rollouts]}
    if parts is not None:
        found |= parts(group, history, **step_for(parts, step))
    for term, values in found.items():
        if len(values) != len(group.rollouts):
            count = f"{len(values)} numbers for {len(group.rollouts)} rollouts"
            raise UserError(f"term {term!r} of reward {name!r} has {count}")
    return {term: [number(value) for value in values] for term, values in found.items()}


def advantages(name: str, options: Mapping[str, Any], path: Path, told: Told = NOTHING) -> list[float | None]:
    """What `lengthwise advantages` writes, one number a line; groups may differ in size.

    Round by round; null for a line that did not train. The `reward` of each line, or each number of its `rewards`
    for an estimator that takes them apart (`gdpo`); null: not judged.
    """
    from rl.credit.calling.estimator import Estimator  # not what scoring waits for

    lines = read_lines(path, told)
    options = dict(options)
    apart = Estimator(name, {k: v for k, v in options.items() if k != "weights"}).apart
    weights = options.pop("weights", None) if apart else None
    columns = _reward_columns(lines, apart)
    if not lines:
        return []
    if weights is not None and not isinstance(weights, list):
        raise UserError(f"weights must be a list of numbers, one a reward, not {weights!r}")
    if weights is not None and len(weights) != len(columns):
        raise UserError(f"{path}: {len(weights)} weights do not fit {len(columns)} rewards")
    estimator = Estimator(name, options, weights or [1.0] * len(columns))
    rounds: dict[Any, list[list[int]]] = {}
    for places in group_places(lines):
        trained = [place for place in places if lines[place].get("advantage", 0) is not None]
        rounds.setdefault(lines[places[0]].get("round"), []).extend([trained] if trained else [])
    found: dict[int, float] = {}
    for groups in filter(None, rounds.values()):
        size = max(map(len, groups))
        slots = [place for group in groups for place in [*group, *[None] * (size - len(group))]]
        terms = np.array(
            [[math.nan if place is None else column[place] for column in columns] for place in slots], float
        ).reshape(len(slots), len(columns))
        needed = estimator.by_length
        lengths = np.array(
            [0 if place is None else _length(lines[place], needed, lines.where[place]) for place in slots], float
        )
        totals = np.nansum(terms, axis=1) if apart else terms[:, 0]
        result = estimator(terms, totals, size, lengths).tolist()
        found |= {place: value for place, value in zip(slots, result, strict=True) if place is not None}
    return [found.get(place) for place in lines]


def _length(line: Mapping[str, Any], needed: bool, where: str) -> int:
    if needed and "length" not in line:
        raise UserError(f"{where}: key 'length' is missing")
    length = line.get("length", 0)
    if not is_whole(length, 0):
        raise UserError(f"{where}: 'length' must be a number of tokens, not {length!r}")
    return int(length)


def _reward_columns(lines: Lines, apart: bool) -> list[dict[int, float]]:
    """Each reward's numbers by line, NaN where it is null or missing."""
    key = "rewards" if apart else "reward"
    found: dict[int, dict[str, float | None]] = {}
    for place, line in lines.items():
        where = lines.where[place]
        if key not in line:
            remedy = "lengthwise score --reward NAME --rollouts FILE --json scores.json` writes a file that has it"
            raise UserError(f"{where}: key {key!r} is missing; `{remedy}")
        found[place] = reward_numbers(line[key], where) if apart else {key: reward_number(line[key], where, key)}
    names = list(dict.fromkeys(name for rewards in found.values() for name in rewards))
    return [{place: _or_nan(rewards.get(name)) for place, rewards in found.items()} for name in names]


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def budgets(schedule: BudgetSchedule, steps: int, accuracy: float | None = None) -> list[int]:
    """The budget of each of `steps` optimiser steps; of a group with this accuracy, where one is given."""
    if accuracy is not None and not isinstance(schedule, GroupBudget):
        raise UserError("this schedule does not look at accuracy; remove --accuracy")
    with guarded(schedule, "budget"):
        if accuracy is not None and isinstance(schedule, GroupBudget):
            return [schedule.for_group(step, accuracy) for step in range(steps)]
        return [schedule.at(step) for step in range(steps)]


def spans(values: Sequence[int], most: int) -> list[tuple[int, int, int]]:
    """Runs of equal budgets: (first step, last step, tokens); single steps, evenly apart, where they are too many."""
    found: list[tuple[int, int, int]] = []
    for step, tokens in enumerate(values):
        if found and found[-1][2] == tokens:
            found[-1] = (found[-1][0], step, tokens)
        else:
            found.append((step, step, tokens))
    if len(found) <= most:
        return found
    return [(step, step, values[step]) for step in range(0, len(values), math.ceil(len(values) / most))]

"""Score logged rollouts, and draw schedules, without a model: rewards can be compared before a GPU is spent.

A rollout line is JSON: `problem_id`, `length` (tokens), `correct` (true, false or null), `stop` (`eos` or
`length`), `budget` (tokens or null), `text`, and where a method needs them `answer`, `verdict`,
`token_ids`, `ref_length`, `ref_accuracy`, `rewards` (an object), `reward`. Further keys are columns of
the problem. The lines of one problem form its group, in file order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curricula import BudgetSchedule, GroupBudget
from rewards import Group, History, LengthReward, Monitor, Observer, Problem, Rollout, Termed, Verdict
from rewards.types import Values
from rl.errors import UserError, unknown
from rl.plugins import FunctionReward, number, raised, score_one
from rl.recipe_files import load_yaml

ROLLOUT_KEYS = (
    "problem_id",
    "length",
    "correct",
    "stop",
    "budget",
    "text",
    "verdict",
    "token_ids",
    "rewards",
    "reward",
)


@dataclass(frozen=True)
class Logged:
    """The rollouts of a file as groups, and where in the file each group's rollouts stand."""

    groups: list[Group]
    places: list[list[int]]

    def in_file_order(self, values: Sequence[Sequence[Any]]) -> list[Any]:
        """Values group by group, put back into the order of the lines."""
        flat = {
            line: v
            for places, row in zip(self.places, values, strict=True)
            for line, v in zip(places, row, strict=True)
        }
        return [flat[line] for line in sorted(flat)]


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """`key=value` settings, values read as YAML, numbers in scientific notation understood."""
    options = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not key or not equals:
            raise UserError(f"--set {setting!r} is not of the form key=value")
        options[key] = load_yaml(text)
    return options


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file. Errors: UserError naming the line."""
    if not path.is_file():
        raise UserError(f"rollout file {str(path)!r} does not exist")
    lines = []
    try:
        texts = path.read_text().splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    for place, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except ValueError as error:
            raise UserError(f"{path}, line {place}: not JSON: {error}") from error
        if not isinstance(line, dict):
            raise UserError(f"{path}, line {place}: expected an object, got {text.strip()[:40]!r}")
        lines.append(line)
    return lines


def read_rollouts(path: Path) -> Logged:
    """The groups of a rollout file. Errors: UserError naming the line and the key."""
    lines = read_lines(path)
    places = group_places(lines)
    groups = []
    for problem_id, members in places.items():
        rollouts = [_rollout(lines[i], f"{path}, line {i + 1}") for i in members]
        first = lines[members[0]]
        columns = {k: v for k, v in first.items() if k not in ROLLOUT_KEYS}
        problem = Problem(problem_id, str(first.get("prompt") or ""), str(first.get("answer") or ""), columns)
        groups.append(Group(problem, tuple(rollouts)))
    return Logged(groups, list(places.values()))


def group_places(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """The positions of each problem's lines, problems by first appearance."""
    places: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        if "problem_id" not in line:
            raise UserError(f"rollout {i + 1}: key 'problem_id' is missing")
        places.setdefault(str(line["problem_id"]), []).append(i)
    return places


def _rollout(line: Mapping[str, Any], where: str) -> Rollout:
    for key in ("length", "correct", "stop"):
        if key not in line:
            raise UserError(f"{where}: key {key!r} is missing")
    length, correct, stop, budget = line["length"], line["correct"], line["stop"], line.get("budget")
    if not _is_whole(length, 0):
        raise UserError(f"{where}: 'length' must be a number of tokens, not {length!r}")
    if correct not in (True, False, None):
        raise UserError(f"{where}: 'correct' must be true, false or null, not {correct!r}")
    if stop not in ("eos", "length"):
        raise UserError(f"{where}: 'stop' must be 'eos' or 'length', not {stop!r}")
    if budget is not None and not _is_whole(budget, 1):
        raise UserError(f"{where}: 'budget' must be a number of tokens or null, not {budget!r}")
    verdict = _verdict(line.get("verdict"), correct, where)
    return Rollout(
        problem_id=str(line["problem_id"]),
        length=length,
        stop=stop,
        budget=budget,
        verdict=verdict,
        raw_reward=verdict.worth,
        text=line.get("text") or "",
        token_ids=tuple(line.get("token_ids") or ()),
        given={name: number(value) for name, value in (line.get("rewards") or {}).items()},
    )


def _is_whole(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _verdict(name: Any, correct: bool | None, where: str) -> Verdict:
    if name is None:
        return {True: Verdict.CORRECT, False: Verdict.WRONG, None: Verdict.CRASHED}[correct]
    if name not in list(Verdict):
        raise unknown("verdict", str(name), list(Verdict), where)
    verdict = Verdict(name)
    if verdict.worth != (None if correct is None else float(correct)):
        raise UserError(f"{where}: 'correct' is {json.dumps(correct)} but 'verdict' is {name!r}; drop one of them")
    return verdict


def read_history(path: Path | None) -> History:
    """A history as `score` writes it, either alone or under the key `history`; empty without a file."""
    history = History()
    if path is None:
        return history
    try:
        state = json.loads(path.read_text())
        history.load_state_dict(state.get("history", state) if isinstance(state, dict) else state)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path} holds no history as `lengthwise score` writes it: {error}") from error
    return history


def score(reward: LengthReward, logged: Logged, history: History, monitored: Logged | None = None) -> dict[str, Any]:
    """What `lengthwise score` writes: the whole rewards, their terms, and the history afterwards.

    Each group is scored against the history as it stood before the file; then all are observed, as
    in one round of training. `monitored` rollouts set a reward's controller first.
    """
    if monitored is not None:
        if not isinstance(reward, Monitor):
            raise UserError(f"reward {reward.name!r} has no controller, so a monitor file would be ignored; remove it")
        reward.monitor(monitored.groups, history)
    groups = [_with_values(reward, group) for group in logged.groups]
    try:
        values = [score_one(reward, group, history) for group in groups]
        terms = [_terms(reward, group, history) for group in groups]
        if isinstance(reward, Observer):
            for group in groups:
                reward.observe(group, history)
    except UserError:
        raise
    except Exception as error:
        raise raised(reward, error) from error
    names = list(dict.fromkeys(name for term in terms for name in term))
    return {
        "rewards": logged.in_file_order(values),
        "terms": {name: logged.in_file_order([term[name] for term in terms]) for name in names},
        "history": history.state_dict(),
    }


def _with_values(reward: LengthReward, group: Group) -> Group:
    """The group with a TRL function's values on its rollouts, where the reward is one."""
    if not isinstance(reward, FunctionReward):
        return group
    rows = group.rollouts
    values = reward.values([group.problem] * len(rows), [r.text for r in rows], [r.token_ids for r in rows], {})
    given = [replace(r, given={**r.given, reward.name: v}) for r, v in zip(rows, values, strict=True)]
    return Group(group.problem, tuple(given))


def _terms(reward: LengthReward, group: Group, history: History) -> dict[str, Values]:
    correct: dict[str, Values] = {"correct": [r.raw_reward for r in group.rollouts]}
    return correct | (reward.terms(group, history) if isinstance(reward, Termed) else {})


def advantages(name: str, options: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], where: str) -> list[float]:
    """What `lengthwise advantages` writes, one number a line; groups may differ in size.

    The `reward` of each line, or with `gdpo` each number of its `rewards`; null: not judged.
    """
    import torch

    from rl.estimator import Estimator

    options = dict(options)
    weights = options.pop("weights", None)
    places = list(group_places(lines).values())
    size = max(map(len, places), default=1)
    columns = _reward_columns(lines, Estimator(name, options).apart, where)
    estimator = Estimator(name, options, weights or [1.0] * len(columns))
    padded = [[*group, *[None] * (size - len(group))] for group in places]
    slots = [i for group in padded for i in group]
    terms = torch.tensor(
        [[math.nan if i is None else column[i] for column in columns] for i in slots], dtype=torch.float64
    ).view(len(slots), len(columns))
    lengths = torch.tensor([0 if i is None else lines[i].get("length", 0) for i in slots], dtype=torch.float64)
    totals = terms[:, 0] if not estimator.apart else terms.nansum(dim=1)
    result = estimator(terms, totals, size, lengths).tolist()
    by_line = {i: value for i, value in zip(slots, result, strict=True) if i is not None}
    return [by_line[i] for i in range(len(lines))]


def _reward_columns(lines: Sequence[Mapping[str, Any]], apart: bool, where: str) -> list[list[float]]:
    key = "rewards" if apart else "reward"
    for place, line in enumerate(lines, 1):
        if key not in line:
            raise UserError(f"{where}, line {place}: key {key!r} is missing")
    if not apart:
        return [[_nan(line["reward"], where, i) for i, line in enumerate(lines, 1)]]
    names = list(dict.fromkeys(name for line in lines for name in line["rewards"]))
    return [[_nan(line["rewards"].get(name), where, i) for i, line in enumerate(lines, 1)] for name in names]


def _nan(value: Any, where: str, place: int) -> float:
    try:
        checked = number(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}, line {place}: a reward must be a finite number or null, not {value!r}") from error
    return math.nan if checked is None else checked


def budgets(schedule: BudgetSchedule, steps: int, accuracy: float | None = None) -> list[int]:
    """The budget of each of `steps` optimiser steps; of a group with this accuracy, where one is given."""
    if accuracy is None:
        return [schedule.at(step) for step in range(steps)]
    if not isinstance(schedule, GroupBudget):
        raise UserError("this schedule does not look at accuracy; remove --accuracy")
    try:
        return [schedule.for_group(step, accuracy) for step in range(steps)]
    except ValueError as error:
        raise UserError(str(error)) from error


def spans(values: Iterable[int]) -> list[tuple[int, int, int]]:
    """Runs of equal budgets: (first step, last step, tokens)."""
    found: list[tuple[int, int, int]] = []
    for step, tokens in enumerate(values):
        if found and found[-1][2] == tokens:
            found[-1] = (found[-1][0], step, tokens)
        else:
            found.append((step, step, tokens))
    return found

"""Files of logged rollouts: one JSON object a line, or what a run of ours wrote (`own_logs.py`).

`problem_id`, `length` (tokens), `correct` (true, false or null), `stop` (`eos` or `length`), `budget`
(tokens or null), `text`, and where a method needs them `answer`, `verdict`, `token_ids`, `ref_length`,
`ref_accuracy`, `rewards` (an object), `reward`, `raw_reward` (what the rollout counts as, where that is not its
verdict's worth), `prompt` (a text or turns). Further keys are columns of the problem. The lines of one problem form its
group, in file order. Where lines have a `round`, a problem has a group in each, or several, told by `group`; rounds are
scored one after another, and a line whose `advantage` is null had none, as it did not train.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewards import Group, Problem, Rollout, Verdict
from rewards.types import Prompt
from rl.elsewhere.own_logs import is_own, own_lines
from rl.errors import UserError, unknown
from rl.plugins import number
from rl.reading import parsed, text_of

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
    "raw_reward",
    "advantage",
    "weight_version",
    "round",
    "group",
)


Lines = dict[int, dict[str, Any]]
"""The objects of a file by the number of their line."""


@dataclass(frozen=True)
class Logged:
    """The rollouts of a file as groups, and the numbers of the lines they stand on."""

    groups: list[Group]
    places: list[list[int]]
    rounds: list[list[int]]
    """The groups of each round by their index; one round where the file has none."""

    def in_file_order(self, values: Sequence[Sequence[Any]]) -> list[Any]:
        """Values group by group, put back into the order of the lines."""
        flat: dict[int, Any] = {}
        for places, row in zip(self.places, values, strict=True):
            flat |= dict(zip(places, row, strict=True))
        return [flat[line] for line in sorted(flat)]


def read_lines(path: Path) -> Lines:
    """The objects of a JSON-lines file, or the rollouts of a run counted from 1. Errors: UserError naming the line."""
    if is_own(path):
        return dict(enumerate(own_lines(path), 1))
    lines: Lines = {}
    for place, text in enumerate(text_of(path).split("\n"), 1):
        if not text.strip():
            continue
        line = parsed(text, f"{path}, line {place}")
        if not isinstance(line, dict):
            raise UserError(f"{path}, line {place}: expected an object, got {text.strip()[:40]!r}")
        lines[place] = line
    return lines


def read_rollouts(path: Path) -> Logged:
    """The groups of a rollout file. Errors: UserError naming the line and the key."""
    lines = read_lines(path)
    places = group_places(lines, path)
    groups = [_group({i: lines[i] for i in members}, path) for members in places]
    rounds: dict[Any, list[int]] = {}
    for index, members in enumerate(places):
        rounds.setdefault(lines[members[0]].get("round"), []).append(index)
    return Logged(groups, places, list(rounds.values()))


def group_places(lines: Lines, path: Path) -> list[list[int]]:
    """The lines of each group, groups by first appearance. Errors: UserError naming the line."""
    places: dict[tuple[str, str, str], list[int]] = {}
    for place, line in lines.items():
        if line.get("problem_id") is None:
            raise UserError(f"{path}, line {place}: key 'problem_id' is missing")
        key = (str(line["problem_id"]), str(line.get("round")), str(line.get("group")))
        places.setdefault(key, []).append(place)
    return list(places.values())


def _group(lines: Lines, path: Path) -> Group:
    """The lines of one group; what they say of the problem itself must agree."""
    problem_id, first = str(next(iter(lines.values()))["problem_id"]), next(iter(lines))
    rollouts = [_rollout(line, f"{path}, line {place}") for place, line in lines.items()]
    told: dict[str, Any] = {}
    for place, line in lines.items():
        for key, value in line.items():
            if key not in ROLLOUT_KEYS and told.setdefault(key, value) != value:
                raise UserError(f"{path}, line {place}: {key!r} differs from that of an earlier line of {problem_id!r}")
    prompt, answer = _prompt(told.pop("prompt", None), f"{path}, line {first}"), told.pop("answer", None)
    return Group(Problem(problem_id, prompt, "" if answer is None else str(answer), told), tuple(rollouts))


def _prompt(value: Any, where: str) -> Prompt:
    turns = isinstance(value, list) and all(isinstance(t, dict) and {"role", "content"} <= t.keys() for t in value)
    if not (value is None or isinstance(value, str) or turns):
        raise UserError(f"{where}: 'prompt' must be a text or turns with role and content, not {str(value)[:60]!r}")
    return value or ""


def _rollout(line: Mapping[str, Any], where: str) -> Rollout:
    for key in ("length", "correct", "stop"):
        if key not in line:
            raise UserError(f"{where}: key {key!r} is missing")
    length, correct, stop, budget = line["length"], line["correct"], line["stop"], line.get("budget")
    text, ids = line.get("text"), line.get("token_ids")
    checks = [
        ("length", length, is_whole(length, 0), "a number of tokens"),
        ("correct", correct, correct in (True, False, None), "true, false or null"),
        ("stop", stop, stop in ("eos", "length"), "'eos' or 'length'"),
        ("budget", budget, budget is None or is_whole(budget, 1), "a number of tokens or null"),
        ("text", text, text is None or isinstance(text, str), "a string or null"),
        ("token_ids", ids, ids is None or isinstance(ids, list), "a list of token ids or null"),
    ]
    for key, value, good, wanted in checks:
        if not good:
            raise UserError(f"{where}: {key!r} must be {wanted}, not {value!r}")
    verdict = _verdict(line.get("verdict"), correct, where)
    return Rollout(
        problem_id=str(line["problem_id"]),
        length=length,
        stop=stop,
        budget=budget,
        verdict=verdict,
        raw_reward=reward_number(line.get("raw_reward", verdict.worth), f"{where}: raw_reward"),
        text=text or "",
        token_ids=tuple(ids or ()),
        given=reward_numbers(line.get("rewards") or {}, where),
        weight_version=line.get("weight_version"),
    )


def reward_numbers(values: Any, where: str) -> dict[str, float | None]:
    """The `rewards` of a line. Errors: UserError naming `where`."""
    if not isinstance(values, dict):
        raise UserError(f"{where}: 'rewards' must be an object of numbers, not {values!r}")
    return {name: reward_number(value, f"{where}: rewards.{name}") for name, value in values.items()}


def reward_number(value: Any, where: str) -> float | None:
    """A reward of a line, None where nobody judged. Errors: UserError naming `where`."""
    try:
        return number(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where} must be a finite number or null, not {value!r}") from error


def is_whole(value: Any, low: int) -> bool:
    """Whether a JSON value is a whole number of at least `low`."""
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

"""Files of logged rollouts, one JSON object a line.

`problem_id`, `length` (tokens), `correct` (true, false or null), `stop` (`eos` or `length`), `budget`
(tokens or null), `text`, and where a method needs them `answer`, `verdict`, `token_ids`, `ref_length`,
`ref_accuracy`, `rewards` (an object), `reward`. Further keys are columns of the problem. The lines of
one problem form its group, in file order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewards import Group, Problem, Rollout, Verdict
from rl.errors import UserError, unknown
from rl.plugins import number

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


Lines = dict[int, dict[str, Any]]
"""The objects of a file by the number of their line."""


@dataclass(frozen=True)
class Logged:
    """The rollouts of a file as groups, and the numbers of the lines they stand on."""

    groups: list[Group]
    places: list[list[int]]

    def in_file_order(self, values: Sequence[Sequence[Any]]) -> list[Any]:
        """Values group by group, put back into the order of the lines."""
        flat: dict[int, Any] = {}
        for places, row in zip(self.places, values, strict=True):
            flat |= dict(zip(places, row, strict=True))
        return [flat[line] for line in sorted(flat)]


def read_lines(path: Path) -> Lines:
    """The objects of a JSON-lines file. Errors: UserError naming the line."""
    if not path.is_file():
        raise UserError(f"file {str(path)!r} does not exist")
    lines: Lines = {}
    try:
        texts = path.read_text().split("\n")
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
        lines[place] = line
    return lines


def read_rollouts(path: Path) -> Logged:
    """The groups of a rollout file. Errors: UserError naming the line and the key."""
    lines = read_lines(path)
    places = group_places(lines, path)
    groups = [_group(problem_id, {i: lines[i] for i in members}, path) for problem_id, members in places.items()]
    return Logged(groups, list(places.values()))


def group_places(lines: Lines, path: Path) -> dict[str, list[int]]:
    """The lines of each problem, problems by first appearance. Errors: UserError naming the line."""
    places: dict[str, list[int]] = {}
    for place, line in lines.items():
        if line.get("problem_id") is None:
            raise UserError(f"{path}, line {place}: key 'problem_id' is missing")
        places.setdefault(str(line["problem_id"]), []).append(place)
    return places


def _group(problem_id: str, lines: Lines, path: Path) -> Group:
    """The lines of one problem; what they say of the problem itself must agree."""
    rollouts = [_rollout(line, f"{path}, line {place}") for place, line in lines.items()]
    told: dict[str, Any] = {}
    for place, line in lines.items():
        for key, value in line.items():
            if key not in ROLLOUT_KEYS and told.setdefault(key, value) != value:
                raise UserError(f"{path}, line {place}: {key!r} differs from that of an earlier line of {problem_id!r}")
    prompt, answer = str(told.pop("prompt", None) or ""), told.pop("answer", None)
    return Group(Problem(problem_id, prompt, "" if answer is None else str(answer), told), tuple(rollouts))


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
        raw_reward=verdict.worth,
        text=text or "",
        token_ids=tuple(ids or ()),
        given=reward_numbers(line.get("rewards") or {}, where),
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

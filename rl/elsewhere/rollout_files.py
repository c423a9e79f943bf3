"""Files of logged rollouts: one JSON object a line, what a run of ours wrote (`own_logs.py`), or another tool's log.

`problem_id`, `length` (tokens), `correct` (true, false or null), `stop` (`eos`, `length`, `closed`, `edited` or
`unknown`), `budget` (tokens or null), `text`, and where a method needs them `thinking` (tokens, the end of it counted),
`variant` (how it was asked, where a group was in several ways), `answer`, `verdict`, `token_ids`, `ref_length`,
`ref_accuracy`, `rewards` (an object), `reward`, `raw_reward` (what the rollout counts as, where that is not its
verdict's worth), `prompt` (a text or turns). Further keys are columns of the problem. The lines of one problem form its
group, in file order. Where lines have a `round`, a problem has a group in each, or several, told by `group`; rounds are
scored one after another, and a line whose `advantage` is null had none, as it did not train.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, groupby
from pathlib import Path
from typing import Any, get_args

from rewards import Group, Problem, Rollout, Verdict
from rewards.types import Prompt, Spans, Stop
from rl.bulk import uncollected
from rl.elsewhere.completed import Told, lines_of_log
from rl.elsewhere.known import OWN, format_of, logs_in
from rl.elsewhere.own_logs import is_own, own_lines
from rl.elsewhere.scored import is_scored, scored_lines
from rl.errors import UserError, unknown
from rl.plugins import number
from rl.reading import lines_of, parsed

ROLLOUT_KEYS = {
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
    "thinking",
    "thinking_budget",
    "forced",
    "masked",
    "variant",
    "root",
    "branched",
}
STOPS = get_args(Stop)


NOTHING = Told()
"""What a user says of files that say it all."""
Key = tuple[str, str, str]
"""Problem, round and group of a line."""


class Lines(dict[int, dict[str, Any]]):
    """The objects of a file by the number of their line, and where each stands, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.where: dict[int, str] = {}


@dataclass(frozen=True)
class Logged:
    """The rollouts of a file as groups, and the numbers of the lines they stand on."""

    groups: list[Group]
    places: list[list[int]]
    rounds: list[list[int]]
    """The groups of each round by their index; one round where the file has none."""

    def in_file_order(self, values: Sequence[Sequence[Any]]) -> list[Any]:
        """Values group by group, put back into the order of the lines."""
        flat = list(chain.from_iterable(values))
        return [flat[index] for index in self._order]

    @cached_property
    def _order(self) -> list[int]:
        """For each line its place among the rollouts, group by group."""
        lines = list(chain.from_iterable(self.places))
        return sorted(range(len(lines)), key=lines.__getitem__)


def read_lines(path: Path, told: Told = NOTHING) -> Lines:
    """All objects of a file, or rollouts of a run or log. Errors: UserError naming the line."""
    lines = Lines()
    for place, where, line in each_line(path, told):
        lines[place], lines.where[place] = line, where
    return lines


def each_line(path: Path, told: Told = NOTHING) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The objects of a JSON-lines file one at a time, each after its line and after where it stands, in words.

    Of a run or log they are its rollouts, counted from 1. `told` says what a log does not. Errors: UserError naming the
    line, of another tool's log row and column.
    """
    if is_own(path) and told.format in (None, OWN):
        told.tell_unneeded(path)
        placed = own_lines(path)
    elif is_scored(path):
        told.tell_unneeded(path)
        placed = scored_lines(path)
    elif path.is_dir():
        placed = _in_folder(path, told)
    elif (log := format_of(path, told.format)) is not None:
        placed = lines_of_log(path, log, told)
    else:
        told.tell_unneeded(path)
        yield from _objects(path)
        return
    yield from ((place, where, line) for place, (where, line) in enumerate(placed, 1))


def _objects(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for place, text in lines_of(path):
        where = f"{path}, line {place}"
        line = parsed(text, where)
        if not isinstance(line, dict):
            raise UserError(f"{where}: expected an object, got {text.strip()[:40]!r}")
        yield place, where, line


def _in_folder(folder: Path, told: Told) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rollouts of a folder's files; those of a tool, one after the other, are one log."""
    for log, files in groupby(logs_in(folder, told.format), lambda file: format_of(file, told.format)):
        if log is None:
            yield from ((where, line) for file in files for _, where, line in each_line(file, told))
        else:
            yield from lines_of_log(folder, log, told, list(files))


def read_rollouts(*paths: Path, told: Told = NOTHING) -> Logged:
    """The groups of rollout files, runs or logs, one after the other; each has groups and rounds of its own.

    Errors: UserError naming the line and the key.
    """
    found: dict[tuple[int, Key], _Members] = {}
    rounds: dict[Any, list[int]] = {}
    after = 0
    with uncollected():
        for source, path in enumerate(paths):
            place = 0
            for place, where, line in each_line(path, told):
                key = source, _key(line, where)
                if key not in found:
                    rounds.setdefault((source, line.get("round")), []).append(len(found))
                    found[key] = _Members(key[1][0], where)
                found[key].add(line, after + place, where)
            after += place
        groups, places = [each.group() for each in found.values()], [each.places for each in found.values()]
    return Logged(groups, places, list(rounds.values()))


def group_places(lines: Lines) -> list[list[int]]:
    """The lines of each group, groups by first appearance. Errors: UserError naming the line."""
    places: dict[Key, list[int]] = {}
    for place, line in lines.items():
        places.setdefault(_key(line, lines.where[place]), []).append(place)
    return list(places.values())


def _key(line: Mapping[str, Any], where: str) -> Key:
    """What the lines of one group have in common."""
    if line.get("problem_id") is None:
        raise UserError(f"{where}: key 'problem_id' is missing")
    for key in ("problem_id", "round", "group"):
        if not isinstance(line.get(key), str | int | float | None):
            raise UserError(f"{where}: {key!r} must be a text or a number, not {str(line[key])[:60]!r}")
    return str(line["problem_id"]), str(line.get("round")), str(line.get("group"))


class _Members:
    """The lines of one group as they come; what they say of the problem itself must agree."""

    def __init__(self, problem_id: str, first: str) -> None:
        self.problem_id, self.first = problem_id, first
        self.places: list[int] = []
        self._rollouts: list[Rollout] = []
        self._told: dict[str, Any] = {}

    def add(self, line: Mapping[str, Any], place: int, where: str) -> None:
        rollout = _rollout(line, self.problem_id, where)
        self.places.append(place)
        for key, value in line.items():
            if key not in ROLLOUT_KEYS and self._told.setdefault(key, value) != value:
                if key == "prompt" and rollout.variant:
                    rollout = replace(rollout, prompt=_prompt(value, where))
                    continue
                raise UserError(f"{where}: {key!r} differs from that of an earlier line of {self.problem_id!r}")
        self._rollouts.append(rollout)

    def group(self) -> Group:
        told = dict(self._told)
        prompt, answer = _prompt(told.pop("prompt", None), self.first), told.pop("answer", None)
        return Group(
            Problem(self.problem_id, prompt, "" if answer is None else str(answer), told), tuple(self._rollouts)
        )


def _prompt(value: Any, where: str) -> Prompt:
    turns = isinstance(value, list) and all(isinstance(t, dict) and {"role", "content"} <= t.keys() for t in value)
    if not (value is None or isinstance(value, str) or turns):
        raise UserError(f"{where}: 'prompt' must be a text or turns with role and content, not {str(value)[:60]!r}")
    return value or ""


def _rollout(line: Mapping[str, Any], problem_id: str, where: str) -> Rollout:
    for key in ("length", "correct", "stop"):
        if key not in line:
            raise UserError(f"{where}: key {key!r} is missing")
    length, stop, budget = line["length"], line["stop"], line.get("budget")
    text, ids = line.get("text"), line.get("token_ids")
    if not (is_whole(length, 0) and (budget is None or is_whole(budget, 1)) and line["correct"] in (True, False, None)):
        raise _wrong(line, where)
    thinking, own, variant = line.get("thinking", 0), line.get("thinking_budget"), line.get("variant") or ""
    if not (stop in STOPS and isinstance(text, str | None) and isinstance(ids, list | None)):
        raise _wrong(line, where)
    if not (is_whole(thinking, 0) and thinking <= length and isinstance(variant, str)):
        raise _wrong(line, where)
    if not (own is None or is_whole(own, 1)):
        raise _wrong(line, where)
    verdict = _verdict(line.get("verdict"), line["correct"], where)
    raw = reward_number(line["raw_reward"], where, "raw_reward") if "raw_reward" in line else verdict.worth
    given = line.get("rewards")
    return Rollout(
        problem_id=problem_id,
        length=length,
        stop=stop,
        budget=budget,
        verdict=verdict,
        raw_reward=raw,
        text=text or "",
        token_ids=tuple(ids or ()),
        given=reward_numbers(given, where) if given else {},
        weight_version=line.get("weight_version"),
        thinking=thinking,
        thinking_budget=own,
        variant=variant,
        forced=_spans(line, "forced", where),
        masked=_spans(line, "masked", where),
        root=line.get("root"),
        branched=line.get("branched") or 0,
    )


def _spans(line: Mapping[str, Any], key: str, where: str) -> Spans:
    written, length = line.get(key), line["length"]
    if not written:
        return ()
    try:
        found = tuple((begin, end) for begin, end in written)
        good = all(is_whole(begin, 0) and is_whole(end, begin + 1) and end <= length for begin, end in found)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise UserError(f"{where}: {key!r} must be spans of tokens, as [[0, 3]], not {written!r}")
    return found


def _wrong(line: Mapping[str, Any], where: str) -> UserError:
    """What is wrong with a value of a line, the first one that is."""
    length, correct, stop, budget = line["length"], line["correct"], line["stop"], line.get("budget")
    text, ids, thinking, own = (
        line.get("text"),
        line.get("token_ids"),
        line.get("thinking", 0),
        line.get("thinking_budget"),
    )
    checks = [
        ("length", length, is_whole(length, 0), "a number of tokens"),
        ("correct", correct, correct in (True, False, None), "true, false or null"),
        ("stop", stop, stop in STOPS, f"one of {', '.join(STOPS)}"),
        ("budget", budget, budget is None or is_whole(budget, 1), "a number of tokens or null"),
        ("thinking_budget", own, own is None or is_whole(own, 1), "a number of tokens or null"),
        ("text", text, text is None or isinstance(text, str), "a string or null"),
        ("token_ids", ids, ids is None or isinstance(ids, list), "a list of token ids or null"),
    ]
    if all(good for _, _, good, _ in checks):  # what follows is held against the length
        fits = is_whole(thinking, 0) and thinking <= length
        checks = [
            ("thinking", thinking, fits, "a number of tokens, at most `length`"),
            ("variant", line.get("variant"), isinstance(line.get("variant"), str), "a name"),
        ]
    key, value, wanted = next((key, value, wanted) for key, value, good, wanted in checks if not good)
    return UserError(f"{where}: {key!r} must be {wanted}, not {value!r}")


def reward_numbers(values: Any, where: str) -> dict[str, float | None]:
    """The `rewards` of a line. Errors: UserError naming `where`."""
    if not isinstance(values, dict):
        raise UserError(f"{where}: 'rewards' must be an object of numbers, not {values!r}")
    return {name: reward_number(value, where, f"rewards.{name}") for name, value in values.items()}


def reward_number(value: Any, where: str, key: str) -> float | None:
    """A reward of a line, None where nobody judged. Errors: UserError naming `where` and the key."""
    try:
        return number(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {key} must be a finite number or null, not {value!r}") from error


def is_whole(value: Any, low: int) -> bool:
    """Whether a JSON value is a whole number of at least `low`, and none that floats could not count to."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value < 2**53


def _verdict(name: Any, correct: bool | None, where: str) -> Verdict:
    if name is None:
        return Verdict.CRASHED if correct is None else Verdict.CORRECT if correct else Verdict.WRONG
    if name not in list(Verdict):
        raise unknown("verdict", str(name), list(Verdict), where)
    verdict = Verdict(name)
    if verdict.worth != (None if correct is None else float(correct)):
        raise UserError(f"{where}: 'correct' is {json.dumps(correct)} but 'verdict' is {name!r}; drop one of them")
    return verdict

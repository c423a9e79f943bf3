"""Needles in a haystack, and variables assigned to one another, read from the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_synth.check.text import count_whole

_NEEDLES = (
    re.compile(r"The number filed under (?P<key>[\w-]+) is (?P<value>\w+)\."),
    re.compile(r"One of the special magic \w+ for (?P<key>[\w -]+?) is: (?P<value>[\w-]+)\."),  # RULER's
)
_ASSIGNMENTS = (
    re.compile(r"Variable (?P<key>\w+) is set to (?:the value of )?(?P<value>\w+)\."),
    re.compile(r"\bVAR (?P<key>\w+) = (?:VAR )?(?P<value>\w+)\.?"),  # RULER's
)


@dataclass(frozen=True, slots=True)
class Needle:
    """A sentence that gives a key (or a variable) its value."""

    start: int
    end: int
    key: str
    value: str


def read_needles(text: str) -> list[Needle]:
    """Needles and assignments in text order."""
    found = [
        Needle(match.start(), match.end(), match["key"], match["value"])
        for pattern in (*_NEEDLES, *_ASSIGNMENTS)
        for match in pattern.finditer(text)
    ]
    return sorted(found, key=lambda needle: needle.start)


def parts_of(answer: str) -> list[str]:
    """The values of an answer: one, or several with commas between."""
    return [part for part in (piece.strip() for piece in answer.split(",")) if part]


def needle_faults(task: str, needles: Sequence[Needle], foot: str, question: str, answer: str) -> Iterator[str]:
    """What is wrong with a `niah-…` row: the asked keys' needles must give the answer, in the order of the keys."""
    asked = f"{question}\n{foot}"
    keys = dict.fromkeys(needle.key for needle in needles)
    wanted = sorted((key for key in keys if count_whole(asked, key)), key=asked.index)
    if not wanted:
        yield "no needle's key is asked for"
        return
    given = [needle.value for key in wanted for needle in needles if needle.key == key]
    if given != parts_of(answer):
        yield f"the needles of {', '.join(wanted)} give {', '.join(given)}, the answer is {answer}"
    several_keys, several_values = task == "niah-multiquery", task == "niah-multivalue"
    if (len(wanted) > 1) != several_keys:
        yield f"{len(wanted)} keys are asked for"
    if (len(given) > len(wanted)) != several_values:
        yield f"{len(wanted)} keys have {len(given)} values"
    if task == "niah-single" and len(needles) != 1:
        yield f"{len(needles)} needles, not one"
    if task == "niah-multikey" and len(keys) < 2:
        yield "no needle but the asked one"


def assignment_faults(needles: Sequence[Needle], foot: str, question: str, answer: str) -> Iterator[str]:
    """What is wrong with a `variable-tracking` row: the answer must be the variables of the asked value, as set."""
    twice = [name for name, count in Counter(needle.key for needle in needles).items() if count > 1]
    if twice:
        yield f"variable {twice[0]} is assigned twice"
    assigned = {needle.key: needle.value for needle in needles}
    values = {name: resolve(assigned, name) for name in assigned}
    lost = [name for name, value in values.items() if value is None]
    if lost:
        yield f"variable {lost[0]} has no value: its assignments end nowhere or run in a circle"
    asked = f"{question}\n{foot}"
    wanted = [value for value in dict.fromkeys(values.values()) if value is not None and count_whole(asked, value)]
    if len(wanted) != 1:
        yield f"{len(wanted)} assigned values are asked for, not one"
        return
    holders = [name for name, value in values.items() if value == wanted[0]]
    if holders != parts_of(answer):
        yield f"{', '.join(holders)} hold {wanted[0]}, the answer is {answer}"


def resolve(assigned: dict[str, str], name: str) -> str | None:
    """The number that a variable holds in the end; None where there is none."""
    for _ in range(len(assigned) + 1):
        if name not in assigned:
            return name if name.isdigit() else None
        name = assigned[name]
    return None

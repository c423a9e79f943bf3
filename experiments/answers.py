"""Real gold answers, other ways to write them, and answers that are wrong by them: what verifiers are compared on.

The answers are those of GSM8K's test problems, of MATH-500 and of 2,000 MATH training problems, read from
the folder that LENGTHWISE_DATA names.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_INTEGER = re.compile(r"-?[0-9]+")
_FRACTION = re.compile(r"(-?)\\frac\{([0-9]+)\}\{([0-9]+)\}")
_NUMBER = re.compile(r"[0-9]+")


class Pair(NamedTuple):
    """A gold answer, an answer to judge by it, and what it was made to be."""

    gold: str
    answer: str
    kind: str
    right: bool


class Solved(NamedTuple):
    """A worked solution that ends in its boxed gold answer."""

    gold: str
    solution: str


def data_folder() -> Path | None:
    """Where the real problems lie, if anywhere."""
    place = os.environ.get("LENGTHWISE_DATA")
    return Path(place) if place else None


def solved(folder: Path) -> list[Solved]:
    """Every problem's gold answer and solution, MATH-500 first; each (answer, solution) once."""
    found = [Solved(row["answer"], row["solution"]) for row in _lines(folder / "math500_test.jsonl")]
    for row in _lines(folder / "gsm8k_test.jsonl"):
        steps, _, answer = row["answer"].partition("####")
        found.append(Solved(answer.strip().replace(",", ""), f"{steps}\\boxed{{{answer.strip()}}}"))
    rows = json.loads((folder / "math_train_2000.json").read_text())
    found += [Solved(row["ground_truth"], row["solution"]) for row in rows]
    return list(dict.fromkeys(found))


def _lines(path: Path) -> Iterator[dict[str, str]]:
    return map(json.loads, path.read_text().splitlines())


def pairs(golds: list[str]) -> Iterator[Pair]:
    """Each gold answer against itself, against its twins, and against answers that are wrong by it."""
    for place, gold in enumerate(golds):
        yield Pair(gold, gold, "itself", True)
        for kind, twin in twins(gold).items():
            yield Pair(gold, twin, kind, True)
        changed = off_by_one(gold)
        if changed is not None:
            yield Pair(gold, changed, "a digit changed", False)
        other = golds[(place + 7) % len(golds)]
        if other != gold and (_numbers(other) != _numbers(gold) or not _numbers(gold)):
            yield Pair(gold, other, "another problem's answer", False)


def twins(gold: str) -> dict[str, str]:
    """The same answer as models write it too, by what was changed; only those that differ from it."""
    found = {
        "dfrac": gold.replace(r"\frac", r"\dfrac"),
        "spaces": re.sub(r"(?<=[\w})])([+=-])(?=[\w\\({])", r" \1 ", re.sub(r",(?![0-9]{3}|\\!)", ", ", gold)),
        "dollars": f"${gold}$",
        "full stop": f"{gold}.",
        "left and right": re.sub(r"(?<!\\left|.\\big)\(", r"\\left(", gold).replace(")", r"\right)")
        if r"\left" not in gold and gold.count("(") == gold.count(")")
        else gold,
    }
    if _INTEGER.fullmatch(gold):
        found |= {"point zero": f"{gold}.0", "thousands": f"{int(gold):,}", "equation": f"x = {gold}"}
        found["fraction"] = f"\\frac{{{2 * int(gold)}}}{{2}}"
    fraction = _FRACTION.fullmatch(gold)
    if fraction:
        sign, over, under = fraction.groups()
        found |= {"slash": f"{sign}{over}/{under}", "cancelled": f"{sign}\\frac{{{2 * int(over)}}}{{{2 * int(under)}}}"}
    return {kind: text for kind, text in found.items() if text != gold}


def off_by_one(gold: str) -> str | None:
    """The answer with its first number increased by one; None without a number."""
    number = _NUMBER.search(gold)
    if number is None:
        return None
    return gold[: number.start()] + str(int(number.group()) + 1) + gold[number.end() :]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _NUMBER.findall(text)]

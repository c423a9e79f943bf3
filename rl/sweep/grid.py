"""The runs of a sweep: every combination of the values that its keys are given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.recipe.named import read_recipe
from rl.recipe.parts import Recipe

Axis = tuple[str, list[str]]
"""A key of the recipe, and its values as they were written."""


@dataclass(frozen=True)
class Point:
    """One run, by its values where they differ: `tokens-2000_seed-0`."""

    name: str
    recipe: Recipe
    run: RunFolder


def points(reference: str, arguments: Sequence[str], out: Path) -> list[Point]:
    """The runs of a recipe with `key=value,value` in every combination, the last key changing fastest.

    Errors: UserError for a value that the recipe does not take, before anything is started.
    """
    axes = [_axis(argument) for argument in arguments]
    twice = [key for key, count in Counter(key for key, _ in axes).items() if count > 1]
    if twice:
        raise UserError(f"{twice[0]} is given twice; give its values at once: {twice[0]}=A,B")
    varied = [key for key, values in axes if len(values) > 1]
    if not varied:
        raise UserError("a sweep needs a key with several values, as seed=0,1; a single run is `lengthwise train`")
    short = Counter(key.rpartition(".")[2] for key in varied)
    labels = {key: key if short[key.rpartition(".")[2]] > 1 else key.rpartition(".")[2] for key in varied}
    found = []
    for values in product(*(values for _, values in axes)):
        chosen = {key: value for (key, _), value in zip(axes, values, strict=True)}
        name = "_".join(_plain(f"{labels[key]}-{chosen[key]}") for key in varied)
        recipe = read_recipe(reference, [f"{key}={value}" for key, value in chosen.items()])
        if recipe.data.eval is None:
            raise UserError(f"{recipe.name}: a sweep compares held-out answers, and the recipe has no data.eval")
        found.append(Point(name, recipe, RunFolder(out / name)))
    same = [name for name, count in Counter(point.name for point in found).items() if count > 1]
    if same:
        raise UserError(f"two runs would both be called {same[0]}: their values differ in marks alone, or stand twice")
    return found


def _axis(argument: str) -> Axis:
    key, equals, text = argument.partition("=")
    if not equals or not key:
        raise UserError(f"{argument!r} is not of the form part.key=value,value")
    values = _parted(text)
    if not all(values):
        raise UserError(f"{argument!r} has an empty value")
    return key, values


def _parted(text: str) -> list[str]:
    """At the commas that stand within no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for mark in text:
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        elif mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        elif mark == "," and not depth:
            parts.append("")
            continue
        parts[-1] += mark
    return [part.strip() for part in parts]


def _plain(text: str) -> str:
    """As a folder may be called, with no dot that begins a suffix."""
    return re.sub(r"[^A-Za-z0-9+-]+", "-", text).strip("-")

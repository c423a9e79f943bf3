"""Recipes from plain values, every key checked, and the recipes of their stages."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from rl.errors import UserError, unknown
from rl.plugins.typed import explained, path_of, read
from rl.recipe.parts import Recipe

T = TypeVar("T")
_NAME = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f-\x9f]{1,200}")
"""Runs are written into a folder of this name."""


def parse_recipe(values: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """Check `values` and give the recipe; the error names the key, the place and the nearest key."""
    recipe = read_part(Recipe, values, where)
    if not _NAME.fullmatch(recipe.name):
        raise UserError(
            f"{where}: name: {recipe.name[:60]!r} cannot be a folder's name; write at most 200 letters, digits, - and _"
        )
    return recipe


def read_part(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """Values as a dataclass of recipes' kind. Errors: UserError, as of `parse_recipe`."""
    try:
        part: T = read(TypeAdapter(kind), values, where)
    except ValidationError as error:
        raise _explain(kind, error.errors(), where) from error
    return part


def _explain(kind: type, errors: list[ErrorDetails], where: str) -> UserError:
    wrong, loc = errors[0]["type"], path_of(errors[0])
    place = ".".join(map(str, loc))
    if wrong == "unexpected_keyword_argument":
        return unknown("key", place, _siblings(kind, loc), where)
    if wrong in ("missing", "missing_argument"):
        return UserError(f"{where}: key {place!r} is missing; add it")
    return UserError(f"{where}: {place or f'a {kind.__name__.lower()}'}: {explained(errors)}")


def _siblings(kind: type, loc: tuple[int | str, ...]) -> list[str]:
    """The keys known where `loc` points, each with its path."""
    part: Any = kind
    for step in loc[:-1]:
        hint = typing.get_type_hints(part).get(str(step))
        choices = [hint, *typing.get_args(hint)]
        part = next((c for c in choices if dataclasses.is_dataclass(c)), part)
    prefix = "".join(f"{step}." for step in loc[:-1])
    return [prefix + f.name for f in dataclasses.fields(part)]


def stages_of(recipe: Recipe) -> list[tuple[str, Recipe]]:
    """The recipe of each stage by name. Errors: UserError naming the stage."""
    base = {key: value for key, value in recipe.to_dict().items() if key != "stages"}
    found = []
    for place, stage in enumerate(recipe.stages, 1):
        name = str(stage.get("name", place))
        if "stages" in stage:
            raise UserError(f"{recipe.name}, stage {name}: a stage has no stages of its own")
        own = {key: value for key, value in stage.items() if key != "name"}
        values = {**merge(base, own), "name": f"{recipe.name}-{name}"}
        found.append((name, parse_recipe(values, f"{recipe.name}, stage {name}")))
    return found


def merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `own` in it, part by part; a named plug-in or source replaces the old one whole."""
    merged = dict(base)
    for key, value in own.items():
        old = merged.get(key)
        inner = isinstance(value, Mapping) and isinstance(old, Mapping) and not {"name", "source"} & set(value)
        merged[key] = merge(old, value) if inner else value  # type: ignore[arg-type]
    return merged

"""Recipes as flat tables of settings, and where they differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

UNSET = "–"
"""Stands where a recipe does not have a key."""


def flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings and lists as one mapping: `rewards[0].name`, `trainer.max_steps`. Empty ones stay as they are."""
    if isinstance(values, Mapping) and values:
        inner = [(f"{prefix}.{key}" if prefix else str(key), value) for key, value in values.items()]
    elif isinstance(values, list) and values:
        inner = [(f"{prefix}[{place}]", value) for place, value in enumerate(values)]
    else:
        return {prefix: values}
    return {name: leaf for key, value in inner for name, leaf in flatten(value, key).items()}


def table(recipes: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Every setting with its value in each recipe, part by part, in the order in which the recipes bring them up."""
    flat = [flatten(recipe) for recipe in recipes]
    keys = list(dict.fromkeys(key for recipe in flat for key in recipe))
    parts = list(dict.fromkeys(map(_part, keys)))
    keys.sort(key=lambda key: parts.index(_part(key)))
    return [(key, [shown(recipe[key]) if key in recipe else UNSET for recipe in flat]) for key in keys]


def _part(key: str) -> str:
    return key.partition(".")[0].partition("[")[0]


def differing(rows: Sequence[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """The settings that are not the same in all recipes, and would say something; names are no settings."""
    return [(key, values) for key, values in rows if key != "name" and len(set(values)) > 1]


def shown(value: Any) -> str:
    """A setting as text: `none`, `true`, 1 for 1.0."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value) if whole else value)

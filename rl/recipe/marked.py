"""A recipe as YAML in which every setting that is not its default says what the default is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from rl.recipe.config import LengthGRPOConfig
from rl.recipe.parts import Recipe
from rl.recipe.values import parse_recipe

_UNKNOWN = object()
"""There is no default: a recipe must say."""


def marked_yaml(recipe: Recipe) -> str:
    """The resolved recipe; `# default: …` stands beside what differs from it. It reads back as the same recipe."""
    return "\n".join(_lines(recipe.to_dict(), _defaults(recipe), 0))


def _defaults(recipe: Recipe) -> dict[str, Any]:
    """The recipe with nothing said that need not be."""
    least = parse_recipe(
        {
            "name": recipe.name,
            "model": recipe.model,
            "data": {"train": recipe.data.train.source},
            "rewards": [part.name for part in recipe.rewards],
            "budget": recipe.budget.name,
        }
    )
    plain = {name: part for name, part in least.to_dict().items() if name != "rewards"}
    plain["trainer"] = {field.name: _default(field) for field in dataclasses.fields(LengthGRPOConfig)}
    for part, optional in (("batch", recipe.batch), ("lora", recipe.lora)):
        if optional is not None and plain.get(part) is None:
            plain[part] = {field.name: _default(field) for field in dataclasses.fields(optional)}
    if recipe.data.probe is not None:
        plain["data"]["probe"] = {field.name: _default(field) for field in dataclasses.fields(recipe.data.probe)}
    return plain


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return getattr(field.default, "value", field.default)
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else _UNKNOWN


def _lines(values: Mapping[str, Any], defaults: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    known = defaults if isinstance(defaults, Mapping) else {}
    for key, value in values.items():
        default = known.get(key, _UNKNOWN)
        if isinstance(value, Mapping) and value and isinstance(default, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(value, default, depth + 1)
            continue
        lines = _dump({key: value}).splitlines()
        if default is not _UNKNOWN and value != default:
            lines[0 if lines[0].endswith(":") else -1] += f"  # default: {_short(default)}"
        yield from (indent + line for line in lines)


def _dump(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


def _short(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).splitlines()[0]

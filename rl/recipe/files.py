"""Recipes in files: found by path or shipped name, built on one another, overridden from the command line.

Any key can be overridden as `part.key=value`, e.g. `trainer.max_steps=10` or `budget.tokens=64`. A
recipe that `extends` another (a path beside it, or a shipped name) says only what differs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from rewards.texts import require_lists
from rl.errors import UserError, unknown
from rl.plugins.typed import shown
from rl.reading import yaml_in
from rl.recipe.parts import Recipe
from rl.recipe.values import merge, parse_recipe
from rl.secrecy import require_no_secrets

BOOLEAN, DATE = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML that reads `1e-6` as a number, `no` and dates as words; keys are texts, each given once."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        given = set[str]()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            name = self.construct_object(key, deep=True)  # type: ignore[no-untyped-call]
            line = key.start_mark.line + 1
            if not isinstance(name, str):
                raise yaml.YAMLError(f"key {name!r} in line {line} is no text; put it in quotes")
            if name in given:
                raise yaml.YAMLError(f"key {name!r} is given twice, again in line {line}; remove one")
            given.add(name)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in (BOOLEAN, DATE)]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(BOOLEAN, re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load_yaml(text: str) -> Any:
    """One YAML value, read as recipes are. Errors: UserError."""
    return _loaded(text, shown(text))


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the package, by name."""
    folder = Path(str(resources.files("experiments"))) / "recipes"
    return {path.stem: path for path in sorted(folder.rglob("*.yaml"))}


def load_recipe(reference: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by path or by shipped name, apply `key=value` overrides, check every key."""
    require_lists(overrides=overrides)
    path = _find(reference, Path())
    values = _read(path, ())
    for override in overrides:
        _override(values, override)
    require_no_secrets(values, str(values.get("name", path.stem)))
    return parse_recipe(values, str(path))


def kept_recipe(path: Path) -> Recipe:
    """The recipe in a run's folder. A secret that an earlier version let in is for a release to leave out."""
    return parse_recipe(_read(path, ()), str(path))


def _find(reference: str, folder: Path) -> Path:
    path = folder / reference
    if path.suffix in (".yaml", ".yml") and not path.is_file():
        raise UserError(f"recipe file {str(path)!r} does not exist; give a path or a shipped name")
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if reference not in shipped:
        raise unknown("recipe", reference, shipped)
    return shipped[reference]


def _read(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    """The values of a recipe file on top of those that it extends."""
    if path in below:
        raise UserError(f"{path}: `extends` leads back to itself")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    values = _loaded(text, str(path))
    if not isinstance(values, dict):
        raise UserError(f"{path}: a recipe is a mapping of keys to values")
    base = values.pop("extends", None)
    return values if base is None else merge(_read(_find(str(base), path.parent), (*below, path)), values)


def _loaded(text: str, what: str) -> Any:
    try:
        return yaml_in(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{what} is not YAML: {str(error).splitlines()[0]}") from error


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"override {override!r} is not of the form part.key=value")
    *path, last = key.split(".")
    part: Any = values
    for step in path:
        part = _child(part, step, key)
    part[_place(part, last, key)] = load_yaml(text)


def _child(part: Any, step: str, key: str) -> Any:
    place = _place(part, step, key)
    child = part.get(place) if isinstance(part, dict) else part[place]
    if child is None:
        child = {}
    elif isinstance(child, str):  # `train: demo` is short for `train: {source: demo}`, and the like
        child = {"source" if step in ("train", "eval") else "name": child}
    if not isinstance(child, dict | list):
        raise UserError(f"override {key!r}: {step!r} has no keys below it")
    part[place] = child
    return child


def _place(part: Any, step: str, key: str) -> int | str:
    if not isinstance(part, list):
        return step
    if not step.isdecimal() or int(step) >= len(part):
        raise UserError(f"override {key!r}: {step!r} is no index into a list of {len(part)}")
    return int(step)

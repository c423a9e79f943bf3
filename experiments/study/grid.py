"""The grid of a study: which runs there are, and what they are asked afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from rl.errors import UserError
from rl.folders.written import require_same_kind
from rl.recipe.files import load_yaml
from rl.recipe.parts import Recipe, SourcePart
from rl.recipe.values import merge, parse_recipe

HERE = Path(__file__).parent
GRID = "grid.yaml"
MEANT = "meant.yaml"
"""The shared recipe with all its defaults, as it was when the first results were made."""
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Arm:
    """One method: what differs from the base recipe."""

    __pydantic_config__ = _STRICT
    label: str
    recipe: dict[str, Any] = field(default_factory=dict)
    asks: int | None = None
    """Tokens that the evaluation's prompts state, for methods that train on stated budgets."""
    seeds: int | None = None
    trained: bool = True
    """Whether it is, or only answers the tests."""


@dataclass(frozen=True)
class Cross:
    """Every combination of the levels of some factors, each there or not."""

    __pydantic_config__ = _STRICT
    of: dict[str, Any]
    factors: dict[str, dict[str, Any]]
    names: dict[str, str] = field(default_factory=dict)
    """Of combinations that have a name of their own, by their factors joined with `-`."""
    labels: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)

    def arms(self, prefix: str) -> dict[str, Arm]:
        found = {}
        for count in range(len(self.factors) + 1):
            for chosen in combinations(self.factors, count):
                recipe = self.of
                for factor in chosen:
                    recipe = merge(recipe, self.factors[factor])
                joined = "-".join(chosen)
                name = self.names.get(joined, f"{prefix}-{joined}")
                label = self.labels.get(name, f"{prefix} + {' + '.join(chosen)}")
                found[name] = Arm(label, recipe, seeds=self.seeds.get(name))
        return found


@dataclass(frozen=True)
class Grid:
    """A study: arms over seeds, and the problems that every trained model answers."""

    __pydantic_config__ = _STRICT
    base: str
    seeds: int
    tests: dict[str, SourcePart]
    cap: int
    """Tokens a completion may have when it is sampled."""
    caps: tuple[int, ...]
    """Smaller caps that it is scored at, too."""
    arms: dict[str, Arm] = field(default_factory=dict)
    crosses: dict[str, Cross] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    """Of the base, for every arm."""
    only: list[str] = field(default_factory=list)
    """The arms to run; all by default."""
    claims: str = "claims.yaml"
    """What its report holds against the results."""

    def all_arms(self) -> dict[str, Arm]:
        """Every arm by name, those of the crosses included."""
        arms = dict(self.arms)
        for prefix, cross in self.crosses.items():
            arms |= cross.arms(prefix)
        unknown = sorted(set(self.only) - set(arms))
        if unknown:
            raise UserError(f"the grid has no arm {unknown[0]!r}; it has {', '.join(arms)}")
        return {name: arm for name, arm in arms.items() if not self.only or name in self.only}

    def runs(self) -> list[tuple[str, int]]:
        """Arms and seeds, every arm's first seed before any arm's second."""
        arms = self.all_arms()
        most = max((arm.seeds or self.seeds) for arm in arms.values())
        return [(name, seed) for seed in range(most) for name, arm in arms.items() if seed < (arm.seeds or self.seeds)]

    @property
    def shared(self) -> dict[str, Any]:
        """What every arm's recipe begins from."""
        return merge(load_yaml((HERE / self.base).read_text()), self.overrides)

    def values(self, name: str) -> dict[str, Any]:
        """An arm's recipe as it would stand in a file."""
        return merge(self.shared, {**self.all_arms()[name].recipe, "name": name})

    def recipe(self, name: str, seed: int) -> Recipe:
        """Of one run. Errors: UserError naming the arm."""
        return parse_recipe({**self.values(name), "name": f"{name}-{seed}", "seed": seed}, f"arm {name}")

    def digest(self, name: str, seed: int) -> str:
        """Of what the study says of a run and of its tests (16 hex digits).

        What it leaves to defaults is not in it, so that results outlive new options; `require_same_defaults` sees to
        it that they do not change.
        """
        arm = self.all_arms()[name]
        said = {**self.values(name), "seed": seed}
        tests = {test: [source.source, source.options, source.columns] for test, source in self.tests.items()}
        text = json.dumps([said, arm.asks, arm.trained, tests, self.cap], sort_keys=True)
        return blake2b(text.encode(), digest_size=8).hexdigest()


def load_grid(study: Path) -> Grid:
    """The grid of a study's folder; one that `extends` another grid says only what differs. Errors: UserError."""
    path = study / GRID
    try:
        return TypeAdapter(Grid).validate_python(_read(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"there is no grid {path}; give the folder of a study, such as {HERE / 'reduced'}")
    values = load_yaml(path.read_text())
    if not isinstance(values, Mapping):
        raise UserError(f"{path}: a grid is a mapping of keys to values")
    own = dict(values)
    base = own.pop("extends", None)
    return own if base is None else merge(_read(path.parent / str(base)), own)


def require_same_defaults(grid: Grid, folder: Path) -> None:
    """Keep what the shared recipe means, beside the first results; errors: UserError where that has changed since."""
    path, now = folder / MEANT, parse_recipe(grid.shared, "the shared recipe").to_yaml()
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(now)
    then, today = _flat(load_yaml(path.read_text())), _flat(load_yaml(now))
    for key, value in then.items():
        if today.get(key) != value:
            raise UserError(
                f"{path}: the results here were made with {key} {value!r}, which is {today.get(key)!r} by now; "
                "write the old value into the base, or give another folder by --to"
            )


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Values by their paths."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) and value else {f"{before}{key}": value}
    return found


def write_recipes(grid: Grid, folder: Path) -> list[Path]:
    """A recipe file for each arm that is trained; `lengthwise train FILE seed=1` is one of its runs."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in (name for name, arm in grid.all_arms().items() if arm.trained):
        path, recipe = folder / f"{name}.yaml", yaml.safe_dump(grid.values(name), sort_keys=False, allow_unicode=True)
        require_same_kind(path, recipe.partition("\n")[0])
        path.write_text(recipe)
        written.append(path)
    return written

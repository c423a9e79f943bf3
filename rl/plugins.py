"""Find what a recipe names: a built-in, `module:Name`, `path/to/file.py:Name`, or an entry point."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import curricula
import rewards
from curricula import BudgetSchedule
from rewards import Group, HistoryView, LengthReward
from rl.errors import UserError, unknown

RewardFunction = Callable[..., list[float | None]]
"""TRL's kind: `(prompts, completions, completion_ids, **columns) -> list[float | None]`."""


@cache
def built_in(package: ModuleType, method: str) -> Mapping[str, Callable[..., Any]]:
    """Every class below `package` that has a `name` and a `method`, by that name.

    A new plug-in is a new file: nothing lists it.
    """
    found: dict[str, Callable[..., Any]] = {}
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            own = inspect.isclass(value) and value.__module__ == module.__name__
            if (
                own
                and isinstance(getattr(value, "name", None), str)
                and inspect.isfunction(getattr(value, method, None))
            ):
                found[value.name] = value
    return found


def load_object(name: str, kind: str) -> Any:
    """The object behind `module:Name` or `path/to/file.py:Name`."""
    place, _, attribute = name.rpartition(":")
    try:
        module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{kind} {name!r}: cannot import {place}: {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        raise unknown(f"name in {place} for {kind}", attribute, (n for n in vars(module) if n[0] != "_"))
    return getattr(module, attribute)


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"plug-in file {str(path)!r} does not exist; check the path before the colon")
    name = f"lengthwise_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _find(name: str, kind: str, group: str, known: Mapping[str, Callable[..., Any]]) -> Any:
    if name in known:
        return known[name]
    if ":" in name:
        return load_object(name, kind)
    installed = {entry.name: entry for entry in entry_points(group=group)}
    if name in installed:
        return installed[name].load()
    raise unknown(kind, name, [*known, *installed])


def _build(maker: Any, name: str, kind: str, options: Mapping[str, Any]) -> Any:
    accepted = inspect.signature(maker).parameters
    for option in options:
        if option not in accepted:
            raise unknown(f"option of {kind} {name!r}", option, accepted)
    try:
        return maker(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f"{kind} {name!r}: {error}") from error


def load_reward(name: str, options: Mapping[str, Any]) -> LengthReward:
    """The reward that a recipe names, made with its `options`; a TRL function plugs in unchanged."""
    found = _find(name, "reward", "lengthwise.rewards", built_in(rewards, "__call__"))
    if inspect.isclass(found):
        found = _build(found, name, "reward", options)
    elif options:
        raise UserError(f"reward {name!r} is a function and takes no options, but got {', '.join(options)}")
    if isinstance(found, LengthReward):
        return found
    if callable(found):
        return FunctionReward(found, name.rpartition(":")[2])
    raise UserError(f"reward {name!r} is neither a LengthReward nor a function")


def load_budget(name: str, options: Mapping[str, Any]) -> BudgetSchedule:
    """The budget schedule that a recipe names, made with its `options`."""
    found = _find(name, "budget", "lengthwise.budgets", built_in(curricula, "at"))
    schedule = _build(found, name, "budget", options)
    if not isinstance(schedule, BudgetSchedule):
        raise UserError(f"budget {name!r} has no `at(step)` and `maximum`; see curricula.BudgetSchedule")
    return schedule


class FunctionReward:
    """A TRL reward function as a plug-in: its values were taken on each rank and lie on the rollouts."""

    def __init__(self, function: RewardFunction, name: str) -> None:
        self.function, self.name = function, name

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [r.given[self.name] for r in group.rollouts]

"""What a name stands for: a built-in, `module:Name`, `path/to/file.py:Name`, or an entry point; and making it."""

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

from rewards.failures import told
from rl.errors import UserError, unknown
from rl.installed import missing
from rl.plugins.blame import raised
from rl.plugins.guard import bounded
from rl.plugins.typed import require, types_of
from rl.secrecy import with_environment


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
        with bounded(name, kind):
            module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except UserError:
        raise
    except Exception as error:
        absent = missing(error) if isinstance(error, ModuleNotFoundError) else None
        why = told(error) if absent is None else absent
        raise UserError(f"{kind} {name!r}: cannot import {place}: {why}") from error
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


def find(name: str, kind: str, group: str, known: Mapping[str, Callable[..., Any]]) -> Any:
    """What `name` stands for: one of `known`, an object of a file or module, or an entry point of `group`.

    Errors: UserError with the nearest name.
    """
    if name in known:
        return known[name]
    if ":" in name:
        return load_object(name, kind)
    installed = {entry.name: entry for entry in entry_points(group=group)}
    if name in installed:
        with bounded(name, kind):
            return installed[name].load()
    raise unknown(kind, name, [*known, *installed])


def build(maker: Any, name: str, kind: str, options: Mapping[str, Any]) -> Any:
    """`maker` called with the options of a recipe.

    Errors: UserError naming an option that it does not take, or whose value is not of its type.
    """
    types = types_of(maker)
    arguments = chosen(types, name, kind, options, choices=False)
    try:
        with bounded(name, kind):
            made = maker(**arguments)
    except UserError:
        raise
    except (TypeError, ValueError) as error:  # how a class refuses what it was given
        raise UserError(f"{kind} {name!r}: {error}") from error
    except Exception as error:
        raise raised(name, error, kind) from error
    chosen(types, name, kind, options)
    return made


def chosen(
    parameters: Mapping[str, Any], name: str, kind: str, options: Mapping[str, Any], choices: bool = True
) -> dict[str, Any]:
    """The options of a recipe by the parameters that they are called, of which the types are given.

    An option `{env: NAME}` has the value of that variable.
    Errors: UserError with the nearest option, or for a value that is not of its type.
    """
    accepted = {option_name(parameter): parameter for parameter in parameters}
    given: dict[str, Any] = {}
    for option, value in options.items():
        if option not in accepted:
            raise unknown(f"option of {kind} {name!r}", option, accepted)
        given[accepted[option]] = with_environment(value, f"{kind} {name!r}: {option}")
        require(parameters[accepted[option]], given[accepted[option]], f"{kind} {name!r}: {option}", choices)
    return given


def option_name(parameter: str) -> str:
    """How a recipe calls a parameter: `lambda` where Python has to write `lambda_`."""
    return parameter.removesuffix("_")

"""The advantage estimator that a recipe names: a built-in, a file's, a module's, or an installed distribution's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import rl.credit
from rl.credit.calling.names import GROUP, KIND, require_estimator
from rl.credit.within.arrays import Array
from rl.errors import UserError
from rl.plugins.find import build, built_in, chosen, find
from rl.plugins.typed import FREE, types_of


def load_advantage(name: str, options: Mapping[str, Any]) -> Callable[[], Callable[..., Array]]:
    """What makes the estimator that a recipe names with its `options`, a fresh one at each call.

    Errors: UserError where nothing has that name or what has it is no estimator; once called, for an option.
    """
    require_estimator(name)
    found = find(name, KIND, GROUP, built_in(rl.credit, "__call__"))
    if inspect.isfunction(found):
        types = types_of(found)
        taken = {option: types.get(option, FREE) for option in function_options(found, options)}
        return lambda: partial(found, **chosen(taken, name, KIND, options))
    if not inspect.isclass(found):
        raise UserError(f"{KIND} {name!r} is neither a class nor a function; see rl.credit.calling.types")

    def make() -> Callable[..., Array]:
        made: Callable[..., Array] = build(found, name, KIND, options)
        if not callable(made):
            raise UserError(f"{KIND} {name!r} cannot be called; see rl.credit.calling.types")
        return made

    return make


def function_options(function: Callable[..., Any], given: Mapping[str, Any] | None = None) -> list[str]:
    """The options of an estimator that is a function: what follows rewards, group size and lengths.

    One that takes `**options` has those that are `given`.
    """
    parameters = list(inspect.signature(function).parameters.values())[3:]
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    named = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD and p.name != "weights"]
    return [*named, *(given or ())] if open_ended else named

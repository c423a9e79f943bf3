"""One loader for each kind of plug-in: its name and options of a recipe to the object that a run uses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import curricula
import rewards.credit
import rewards.edits
from curricula import BudgetSchedule, ProblemOrder
from curricula.asking import Asking
from rewards import LengthReward
from rewards.credit import TokenCredit
from rewards.edits import Edit
from rewards.failures import OURS
from rewards.signatures import TRL_PARAMETERS
from rewards.verifier import Verifier
from rewards.verifier.function import FunctionVerifier
from rl.errors import UserError
from rl.plugins.find import build, built_in, find
from rl.plugins.functions import FunctionReward
from rl.plugins.rewards import OneTerm, step_for


def load_reward(name: str, options: Mapping[str, Any], term: str | None = None) -> LengthReward:
    """The reward that a recipe names, made with its `options`; a function of TRL or of another trainer as it is.

    `term` takes one of the reward's unweighted terms instead of the whole.
    """
    found = find(name, "reward", "lengthwise.rewards", built_in(rewards, "__call__"))
    if inspect.isclass(found):
        found = build(found, name, "reward", options)
    elif options:
        raise UserError(f"reward {name!r} is a function and takes no options, but got {', '.join(options)}")
    found = _as_reward(found, name)
    return found if term is None else OneTerm(found, term)


def _as_reward(found: Any, name: str) -> LengthReward:
    """What a recipe names as a reward. Errors: UserError where it is not called as one is."""
    if not callable(found):
        raise UserError(f"reward {name!r} is neither a LengthReward nor a function")
    try:
        if not isinstance(found, LengthReward) or TRL_PARAMETERS & set(inspect.signature(found).parameters):
            return FunctionReward(found, name.rpartition(":")[2])
        inspect.signature(found).bind("group", "history", **step_for(found, 0))
    except ValueError as error:
        raise UserError(f"reward {name!r}: {error}") from error
    except TypeError as error:
        raise UserError(f"reward {name!r}: {error}; a LengthReward takes a group and the history") from error
    return found


def is_of_others(plugin: object) -> bool:
    """Whether a plug-in's code is somebody else's, who may not have called it yet."""
    if isinstance(plugin, OneTerm):
        return is_of_others(plugin.whole)
    code = plugin.function if isinstance(plugin, FunctionReward) else plugin
    module = str(getattr(code, "__module__", type(code).__module__))
    return isinstance(plugin, FunctionVerifier) or module.partition(".")[0] not in OURS


def load_budget(name: str, options: Mapping[str, Any], steps: int | None = None) -> BudgetSchedule:
    """The budget schedule that a recipe names, made with its `options`.

    A schedule over a whole run takes `steps`, the run's optimiser steps, unless the options say otherwise. An option
    that has a name itself is a schedule, too.
    """
    options = {option: _nested(value, steps) for option, value in options.items()}
    found = find(name, "budget", "lengthwise.budgets", built_in(curricula, "at"))
    if steps is not None and "steps" in inspect.signature(found).parameters:
        options = {"steps": steps, **options}
    schedule = build(found, name, "budget", options)
    if not isinstance(schedule, BudgetSchedule):
        raise UserError(f"budget {name!r} has no `at(step)` and `maximum`; see curricula.BudgetSchedule")
    return schedule


def _nested(value: Any, steps: int | None) -> Any:
    if not isinstance(value, Mapping) or "name" not in value:
        return value
    return load_budget(str(value["name"]), {k: v for k, v in value.items() if k != "name"}, steps)


def load_order(name: str, options: Mapping[str, Any]) -> ProblemOrder:
    """The problem order that a recipe names, made with its `options`."""
    found = find(name, "problem order", "lengthwise.orders", built_in(curricula, "sequence"))
    order = build(found, name, "problem order", options)
    if not isinstance(order, ProblemOrder):
        raise UserError(f"problem order {name!r} has no `sequence` and `column`; see curricula.ProblemOrder")
    return order


def load_asking(name: str, options: Mapping[str, Any]) -> Asking:
    """What differs within a group, as a recipe names it, made with its `options`."""
    made = build(find(name, "asking", "lengthwise.askings", built_in(curricula, "variants")), name, "asking", options)
    if not isinstance(made, Asking):
        raise UserError(f"asking {name!r} has no `variants` and `name`; see curricula.asking.Asking")
    return made


def load_edit(name: str, options: Mapping[str, Any]) -> Edit:
    """The edit that a recipe names, made with its `options`."""
    edit = build(find(name, "edit", "lengthwise.edits", built_in(rewards.edits, "plan")), name, "edit", options)
    if not isinstance(edit, Edit):
        raise UserError(f"edit {name!r} has no `plan` and `name`; see rewards.edits.Edit")
    return edit


def load_credit(name: str, options: Mapping[str, Any]) -> TokenCredit:
    """The token credit that a recipe names, made with its `options`."""
    found = find(name, "token credit", "lengthwise.credits", built_in(rewards.credit, "credit"))
    credit = build(found, name, "token credit", options)
    if not isinstance(credit, TokenCredit):
        raise UserError(f"token credit {name!r} has no `credit` and `name`; see rewards.credit.TokenCredit")
    return credit


def load_verifier(name: str, options: Mapping[str, Any]) -> Verifier:
    """The verifier that a recipe names, made with its `options`; a function is called in worker processes."""
    found = find(name, "verifier", "lengthwise.verifiers", built_in(rewards, "judge"))
    if inspect.isfunction(found):
        function = name if ":" in name else f"{found.__module__}:{found.__qualname__}"
        return build(FunctionVerifier, name, "verifier", {"function": function, **options})  # type: ignore[no-any-return]
    verifier = build(found, name, "verifier", options)
    if not (hasattr(verifier, "judge") and hasattr(verifier, "readable")):
        raise UserError(f"verifier {name!r} has no `judge` and `readable`; see rewards.verifier.Verifier")
    return verifier  # type: ignore[no-any-return]

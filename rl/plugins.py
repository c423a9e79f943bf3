"""Find what a recipe names: a built-in, `module:Name`, `path/to/file.py:Name`, or an entry point."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import curricula
import rewards
from curricula import BudgetSchedule, ProblemOrder
from rewards import Group, History, HistoryView, LengthReward, Monitor, Observer, Problem, Termed
from rewards.types import Values
from rewards.verifier import Verifier
from rewards.verifier.function import FunctionVerifier
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
    accepted = {option_name(p): p for p in inspect.signature(maker).parameters}
    for option in options:
        if option not in accepted:
            raise unknown(f"option of {kind} {name!r}", option, accepted)
    try:
        return maker(**{accepted[option]: value for option, value in options.items()})
    except (TypeError, ValueError) as error:
        raise UserError(f"{kind} {name!r}: {error}") from error


def option_name(parameter: str) -> str:
    """How a recipe calls a parameter: `lambda` where Python has to write `lambda_`."""
    return parameter.removesuffix("_")


def load_reward(name: str, options: Mapping[str, Any], term: str | None = None) -> LengthReward:
    """The reward that a recipe names, made with its `options`; a TRL function plugs in unchanged.

    `term` takes one of the reward's unweighted terms instead of the whole.
    """
    found = _find(name, "reward", "lengthwise.rewards", built_in(rewards, "__call__"))
    if inspect.isclass(found):
        found = _build(found, name, "reward", options)
    elif options:
        raise UserError(f"reward {name!r} is a function and takes no options, but got {', '.join(options)}")
    if not isinstance(found, LengthReward):
        if not callable(found):
            raise UserError(f"reward {name!r} is neither a LengthReward nor a function")
        found = FunctionReward(found, name.rpartition(":")[2])
    return found if term is None else OneTerm(found, term)


def load_budget(name: str, options: Mapping[str, Any], steps: int | None = None) -> BudgetSchedule:
    """The budget schedule that a recipe names, made with its `options`.

    A schedule over a whole run takes `steps`, the run's optimiser steps, unless the options say otherwise.
    """
    found = _find(name, "budget", "lengthwise.budgets", built_in(curricula, "at"))
    if steps is not None and "steps" in inspect.signature(found).parameters:
        options = {"steps": steps, **options}
    schedule = _build(found, name, "budget", options)
    if not isinstance(schedule, BudgetSchedule):
        raise UserError(f"budget {name!r} has no `at(step)` and `maximum`; see curricula.BudgetSchedule")
    return schedule


def load_order(name: str, options: Mapping[str, Any]) -> ProblemOrder:
    """The problem order that a recipe names, made with its `options`."""
    found = _find(name, "problem order", "lengthwise.orders", built_in(curricula, "sequence"))
    order = _build(found, name, "problem order", options)
    if not isinstance(order, ProblemOrder):
        raise UserError(f"problem order {name!r} has no `sequence` and `column`; see curricula.ProblemOrder")
    return order


def load_verifier(name: str, options: Mapping[str, Any]) -> Verifier:
    """The verifier that a recipe names, made with its `options`; a function is called in worker processes."""
    found = _find(name, "verifier", "lengthwise.verifiers", built_in(rewards, "judge"))
    if inspect.isfunction(found):
        function = name if ":" in name else f"{found.__module__}:{found.__qualname__}"
        return _build(FunctionVerifier, name, "verifier", {"function": function, **options})  # type: ignore[no-any-return]
    verifier = _build(found, name, "verifier", options)
    if not (hasattr(verifier, "judge") and hasattr(verifier, "readable")):
        raise UserError(f"verifier {name!r} has no `judge` and `readable`; see rewards.verifier.Verifier")
    return verifier  # type: ignore[no-any-return]


class FunctionReward:
    """A TRL reward function as a plug-in: its values were taken on each rank and lie on the rollouts."""

    def __init__(self, function: RewardFunction, name: str) -> None:
        self.function, self.name = function, name

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return [r.given[self.name] for r in group.rollouts]

    def values(
        self,
        problems: Sequence[Problem],
        texts: Sequence[str],
        token_ids: Sequence[Sequence[int]],
        hooks: Mapping[str, Any],
    ) -> Values:
        """Call the function as TRL does, on the completions of one rank; `hooks` are further arguments.

        Its `log_extra` does nothing: a run's rollouts hold every completion anyway.
        """
        chat = bool(problems) and not isinstance(problems[0].prompt, str)
        columns = problems[0].columns if problems else {}
        arguments = {
            **{name: [p.columns.get(name) for p in problems] for name in columns},
            "answer": [p.answer for p in problems],
            "prompts": [p.prompt for p in problems],
            "completions": [[{"role": "assistant", "content": t}] if chat else t for t in texts],
            "completion_ids": [list(ids) for ids in token_ids],
            "log_extra": lambda *_: None,
            **hooks,
        }
        try:
            checked = [number(value) for value in self.function(**arguments)]
        except Exception as error:
            raise raised(self, error) from error
        if len(checked) != len(problems):
            raise UserError(f"reward {self.name!r} gave {len(checked)} numbers for {len(problems)} completions")
        return checked


def score_one(reward: LengthReward, group: Group, history: History) -> Values:
    """A reward's checked values for a group. Errors: UserError naming the reward."""
    try:
        values = [number(value) for value in reward(group, history)]
    except UserError:
        raise
    except Exception as error:
        raise raised(reward, error) from error
    if len(values) != len(group.rollouts):
        raise UserError(f"reward {reward.name!r} gave {len(values)} numbers for {len(group.rollouts)} rollouts")
    return values


def raised(plugin: object, error: Exception, kind: str = "reward") -> UserError:
    """The error of a plug-in, named."""
    name = getattr(plugin, "name", type(plugin).__name__)
    return UserError(f"{kind} {name!r} raised {type(error).__name__}: {' '.join(str(error).split())}")


def number(value: Any) -> float | None:
    """A plug-in's value as a finite float; None and NaN both mean "not judged". Errors: ValueError."""
    if value is None:
        return None
    value = float(value)
    if math.isinf(value):
        raise ValueError("an infinite reward; give None where there is nothing to judge")
    return None if math.isnan(value) else value


class OneTerm:
    """One unweighted term of a reward, as a reward of its own: `NAME.TERM`."""

    def __init__(self, whole: LengthReward, term: str) -> None:
        if not isinstance(whole, Termed):
            raise UserError(f"reward {whole.name!r} shows no terms, so `term: {term}` cannot be taken")
        self.whole, self.term, self.name = whole, term, f"{whole.name}.{term}"
        if isinstance(whole, Monitor):
            self.interval, self.monitor = whole.interval, whole.monitor

    def __call__(self, group: Group, history: HistoryView) -> Values:
        assert isinstance(self.whole, Termed)
        terms = self.whole.terms(group, history)
        if self.term not in terms:
            raise unknown(f"term of reward {self.whole.name!r}", self.term, terms)
        return terms[self.term]

    def observe(self, group: Group, history: History) -> None:
        if isinstance(self.whole, Observer):
            self.whole.observe(group, history)

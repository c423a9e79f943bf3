"""A judge by its name: found, told by its parameters, and called as it wants to be, async or not."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rewards.signatures import TRACED, TRL_PARAMETERS, VERIFIERS, Sample, foreign, required
from rewards.types import Verdict

GOLD = frozenset({"gold", "ground_truth", "label", "reference", "target"})
"""Names of a judge's second parameter by which it is the gold answer, and the answer comes first."""
SAID = frozenset({"prediction", "response", "output", "completion", "candidate"})
"""Names of its first parameter by which that is the model's."""


def load(reference: str) -> Any:
    """What `module:name` or `path/to/file.py:name` names."""
    place, _, name = reference.rpartition(":")
    if not place.endswith(".py"):
        return getattr(importlib.import_module(place), name)
    spec = importlib.util.spec_from_file_location(f"lengthwise_judge_{Path(place).stem}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def verdict_of(value: Any) -> Verdict:
    """A judge's answer as a verdict. Errors: ValueError for what is none."""
    if value is None:
        return Verdict.UNPARSABLE
    if isinstance(value, str):
        return Verdict(value)
    share = float(value)
    if not 0 <= share <= 1:
        raise ValueError(f"a judge gives a verdict, a bool, a share in [0, 1] or None, not {value!r}")
    return Verdict.CORRECT if share == 1 else Verdict.WRONG


class Judge:
    """A function with its options, as `(gold answer, the answer or text to judge) -> Verdict`.

    Errors: ValueError naming parameters that nobody gives.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.function, self.options = function, options
        names = list(inspect.signature(function).parameters)
        self.first, self.second = [*names, "", ""][:2]
        form = foreign(function)
        self.form = None if form in (VERIFIERS, TRACED) and GOLD & set(names) else form
        """Whose form the function has; None: that of a judge of ours."""
        self.answer_first = self.first not in GOLD and (self.second in GOLD or self.first in SAID)
        """Whether the names of a judge of ours say that its gold answer comes second."""
        self._refuse(names)

    def _refuse(self, names: Sequence[str]) -> None:
        if self.form is None and TRL_PARAMETERS & set(names):
            raise ValueError(f"({', '.join(names)}) is a TRL reward function; name it under `rewards`")
        given = {*self.options, *(names[:2] if self.form is None else self.form.arguments(Sample("", "")))}
        unmet = [name for name in required(self.function) if name not in given]
        if unmet:
            raise ValueError(f"nobody gives it {', '.join(unmet)}; a judge takes (gold, answer) and its `options`")
        if self.form is None:
            try:
                inspect.signature(self.function).bind("", "", **self.options)
            except TypeError as error:
                raise ValueError(f"({', '.join(names)}): {error}; a judge takes (gold, answer)") from error

    def describe(self) -> str:
        """What it was taken for."""
        if self.form is not None:
            return self.form.name
        gold, answer = (self.second, self.first) if self.answer_first else (self.first, self.second)
        return f"a judge, the gold answer as {gold!r}, the answer as {answer!r}"

    def call(self, gold: str, text: str) -> Any:
        """What the function says, or an awaitable of that."""
        if self.form is not None:
            return self.form.call(self.function, Sample(text, gold), self.options)
        both = (text, gold) if self.answer_first else (gold, text)
        return self.function(*both, **self.options)

    def verdict(self, value: Any) -> Verdict:
        """What was said as a verdict; of another trainer's scores 1 is correct, and what is less is wrong."""
        if self.form is None:
            return verdict_of(value)
        score = self.form.score(value)
        if score is None:
            return Verdict.UNPARSABLE
        if not score <= 1:
            raise ValueError(f"{score} is no score of a judge, whose 1 is correct; name it under `rewards`")
        return Verdict.CORRECT if score == 1 else Verdict.WRONG


class Caller:
    """Calls a judge in a worker, on one event loop from item to item: what it keeps open between them goes on."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._runner = asyncio.Runner()

    def __call__(self, gold: str, text: str) -> Verdict:
        value = self.judge.call(gold, text)
        return self.judge.verdict(self._runner.run(_awaited(value)) if inspect.isawaitable(value) else value)


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value

"""Reward functions of TRL and of other trainers as plug-ins: told by their parameters, called, awaited."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from rewards import Group, HistoryView, LengthReward
from rewards.signatures import TRL_PARAMETERS, Form, Sample, foreign, needed, own_weight, required, turns
from rewards.types import Values
from rl.errors import UserError
from rl.plugins.blame import raised
from rl.plugins.guard import bounded, guarded, limit, of_its_own, took_too_long
from rl.plugins.rewards import numbers

GIVEN = TRL_PARAMETERS | {"answer", "trainer_state", "log_extra", "log_metric"}
"""What a function of TRL's kind is given whatever the columns of the data."""

KNOWN = (
    "completions (TRL), solution_str, ground_truth (verl), queries, labels (OpenRLHF), completion or trace (verifiers)"
)


class Loop:
    """An event loop in a thread of its own, there from the first function that waits to the end.

    What a function keeps open between two calls, a client say, belongs to one loop.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, what: Awaitable[Any]) -> Future[Any]:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(_awaited(what), self._loop)


async def _awaited(what: Awaitable[Any]) -> Any:
    return await what


async def _all_of(values: Sequence[Any]) -> list[Any]:
    """Values, those to be awaited awaited together."""
    waiting = [value for value in values if inspect.isawaitable(value)]
    found = iter(await asyncio.gather(*waiting))
    return [next(found) if inspect.isawaitable(value) else value for value in values]


class FunctionReward:
    """A reward function as a plug-in: its values were taken on each rank and lie on the rollouts.

    One of TRL's kind, `(prompts, completions, completion_ids, **columns) -> list[float | None]`, or of those of
    `rewards.signatures`; `async def`, too. Errors: ValueError for another.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function, self.name = function, name
        try:
            self._parameters = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:
            raise ValueError(f"its parameters cannot be read: {error}") from error
        self._open = any(p.kind is p.VAR_KEYWORD for p in self._parameters.values())
        self.form = self._told()
        """Whose function it is; None: TRL's."""
        self._loop = Loop()

    def _told(self) -> Form | None:
        names = set(self._parameters)
        form = None if TRL_PARAMETERS & names - {"prompts"} else foreign(self.function)
        if form is not None:
            given = set(form.arguments(Sample("", "", "")))
            unmet = [name for name in required(self.function) if name not in given]
        elif self._open or TRL_PARAMETERS & names:  # what else it asks for may be a column of the data
            unmet = [n for n, p in self._parameters.items() if p.kind is p.POSITIONAL_ONLY and needed(p)]
        else:
            unmet = list(self._parameters)
        if unmet:
            called = form.name if form else f"a reward function, which takes {KNOWN}"
            raise ValueError(f"nobody gives {', '.join(unmet)} to {called}")
        return form

    def describe(self) -> str:
        """What it was taken for."""
        return "a TRL reward function" if self.form is None else self.form.name

    @property
    def columns(self) -> list[str]:
        """The columns of the data that it cannot do without."""
        return [] if self.form else [name for name in required(self.function) if name not in GIVEN]

    def require(self, columns: Iterable[str], where: str) -> None:
        """Errors: UserError where a column that the function asks for is not among those of the data."""
        there = list(columns)
        missing = [repr(name) for name in self.columns if name not in there]
        if missing:
            known = ", ".join(map(repr, there)) or "none"
            raise UserError(f"reward {self.name!r} asks for {', '.join(missing)}, not a column of {where} ({known})")

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return [r.given[self.name] for r in group.rollouts]

    def begin(self, samples: Sequence[Sample], hooks: Mapping[str, Any]) -> Any:
        """What the function gives, or a future of it. Errors: UserError naming a function that raises."""
        own = [of_its_own(sample) for sample in samples]
        with guarded(self):
            if self.form is None:
                said: Any = self.function(**self._arguments(own, hooks))
                return self._loop.begin(said) if inspect.isawaitable(said) else said
            values = [self.form.call(self.function, sample) for sample in own]
            return self._loop.begin(_all_of(values)) if any(map(inspect.isawaitable, values)) else values

    def finish(self, begun: Any, count: int) -> Values:
        """The checked values of what was begun. Errors: UserError naming the function."""
        try:
            values = begun.result(limit()) if isinstance(begun, Future) else begun
            with bounded(self, "reward"):  # it may be a generator
                return numbers(self, map(self._score, values) if self.form else values, count, "completions")
        except UserError:
            raise
        except TimeoutError as error:
            raise (raised(self, error) if begun.done() else took_too_long(self)) from error
        except Exception as error:
            raise raised(self, error) from error

    def _score(self, value: Any) -> Any:
        assert self.form is not None
        score = self.form.score(value)
        return score and score * own_weight(self.function)

    def _arguments(self, samples: Sequence[Sample], hooks: Mapping[str, Any]) -> dict[str, Any]:
        """As TRL makes them, every column of the data among them; `answer` is the gold answer where no column is.

        `log_extra` does nothing: a run's rollouts hold every completion anyway.
        """
        names = dict.fromkeys([*self.columns, *(name for s in samples for name in s.columns)])
        columns = {n: [s.columns.get(n) for s in samples] for n in names if n not in ("prompt", "completion")}
        arguments = {
            "answer": [s.gold for s in samples],
            **columns,
            "prompts": [s.prompt for s in samples],
            "completions": [s.text if isinstance(s.prompt, str) else turns(s.text) for s in samples],
            "completion_ids": [[] if s.token_ids is None else list(s.token_ids) for s in samples],
            "log_extra": lambda *_: None,
            "log_metric": lambda *_: None,
            "trainer_state": None,
            **hooks,
        }
        return {n: value for n, value in arguments.items() if self._open or n in self._parameters}


def function_values(
    rewards: Iterable[LengthReward], samples: Sequence[Sample], hooks: Mapping[str, Any]
) -> list[dict[str, float | None]]:
    """What those rewards that are functions say of the completions of one rank, by name; `hooks` are further arguments.

    Called one after another; those that are async then run together, as under TRL.
    """
    functions = [reward for reward in rewards if isinstance(reward, FunctionReward)] if samples else []
    begun = [function.begin(samples, hooks) for function in functions]
    values = {f.name: f.finish(what, len(samples)) for f, what in zip(functions, begun, strict=True)}
    return [{name: column[place] for name, column in values.items()} for place in range(len(samples))]

"""Rewards as a run calls them: checked, TRL's functions and single terms included."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rewards import Group, History, HistoryView, LengthReward, Monitor, Observer, Problem, Termed
from rewards.types import Values
from rl.errors import UserError, unknown
from rl.plugins.blame import raised

RewardFunction = Callable[..., list[float | None]]
"""TRL's kind: `(prompts, completions, completion_ids, **columns) -> list[float | None]`."""


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


def number(value: Any) -> float | None:
    """A plug-in's value as a finite float; None and NaN both mean "not judged". Errors: ValueError."""
    if value is None:
        return None
    value = float(value)
    if math.isinf(value):
        raise ValueError("an infinite reward; give None where there is nothing to judge")
    return None if math.isnan(value) else value


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

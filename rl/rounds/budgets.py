"""What a schedule's budgets become: a cap for the engine, words in a prompt, a yardstick for rewards."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral

from curricula import BudgetSchedule, ProblemBudget
from curricula.asking import Asking, Variant
from curricula.schedule import Parts, SplitBudget, floored
from rewards import Group, Problem
from rewards.thinking import MARKS
from rewards.types import Prompt
from rl.errors import UserError
from rl.plugins import guarded
from rl.plugins.blame import name_of
from rl.plugins.budgets import rescored
from rl.rounds.ahead import Row
from rl.rounds.round import Sampled

MOST = 2**31 - 1
"""Tokens of a rollout that a file of rollouts can count."""

_PLACES = re.compile(r"\{(prompt|budget|thinking|effort)\}")
PLAIN = Variant("")
"""As any rollout is asked."""


@dataclass(frozen=True)
class Budgets:
    """A schedule, and how its budgets are used; the one place that the trainer asks.

    A rollout is stopped at its budget, unless `cap` (tokens) or `cap_factor` say otherwise. Where
    `in_prompt` is given, the budget is written into the user's turn, anew each round: `{budget}` in it is the
    whole, `{thinking}` that of thinking, where it has one of its own, `{effort}` its name. `asking` says what
    differs within a group. `extra` tokens are what edits may add to a rollout beyond its budget.
    """

    schedule: BudgetSchedule
    in_prompt: str | None = None
    cap: int | None = None
    cap_factor: float = 1.0
    asking: Asking | None = None
    extra: int = 0

    def __post_init__(self) -> None:
        if self.in_prompt is not None:
            places = set(_PLACES.findall(self.in_prompt))
            if "prompt" not in places or len(places) < 2:
                own = " (or {thinking})" if self.splits else ""
                raise UserError(f"budget.in_prompt must hold {{prompt}} and {{budget}}{own}, not {self.in_prompt!r}")
            if "thinking" in places and not self.splits:
                raise UserError("budget.in_prompt: {thinking} goes with budget `split`; else write {budget}")
            if "effort" in places and not self._efforts:
                raise UserError(
                    "budget.in_prompt: {effort} is a budget's name; give budget `sampled` choices that have some, as "
                    "{low: 512, high: 2048}, or write {budget}"
                )
        if self.cap is not None and self.cap_factor != 1.0:
            raise UserError("budget.cap and budget.cap_factor exclude one another; remove one")
        if self.cap is not None and self.cap < self.schedule.maximum:
            raise UserError(
                f"budget.cap ({self.cap}) lies below the schedule's largest budget ({self.schedule.maximum}); raise it"
            )
        if not 1 <= self.cap_factor < math.inf:
            raise UserError(f"budget.cap_factor must be at least 1, not {self.cap_factor}")
        if self.splits and (self.cap is not None or self.cap_factor != 1.0):
            raise UserError("budget.cap and cap_factor go with one budget, not with one of thinking and one of answer")
        if max(self.schedule.maximum, self.cap or 0) > MOST / self.cap_factor:
            raise UserError(f"budget: more tokens than any model's context ({MOST}); lower the schedule, or its cap")

    @property
    def maximum(self) -> int:
        """Tokens that no rollout exceeds; the engine is built for it."""
        return self.cap_of(self.schedule.maximum) + self.closing_room + self.extra

    @property
    def splits(self) -> bool:
        """Whether thinking has a budget of its own."""
        return isinstance(self.schedule, SplitBudget)

    @property
    def _efforts(self) -> Mapping[int, str]:
        """The names of budgets, of thinking's where it has some of its own."""
        return getattr(self.schedule, "efforts", {})

    @property
    def closing_room(self) -> int:
        """Tokens that closing a thought may take, before there is a tokenizer: one for each byte."""
        if not isinstance(self.schedule, SplitBudget):
            return 0
        text = self.schedule.closing or self.schedule.end
        return len(text.encode()) if text is not None else max(len(marks.end.encode()) for marks in MARKS)

    def of(self, step: int, problem: Problem) -> int:
        """The budget in tokens of a problem's rollouts in the round that begins with `step`."""
        with guarded(self.schedule, "budget"):
            if isinstance(self.schedule, SplitBudget):
                return sum(self.schedule.split(step, problem.id))
            if isinstance(self.schedule, ProblemBudget):
                found = self.schedule.for_problem(step, problem.id)
            else:
                found = self.schedule.at(step)
        if not isinstance(found, Integral) or not 1 <= found <= self.schedule.maximum:
            wanted = f"a whole number of tokens from 1 to its maximum, {self.schedule.maximum}"
            raise UserError(f"budget {name_of(self.schedule)!r} gave {found!r} at step {step}; it is to give {wanted}")
        return int(found)

    def parts_of(self, step: int, problem: Problem) -> Parts | None:
        """The budgets of thinking and answer, where they have some of their own."""
        if not isinstance(self.schedule, SplitBudget):
            return None
        with guarded(self.schedule, "budget"):
            return self.schedule.split(step, problem.id)

    def in_force(self, step: int, sampled: Sampled) -> bool:
        """Whether a group that was sampled earlier has the budgets of the round that begins with `step`."""
        problem = sampled.group.problem
        return (sampled.budget, sampled.parts) == (self.of(step, problem), self.parts_of(step, problem))

    def variants(self, step: int, problem: Problem, size: int) -> list[Variant]:
        """How each rollout of a problem's group is asked. Errors: UserError where that cannot be."""
        if self.asking is None:
            return [PLAIN] * size
        with guarded(self.asking, "asking"):
            found = list(self.asking.variants(step, problem.id, size))
        if len(found) != size:
            raise UserError(f"asking {self.asking.name!r} gave {len(found)} variants for {size} rollouts")
        most, parts = self.schedule.maximum, self.parts_of(step, problem)
        for each in found:
            where = f"asking {self.asking.name!r}: variant {each.name!r} has a"
            if each.budget is not None and not 1 <= each.budget <= most:
                raise UserError(f"{where} budget of {each.budget} tokens; the budget schedule has 1 to {most}")
            if parts and each.thinking is not None and not 1 <= each.thinking <= most - parts.answer:
                raise UserError(
                    f"{where} thinking budget of {each.thinking} tokens; beside its {parts.answer} for the answer the "
                    f"budget schedule has 1 to {most - parts.answer}"
                )
        return found

    def row(self, step: int, problem: Problem, written: Problem, budget: int, variant: Variant, seed: int) -> Row:
        """One rollout of a problem, asked as a variant of its group, which is asked as `written` by its `budget`."""
        parts = self.parts_of(step, problem)
        own = budget if variant.budget is None else variant.budget
        if parts is not None and variant.thinking is not None:
            parts = Parts(variant.thinking, parts.answer)
            own = sum(parts) if variant.budget is None else own
        same = own == budget and parts == self.parts_of(step, problem)
        asked = self.varied(written if same else self.written(problem, own, parts), variant, own)
        return Row(asked, own, self.cap_of(own), seed, parts, variant.prefix, variant.name, variant.trains_prefix)

    def longest(self, problem: Problem, size: int) -> list[Problem]:
        """The problem in each wording that a group of `size` is asked it in, with the largest budget written in."""
        most, parts = self.schedule.maximum, self.parts_of(0, problem)
        written = self.written(problem, most, parts and Parts(most - parts.answer, parts.answer))
        wordings = {variant.prompt: variant for variant in [PLAIN, *self.variants(0, problem, size)]}
        return [self.varied(written, variant, most) for variant in wordings.values()]

    def cap_of(self, budget: int) -> int:
        """Where a rollout with this budget is stopped, in tokens."""
        return floored(budget * self.cap_factor) if self.cap is None else self.cap

    def written(self, problem: Problem, budget: int | None, parts: Parts | None = None) -> Problem:
        """The problem with the budget in its prompt, where there is one to write; its id stays."""
        if self.in_prompt is None or budget is None:
            return problem
        named = parts.thinking if parts else budget
        text = self.in_prompt.replace("{effort}", self._efforts.get(named, str(named)))
        return replace(problem, prompt=_write(text, problem.prompt, budget, parts))

    def varied(self, problem: Problem, variant: Variant, budget: int) -> Problem:
        """The problem as a variant of its group is asked it, where its rollouts have this budget."""
        if variant.prompt == PLAIN.prompt:
            return problem
        return replace(problem, prompt=_write(variant.prompt, problem.prompt, budget))

    def rescored(self, group: Group, step: int) -> Group:
        """The group with the budget that its own accuracy gives it, where the schedule looks at that."""
        return rescored(self.schedule, group, step)


def _write(template: str, prompt: Prompt, budget: int, parts: Parts | None = None) -> Prompt:
    if isinstance(prompt, str):
        values = {"prompt": prompt, "budget": str(budget), "thinking": str(parts.thinking) if parts else "{thinking}"}
        return _PLACES.sub(lambda match: values[match.group(1)], template)
    *before, last = prompt
    return [*before, {**last, "content": str(_write(template, last["content"], budget, parts))}]

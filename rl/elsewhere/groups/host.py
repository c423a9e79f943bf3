"""What the hooks of a trainer can, and which methods are refused there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from curricula import BudgetSchedule, Constant, GroupBudget, ProblemBudget
from curricula.schedule import SplitBudget
from rewards import LengthReward, Monitor, Observer
from rl.elsewhere.groups.method import NamedMethod
from rl.errors import UserError
from rl.plugins import is_batch, step_for


@dataclass(frozen=True)
class Host:
    """A trainer, by what its hooks hand over."""

    name: str
    version: str = ""
    """The one that its adapter was written against."""
    batch: bool = False
    """All groups of a step at once; else one group."""
    steps: bool = False
    """The optimiser step."""
    advantages: bool = False
    """Whether advantages are ours to give."""
    evaluation: bool = False
    """Whether it says that it evaluates; else training groups are told by `group_size`."""
    logs: bool = False
    """Whether its hook takes metrics, in which the rollouts that nobody judged are; else a line a step says them."""

    @contextmanager
    def told(self) -> Iterator[None]:
        """In this block what the hook was handed is read. Errors: UserError for what is not as in its `version`."""
        try:
            yield
        except (AttributeError, LookupError, StopIteration, TypeError, ValueError) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise UserError(
                f"{self.name} hands over something else than {self.version} did, which this adapter was written "
                f"against: {said}"
            ) from error


def refuse(method: NamedMethod, rewards: Sequence[LengthReward], schedule: BudgetSchedule, host: Host) -> None:
    """Errors: UserError for what the trainer's hooks cannot do."""
    for reward in rewards:
        named = f"reward {reward.name!r}"
        if isinstance(reward, Monitor):
            raise UserError(f"{named} sets itself by a monitor set, which {host.name} does not have")
        if is_batch(reward) and not host.batch:
            raise UserError(f"{named} looks at the whole batch; the hook of {host.name} hands over one group")
        if isinstance(reward, Observer):
            _require_memory(named, method, host)
    _refuse_schedule(method, schedule, host)
    if not host.steps and (why := by_step(rewards, schedule, method)):
        raise UserError(f"{why}, which {host.name} does not tell its hook")
    if method.advantage is not None and not host.advantages:
        raise UserError(f"{host.name} makes advantages itself: remove `advantage`, and set its own option")


def _require_memory(named: str, method: NamedMethod, host: Host) -> None:
    if method.history is None:
        raise UserError(f"{named} remembers problems from visit to visit: name a file for that, `history: PATH`")
    if not host.evaluation and method.group_size is None:
        raise UserError(
            f"{named} must not remember what is evaluated, and {host.name} does not say when it evaluates: give the "
            "rollouts of a training group as `group_size`, and evaluate with another number"
        )


def _refuse_schedule(method: NamedMethod, schedule: BudgetSchedule, host: Host) -> None:
    name = f"budget {method.budget.name!r}"
    if isinstance(schedule, SplitBudget):
        raise UserError(f"{name} closes thinking by force, which {host.name} does not; give one budget for all")
    if isinstance(schedule, ProblemBudget):
        raise UserError(
            f"{name} states a budget in each prompt, which {host.name} does not; write prompts with their budgets into "
            "the data, and name the column of these as `budget_column`"
        )


def by_step(rewards: Sequence[LengthReward], schedule: BudgetSchedule, method: NamedMethod) -> str | None:
    """What of a method goes by the optimiser step, in words; None: nothing does."""
    for reward in rewards:
        if step_for(reward.batch if is_batch(reward) else reward, 0):
            return f"reward {reward.name!r} goes by the optimiser step"
    if not isinstance(schedule, Constant | GroupBudget):
        return f"budget {method.budget.name!r} changes with the optimiser step"
    return None

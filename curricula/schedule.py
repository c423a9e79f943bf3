"""What a budget schedule is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class BudgetSchedule(Protocol):
    """The one source of the token budget. A pure function of the optimiser step."""

    maximum: int
    """The largest budget it ever gives, in tokens; the rollout engine is built for it."""

    def at(self, step: int) -> int:
        """The budget in tokens of the round whose first update is optimiser step `step` (0-based)."""
        ...

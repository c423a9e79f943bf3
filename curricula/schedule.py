"""What a budget schedule is, and the simplest one."""

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


class Constant:
    """The same budget at every step."""

    name = "constant"

    def __init__(self, tokens: int) -> None:
        if tokens < 1:
            raise ValueError(f"constant: tokens must be at least 1, not {tokens}")
        self.maximum = tokens

    def at(self, step: int) -> int:
        return self.maximum

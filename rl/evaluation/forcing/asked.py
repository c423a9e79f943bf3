"""What a protocol forces, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from rl.errors import UserError


@dataclass(frozen=True)
class Forced:
    """Thinking that is closed at each of several budgets.

    Errors: UserError for budgets that are not positive or do not rise, names that are not one each, and for an answer
    without tokens.
    """

    budgets: tuple[int, ...]
    """Tokens of thinking, its end counted, ascending; one evaluation each."""
    answer: int = 1024
    """Tokens after the end of thinking, or after the closing; 1024 as Elastic Reasoning has it (arXiv 2505.05315)."""
    name: str = "plain"
    """Of the closing; `custom` where it has none."""
    closing: str = "{end}"
    """The text that is forced, the end of thinking in it; until the model is known as `{end}`."""
    fresh_line: bool = False
    """Whether a newline that it begins with is left out where the thought ends with one."""
    efforts: tuple[str, ...] = ()
    """What the budgets are called, low, medium and high, say; empty where they have no names."""

    def __post_init__(self) -> None:
        if not self.budgets or self.budgets[0] < 1:
            raise UserError(f"thinking is closed at budgets of at least 1 token, not at {list(self.budgets)}")
        for one, other in pairwise(self.budgets):
            if other <= one:
                raise UserError(f"the budgets of thinking must rise, and after {one} comes {other}")
        if self.efforts and len({*self.efforts} - {""}) < len(self.budgets):
            raise UserError(
                f"give each budget a name of its own, as low=512,high=2048, or none, not {list(self.efforts)}"
            )
        if self.answer < 1:
            raise UserError(f"an answer needs a budget of at least 1 token, not {self.answer}")

    def effort(self, budget: int) -> str:
        """What a budget is called; "" where it has no name."""
        return self.efforts[self.budgets.index(budget)] if self.efforts else ""

    def only(self, budget: int) -> Forced:
        """The same at one of the budgets."""
        return replace(self, budgets=(budget,), efforts=(self.effort(budget),) if self.efforts else ())

    @property
    def cap(self) -> int:
        """Tokens of the longest completion that ends its thinking by itself."""
        return self.budgets[-1] + self.answer


@dataclass(frozen=True)
class Longer:
    """Thinking that ends too early, and goes on instead. Errors: UserError for counts below 1."""

    times: int = 1
    """How often at most."""
    minimum: int | None = None
    """Tokens of thinking, its end counted, below which it goes on; None: wherever it ends."""
    text: str = "Wait"
    """What stands in the place of the end."""

    def __post_init__(self) -> None:
        for name, value in (("times", self.times), ("minimum", self.minimum)):
            if value is not None and value < 1:
                raise UserError(f"thinking made longer: {name} must be at least 1, not {value}")

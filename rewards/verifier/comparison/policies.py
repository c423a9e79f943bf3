"""What users may differ on, and how deeply expressions are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from rewards.verifier.grammar.trees import Tree

Policy = Literal["units", "percent", "rounding", "order", "names", "form"]
"""What is taken strictly, of which docs/verifier.md has a table."""
POLICIES: tuple[str, ...] = get_args(Policy)
LENIENT: frozenset[str] = frozenset()


class Depth(Protocol):
    """How deeply expressions are compared; None for what it cannot say."""

    def equal(self, gold: Tree, answer: Tree) -> bool | None:
        """Whether two expressions are the same function of their letters."""
        ...

    def near(self, gold: Tree, answer: Tree) -> bool | None:
        """Whether two are the same where one is a decimal, and may be rounded."""
        ...

    def multiple(self, gold: Tree, answer: Tree, directed: bool) -> bool | None:
        """Whether one is the other times a number; a positive one where `directed`."""
        ...


def every(found: Sequence[bool | None]) -> bool | None:
    """Whether all are true: no where one is not, unsure where one is."""
    return True if all(found) else False if False in found else None

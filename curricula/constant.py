"""The simplest budget schedule."""

from __future__ import annotations


class Constant:
    """The same budget at every step."""

    name = "constant"

    def __init__(self, tokens: int) -> None:
        if tokens < 1:
            raise ValueError(f"constant: tokens must be at least 1, not {tokens}")
        self.maximum = tokens

    def at(self, step: int) -> int:
        return self.maximum

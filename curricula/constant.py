"""The simplest budget schedule."""

from __future__ import annotations

from curricula.schedule import whole


class Constant:
    """The same budget of `tokens` at every step."""

    name = "constant"
    source = "DLER (arXiv 2510.15110) and most others"

    def __init__(self, tokens: int) -> None:
        whole(self.name, tokens=tokens)
        self.maximum = tokens

    def at(self, step: int) -> int:
        return self.maximum

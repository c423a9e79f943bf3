"""The same text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rewards.types import Verdict
from rewards.verifier.base import InProcess
from rewards.verifier.reading import Place, Reading


class ExactMatch(InProcess):
    """Whether the answer is the gold answer to the letter, runs of white space taken as one space.

    `case=False` lets upper and lower case be the same.
    """

    name = "exact"
    takes_aliases = True

    def __init__(
        self,
        places: Sequence[Place] = ("box",),
        thinking: Literal["if-begun", "required", "ignored"] = "if-begun",
        strict: bool = True,
        case: bool = True,
    ) -> None:
        super().__init__(Reading(places, thinking, strict))
        self.case = case

    def compare(self, gold: str, answer: str) -> Verdict:
        g, a = self._plain(gold), self._plain(answer)
        return Verdict.CORRECT if g and g == a else Verdict.WRONG

    def _plain(self, text: str) -> str:
        text = " ".join(text.split())
        return text if self.case else text.casefold()

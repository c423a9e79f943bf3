"""LoongRL's two-way substring match, as a verifier for long-context answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rewards.substring import Substring, paper_match, strict_match
from rewards.types import Verdict
from rewards.verifier.base import InProcess
from rewards.verifier.reading import Place, Reading


class SubstringMatch(InProcess):
    """Whether gold answer or prediction contains the other; `mode` as `rewards.substring.Substring` has it."""

    name = "substring"
    takes_aliases = True

    def __init__(
        self,
        places: Sequence[Place] = ("box",),
        thinking: Literal["if-begun", "required", "ignored"] | None = None,
        strict: bool = True,
        mode: Literal["strict", "paper"] = "strict",
    ) -> None:
        self.mode = Substring(mode).mode
        super().__init__(Reading(places, thinking or ("if-begun" if mode == "strict" else "required"), strict))

    def compare(self, gold: str, answer: str) -> Verdict:
        matches = strict_match if self.mode == "strict" else paper_match
        return Verdict.CORRECT if gold.strip() and matches(answer, gold) else Verdict.WRONG

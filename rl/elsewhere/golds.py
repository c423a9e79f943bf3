"""Gold answers as another trainer hands them over: columns that nobody has looked at yet."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from rewards.verifier import Verifier
from rewards.verifier.function import FunctionVerifier
from rl.plugins import readable
from rl.problems.golds import Refused, gold_text, is_prose


class Golds:
    """A column of answers as a recipe reads it, and as the verifier can."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier
        self._read: dict[str, str | None] = {}

    def of(self, answers: Sequence[Any]) -> list[str | None]:
        """Each row's gold answer; None where there is none, which is told of once a value."""
        names = [f"{type(answer).__name__} {answer!r}" for answer in answers]
        for name, answer in dict(zip(names, answers, strict=True)).items():
            if name not in self._read:
                gold, why = self._gold(answer)
                self._read[name] = gold
                if why:
                    warnings.warn(f"rows with the answer {repr(answer)[:60]} get no reward: {why}", stacklevel=3)
        return [self._read[name] for name in names]

    def _gold(self, answer: Any) -> tuple[str | None, str]:
        """The answer, or why there is none."""
        if answer is None:
            return None, "it is none"
        try:
            gold = gold_text(answer, "answer")
        except Refused as refused:
            return None, str(refused)
        prose = is_prose(answer) and not isinstance(self.verifier, FunctionVerifier)
        if not gold or prose or not readable(self.verifier, [gold])[0]:
            return None, "the verifier cannot read it"
        return gold, ""

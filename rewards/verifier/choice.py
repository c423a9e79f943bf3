"""The letter of a multiple-choice answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from rewards.types import Verdict
from rewards.verifier.base import InProcess
from rewards.verifier.reading import Place, Reading

_LETTER = re.compile(
    r"(?:(?:option|choice|answer)\s*:?\s*)?[(\[]?\s*([A-Za-z])\s*(?:[)\].:](?:\s.*)?)?", re.DOTALL | re.IGNORECASE
)
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")


class MultipleChoice(InProcess):
    """Whether the answer names the gold answer's letter: `C`, `(c)`, `\\text{(C)}`, `Option C`, `C) 12 cm`.

    `choices` are the letters there are; another letter, or none, is `unparsable`. Several are wrong.
    """

    name = "choice"

    def __init__(
        self,
        places: Sequence[Place] = ("box",),
        thinking: Literal["if-begun", "required", "ignored"] = "if-begun",
        strict: bool = True,
        choices: str = "ABCDEFGHIJ",
    ) -> None:
        super().__init__(Reading(places, thinking, strict))
        self.choices = choices.upper()

    def compare(self, gold: str, answer: str) -> Verdict:
        right, letters = self._letter(gold), [self._letter(part) for part in _parts(answer)]
        if None in letters:
            return Verdict.UNPARSABLE
        return Verdict.CORRECT if letters == [right] else Verdict.WRONG

    def _letter(self, text: str) -> str | None:
        match = _LETTER.fullmatch(_TEXT.sub(r"\1", text).strip().strip("$*").strip())
        letter = match[1].upper() if match else ""
        return letter if letter and letter in self.choices else None


def _parts(answer: str) -> list[str]:
    r"""The answer, or each letter of one such as `A, C` or `A \text{ or } C`."""
    plain = _TEXT.sub(r"\1", answer)
    parts = re.split(r"\s*(?:,|/|;|&|\band\b|\bor\b)\s*", plain)
    return parts if len(parts) > 1 and all(len(part.strip("()[]$. ")) == 1 for part in parts) else [plain]

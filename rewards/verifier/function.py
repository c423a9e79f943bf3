"""A judge of one's own: a function, called in a worker process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rewards.types import Verdict
from rewards.verifier.base import InWorkers
from rewards.verifier.reading import Place, Reading
from rewards.verifier.workers import Workers


class FunctionVerifier(InWorkers):
    """`function(gold, answer)`, by name: `package.module:name` or `path/to/file.py:name`.

    It gives a bool, a share in [0, 1] (only 1 is correct), the name of a verdict, or None: unparsable. One
    that raises is named in a warning, its item `crashed`. With `of="completion"` it gets all that follows
    the thinking instead of the answer. It runs in a fresh process that imports the function and nothing of
    the trainer's, within `seconds` and `memory` (MB) an item; `options` are passed on to it.
    """

    name: str

    def __init__(
        self,
        function: str,
        of: Literal["answer", "completion"] = "answer",
        places: Sequence[Place] = ("box",),
        thinking: Literal["if-begun", "required", "ignored"] = "if-begun",
        strict: bool = True,
        workers: int = 2,
        seconds: float = 5.0,
        memory: int = 2048,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if of not in ("answer", "completion"):
            raise ValueError(f"of must be 'answer' or 'completion', not {of!r}")
        super().__init__(Workers(function, options or {}, workers, seconds, memory))
        self.of, self.reading = of, Reading(places, thinking, strict)
        if not hasattr(self, "name"):
            self.name = function

    def settle(self, gold: str, completion: str) -> Verdict | str:
        if self.of == "completion":
            text = self.reading.after_thinking(completion)
            return Verdict.UNPARSABLE if text is None else text
        answer, hedged = self.reading.find(completion)
        if answer is None:
            return Verdict.UNPARSABLE
        return Verdict.WRONG if hedged else answer

    def readable(self, answers: Sequence[str]) -> list[bool]:
        """Whether there is an answer at all: what it means only the function knows."""
        return [bool(answer.strip()) for answer in answers]

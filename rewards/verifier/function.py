"""A judge of one's own: a function, called in a worker process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rewards.texts import require_lists
from rewards.types import Verdict
from rewards.verifier.base import InWorkers
from rewards.verifier.judge import Judge, load
from rewards.verifier.reading import Place, Reading
from rewards.verifier.workers import Workers


class FunctionVerifier(InWorkers):
    """`function(gold, answer)`, by name: `package.module:name` or `path/to/file.py:name`; `async def`, too.

    It gives a bool, a share in [0, 1] (only 1 is correct), the name of a verdict, or None: unparsable. One
    that raises is named in a warning, its item `crashed`. `of` says what it gets: the `answer`, the
    `completion` after its thinking, or the `whole` of it. A function of another trainer (`rewards.signatures`)
    is known by its parameters and gets the whole, others the answer, unless `of` says otherwise; its score of
    1 is correct. It runs in a fresh process that imports the function and nothing of the trainer's, within
    `seconds` of the processor (ten times that on the clock) and `memory` (MB) an item; `options` are passed on to it.

    Errors: ValueError naming parameters that nobody gives.
    """

    name: str

    def __init__(
        self,
        function: str,
        of: Literal["answer", "completion", "whole"] | None = None,
        places: Sequence[Place] = ("box",),
        thinking: Literal["if-begun", "required", "ignored"] = "if-begun",
        strict: bool = True,
        workers: int = 2,
        seconds: float = 5.0,
        memory: int = 2048,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if of not in ("answer", "completion", "whole", None):
            raise ValueError(f"of must be 'answer', 'completion' or 'whole', not {of!r}")
        self.called = Judge(load(function), options or {})
        super().__init__(Workers(function, options or {}, workers, seconds, memory))
        self.of = of or ("whole" if self.called.form else "answer")
        self.reading = Reading(places, thinking, strict)
        if not hasattr(self, "name"):
            self.name = function

    def settle(self, gold: str, completion: str) -> Verdict | str:
        if self.of == "whole":
            return completion
        if self.of == "completion":
            text = self.reading.after_thinking(completion)
            return Verdict.UNPARSABLE if text is None else text
        answer, hedged = self.reading.find(completion)
        if answer is None:
            return Verdict.UNPARSABLE
        return Verdict.WRONG if hedged else answer

    def readable(self, answers: Sequence[str]) -> list[bool]:
        """Whether there is an answer at all: what it means only the function knows."""
        require_lists(answers=answers)
        return [bool(answer.strip()) for answer in answers]

"""Mathematical equality: a fast path in this process, the full check in workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rewards.texts import require_lists
from rewards.types import Verdict
from rewards.verifier.base import InWorkers
from rewards.verifier.comparison.policies import POLICIES, Policy
from rewards.verifier.latex import is_readable_size, read
from rewards.verifier.quick import compare
from rewards.verifier.reading import Place, Reading
from rewards.verifier.workers import Workers


class MathVerifier(InWorkers):
    """Whether the answer equals the gold answer as mathematics.

    What counts as the answer is `rewards.verifier.reading`'s matter (`places`, `thinking`, `strict`). Most
    answers are settled in microseconds by `rewards.verifier.quick`; the rest by `rewards.verifier.full` in one of
    `workers` processes, each item within `seconds` of the processor and `memory` (MB). `unparsable`: no
    answer, or one that is longer than 2,000 characters, nested deeper than 50, or not to be parsed.
    `timed_out`: over its limits. `crashed`: the gold answer cannot be parsed, or ten workers died of this item.
    `strictness` names what is taken strictly of `units`, `percent`, `rounding`, `order`, `names` and `form`; what each
    changes is in docs/verifier.md.
    """

    name = "math"

    def __init__(
        self,
        places: Sequence[Place] = ("box",),
        thinking: Literal["if-begun", "required", "ignored"] = "if-begun",
        strict: bool = True,
        workers: int = 2,
        seconds: float = 2.0,
        memory: int = 2048,
        strictness: Sequence[Policy] | Policy = (),
    ) -> None:
        self.strictness = frozenset[str]([strictness] if isinstance(strictness, str) else strictness)
        for policy in self.strictness - {*POLICIES}:
            raise ValueError(f"strictness must be among {', '.join(POLICIES)}, not {policy!r}")
        options = {"strictness": sorted(self.strictness)} if self.strictness else {}
        super().__init__(Workers("rewards.verifier.full:judge", options, workers, seconds, memory))
        self.reading = Reading(places, thinking, strict)

    def settle(self, gold: str, completion: str) -> Verdict | str:
        answer, hedged = self.reading.find(completion)
        if not answer:
            return Verdict.UNPARSABLE
        right = compare(gold.strip(), answer, self.strictness)
        if right is None and not is_readable_size(answer):
            return Verdict.UNPARSABLE
        if hedged or right is False:
            return Verdict.WRONG
        return Verdict.CORRECT if right else answer

    def readable(self, answers: Sequence[str]) -> list[bool]:
        """Whether each answer parses and equals itself. Answers of more than 2,000 characters do not."""
        require_lists(answers=answers)
        plain = [answer.strip() for answer in answers]
        can = {answer: read(answer) is not None for answer in dict.fromkeys(plain)}
        verdicts = self.ask([(a, a) for a, found in can.items() if not found and is_readable_size(a)])
        return [can[a] or verdicts.get((a, a)) is Verdict.CORRECT for a in plain]

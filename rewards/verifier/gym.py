"""reasoning_gym's own judges: each of its data sets scores answers in its own way.

A gold answer is the data set's whole entry as JSON, as `gold` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from rewards.texts import require_lists
from rewards.verifier.function import FunctionVerifier
from rewards.verifier.reading import Place


class ReasoningGym(FunctionVerifier):
    """reasoning_gym's `score_answer` of the entry that the gold answer holds; correct from `at_least` on.

    The data sets give part marks for answers in the wrong form: only the whole mark is right by default.
    Needs the package: `pip install lengthwise[gym]`.
    """

    name = "reasoning-gym"

    def __init__(
        self,
        places: Sequence[Place] = ("box", "tag"),
        thinking: Literal["if-begun", "required", "ignored"] = "if-begun",
        strict: bool = True,
        at_least: float = 1.0,
        workers: int = 2,
        seconds: float = 5.0,
        memory: int = 2048,
    ) -> None:
        if not 0 < at_least <= 1:
            raise ValueError(f"at_least must be in (0, 1], not {at_least}")
        options = {"at_least": at_least}
        judge = "rewards.verifier.gym:judge"
        super().__init__(judge, "answer", places, thinking, strict, workers, seconds, memory, options)

    def readable(self, answers: Sequence[str]) -> list[bool]:
        """Whether each is an entry that names its data set."""
        require_lists(answers=answers)
        return [_entry(answer) is not None for answer in answers]


def gold(entry: Mapping[str, Any]) -> str:
    """The gold answer for an entry of a reasoning_gym data set."""
    return json.dumps({"answer": entry["answer"], "metadata": entry["metadata"]}, default=str)


def judge(gold: str, answer: str, at_least: float) -> str:
    """In a worker: the data set's own score, as a verdict."""
    entry = _entry(gold)
    if entry is None:
        return "crashed"
    return "correct" if _scorer(entry["metadata"]["source_dataset"])(answer, entry) >= at_least else "wrong"


def _entry(answer: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(answer)
        return entry if isinstance(entry["metadata"]["source_dataset"], str) else None
    except (ValueError, TypeError, KeyError):
        return None


@lru_cache(maxsize=64)
def _scorer(dataset: str) -> Any:
    from reasoning_gym import get_score_answer_fn

    return get_score_answer_fn(dataset)


def warm() -> None:
    """Import the package before the workers are forked."""
    import reasoning_gym  # noqa: F401

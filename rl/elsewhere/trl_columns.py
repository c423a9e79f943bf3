"""What a stock trainer tells a reward besides completions: gold answers, what ends a completion, who calls."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import GenerationConfig

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


def caller(hooks: Mapping[str, Any]) -> Any:
    """The trainer that calls, whose own method the hook `log_metric` is; None where nobody's is given."""
    return getattr(hooks.get("log_metric"), "__self__", None)


def declared_ends(name: str) -> set[int]:
    """What ends a completion by the generation config that lies beside a tokenizer, on this machine."""
    try:
        ends = GenerationConfig.from_pretrained(name, local_files_only=True).eos_token_id
    except (OSError, ValueError):
        return set()
    return {ends} if isinstance(ends, int) else set(ends or ())

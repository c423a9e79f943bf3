"""Every rollout made to begin alike: in a mode, or past its thinking (arXiv 2504.09858)."""

from __future__ import annotations

from collections.abc import Sequence

from curricula.asking import Variant


class Begin:
    """All rollouts are forced to begin with `text`, as `<think>` where a model may do without it.

    NoThinking is the text `Okay, I think I have finished thinking.\\n</think>\\n\\n`. What is forced does not train.
    """

    name = "begin"
    source = "arXiv 2504.09858"

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("begin: there must be a text")
        self.variant = Variant("", text)

    def variants(self, step: int, problem_id: str, size: int) -> Sequence[Variant]:
        return [self.variant] * size

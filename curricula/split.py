"""A budget for thinking and one for the answer (arXiv 2505.05315)."""

from __future__ import annotations

from curricula.schedule import Parts, whole


class Split:
    """`thinking` and `answer` tokens; thinking that has used up its own is closed by the text `closing`.

    `end` is the text that ends thinking, by default the tokenizer's own; `closing` is by default that text alone.
    Elastic Reasoning trains the closing too: `trains_closing`.
    """

    name = "split"
    source = "arXiv 2505.05315"

    def __init__(
        self,
        thinking: int,
        answer: int,
        closing: str | None = None,
        end: str | None = None,
        trains_closing: bool = False,
    ) -> None:
        whole(self.name, thinking=thinking, answer=answer)
        self.parts, self.closing, self.end, self.trains_closing = Parts(thinking, answer), closing, end, trains_closing
        self.maximum = thinking + answer

    def at(self, step: int) -> int:
        return self.maximum

    def split(self, step: int, problem_id: str) -> Parts:
        """The budgets in tokens."""
        return self.parts

"""BRPO, of AnytimeReasoner: summaries forced at fixed lengths of thinking (arXiv 2505.13438)."""

from __future__ import annotations

from collections.abc import Sequence

from rewards.edits import Branch, Change, Keep
from rewards.history import HistoryView
from rewards.shaped import at_least
from rewards.types import Group

CUT = "...\n\n...\n\n</think>"
SUMMARY = "\n\n**Final Answer**\n"


class Brpo:
    """Of each thinking, `summaries` sampled answers at each of `lengths` tokens, at most `tokens` long.

    A thinking that is over before a length is taken whole there; where it ended without its end, its summaries are
    worth nothing. `cut` is forced where thinking goes on, `summary` in any case; what is forced does not train. The
    group is each tree's thinking, then its summaries by length: a group of `size` is size / (1 + lengths · summaries)
    trees. Reward `brpo` judges summaries, token credit `brpo` gives thinking the advantages of its parts.
    """

    name = "brpo"
    source = "arXiv 2505.13438"

    def __init__(
        self,
        lengths: Sequence[int] = (2000, 4000, 6000, 8000),
        summaries: int = 4,
        tokens: int = 118,
        cut: str = CUT,
        summary: str = SUMMARY,
    ) -> None:
        at_least(self.name, 1, summaries=summaries, tokens=tokens)
        if not lengths or list(lengths) != sorted(set(lengths)) or lengths[0] < 1:
            raise ValueError(f"brpo: lengths must rise from at least 1, not {list(lengths)}")
        self.lengths, self.summaries, self.tokens = tuple(lengths), summaries, tokens
        self.cut, self.summary = cut, summary
        self.extra = tokens + len((cut + summary).encode())

    @property
    def tree(self) -> int:
        """Rollouts of one tree."""
        return 1 + len(self.lengths) * self.summaries

    def sampled(self, size: int) -> int:
        trees, odd = divmod(size, self.tree)
        if odd or not trees:
            raise ValueError(
                f"brpo: {len(self.lengths)} lengths and {self.summaries} summaries make trees of {self.tree}, of which "
                f"a group is made; {size} is no multiple"
            )
        return trees

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        changes: list[Change] = []
        for place, whole in enumerate(group.rollouts):
            changes.append(Keep(place))
            ended = whole.thinking > 0 and whole.answer > 0
            over = whole.thinking if ended else whole.length  # the end of thinking is its last token
            for length in self.lengths:
                closed = length >= over and (ended or whole.stop == "eos")
                at, text = (over, self.summary) if closed else (min(length, over), self.cut + self.summary)
                changes += [Branch(place, at, text, self.tokens)] * self.summaries
        return changes

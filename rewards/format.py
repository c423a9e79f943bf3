"""Is the answer laid out as asked: thinking in one pair of tags, the answer in another."""

from __future__ import annotations

from rewards.history import HistoryView
from rewards.shaped import at_least, of_judged
from rewards.types import Group, Rollout, Values


class TagFormat:
    """R = a_think · I[one `<think>…</think>`] + a_answer · I[one `<answer>…</answer>`].

    A pair counts if each of its tags stands exactly once, in order, and it does not overlap the
    other pair (Train Long, Think Short, arXiv 2508.08940; the weights are not stated there). That the
    prompt already opens the thinking, as many chat templates do, is seen by itself; where only the
    texts are known, as in stock TRL's logs, set `opened`.
    """

    name = "format"
    source = "arXiv 2508.08940"
    group_only = True

    def __init__(self, a_think: float = 0.5, a_answer: float = 0.5, opened: bool = False) -> None:
        at_least(self.name, 0, a_think=a_think, a_answer=a_answer)
        self.a_think, self.a_answer, self.opened = a_think, a_answer, opened

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return of_judged(group, self.of)

    def of(self, rollout: Rollout) -> float:
        """The reward of one rollout, what its prompt had begun counted."""
        return self.score(rollout.text if self.opened else rollout.read)

    def score(self, text: str) -> float:
        """The reward of one completion, in [0, a_think + a_answer]."""
        if self.opened:
            text = "<think>" + text
        think, answer = _pair(text, "think"), _pair(text, "answer")
        if think and answer and not (think[1] <= answer[0] or answer[1] <= think[0]):
            return 0.0
        return self.a_think * bool(think) + self.a_answer * bool(answer)


def _pair(text: str, tag: str) -> tuple[int, int] | None:
    """Where the only well-formed pair of `tag` begins and ends."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    if text.count(opening) != 1 or text.count(closing) != 1:
        return None
    start, end = text.index(opening), text.index(closing)
    return (start, end + len(closing)) if start < end else None

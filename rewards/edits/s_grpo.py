"""S-GRPO: early exits from one path of thinking (arXiv 2505.07686)."""

from __future__ import annotations

import random

from rewards.edits import Branch, Change, Keep
from rewards.history import HistoryView
from rewards.shaped import at_least
from rewards.types import Group

EXIT = "Time is limited, stop thinking and start answering.\n</think>\n\n"


class SGrpo:
    """Of one rollout, size - 1 exits at places drawn from its thinking; each ends it by `text`, and answers.

    The group is the exits by their place, then the rollout itself, as reward `s-grpo` wants them. Places are uniform in
    1, …, n tokens of thinking, 0 where there is none before its end. `answer` is the most tokens that an exit may
    answer in. A branch's advantage goes to the thinking that it shares as well, as the paper has it by what we read;
    `trains_shared: false` trains answers only, `trains_text` the exit's text, too. No official code was found, so both
    are switches.
    """

    name = "s-grpo"
    source = "arXiv 2505.07686"

    def __init__(
        self, answer: int = 1024, text: str = EXIT, trains_shared: bool = True, trains_text: bool = False
    ) -> None:
        at_least(self.name, 1, answer=answer)
        self.answer, self.text = answer, text
        self.trains_shared, self.trains_text = trains_shared, trains_text
        self.extra = answer + len(text.encode())

    def sampled(self, size: int) -> int:
        if size < 2:
            raise ValueError(f"s-grpo: a group is a rollout and its exits, at least 2; got {size}")
        return 1

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        (whole,) = group.rollouts
        most = (whole.thinking or whole.length) - 1  # the last one ends thinking, or the rollout
        draw = random.Random(seed)
        places = sorted(min(draw.randint(1, max(1, most)), most) for _ in range(size - 1))
        return [*(self._exit(place) for place in places), Keep(0)]

    def _exit(self, place: int) -> Branch:
        return Branch(0, place, self.text, self.answer, self.trains_shared, self.trains_text)

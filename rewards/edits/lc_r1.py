"""LC-R1: what a thought says after its answer is taken out (arXiv 2506.14755)."""

from __future__ import annotations

from rewards.edits import Change, Cut, Keep
from rewards.first_right import first_right
from rewards.history import HistoryView
from rewards.thinking import before_end
from rewards.types import Group, Rollout


class LcR1:
    """Of a right rollout, the thinking after its first right answer; the end of thinking and the answer stay.

    The paper has a fine-tuned model find that place; here it is `rewards.first_right`, and where that finds none the
    rollout stays as it is. Nobody sampled what remains, so log-probs of the sampler count no further than the cut.
    """

    name = "lc-r1"
    source = "arXiv 2506.14755"
    reads_text = True

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        golds, question = group.problem.golds, str(group.problem.prompt)
        return [self._change(place, r, golds, question) for place, r in enumerate(group.rollouts)]

    def _change(self, place: int, rollout: Rollout, golds: list[str], question: str) -> Change:
        thought = before_end(rollout.text)
        if rollout.raw_reward != 1.0 or thought is None:
            return Keep(place)
        found = first_right(thought, golds, question)
        if found is None or not thought[found:].strip():
            return Keep(place)
        start = max(rollout.tokens_until(len(thought[:found].rstrip())), rollout.tokens_within(found))
        stop = rollout.tokens_within(len(thought))  # what the mark begins in is the mark's
        return Cut(place, start, stop) if start < stop else Keep(place)

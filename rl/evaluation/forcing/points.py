"""The same thinking closed at each of several budgets: an evaluation of its own at each, from one sampling.

What was thought is cut at a budget, the closing forced, and an answer sampled after it. Thinking that had ended by
itself within the budget keeps its answer, cut where it is longer than answers may be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import Verifier
from rl.evaluation.caps import at_caps
from rl.evaluation.forcing.asked import Forced
from rl.evaluation.forcing.ids import Ids
from rl.evaluation.forcing.places import place_of
from rl.evaluation.parts import Parts
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Evaluation, Row
from rl.evaluation.sampling import Answerer, Question, answered
from rl.prompts import encode_prompts
from rl.ranks import found_by_main, is_main_process


@dataclass(frozen=True)
class Closing:
    """What the thinking of one evaluation's answers is closed with, and who answers then."""

    problems: Sequence[Problem]
    """As they were put to the model."""
    verifier: Verifier
    protocol: Protocol
    """One that says what is forced."""
    tokenizer: PreTrainedTokenizerBase
    model: str
    """By name."""
    open_answerer: Callable[[], Answerer]
    out: Path | None
    """Where the plain evaluation is kept, and these beside it."""
    batch: int
    """Answers to keep at a time."""

    def check(self) -> None:
        """Errors: UserError where another evaluation lies in the place of one of these."""
        for budget in self._forced.budgets:
            parts = self._parts(budget)
            if parts:
                parts.check()

    def points(self, plain: Evaluation) -> dict[int, Evaluation]:
        """At each budget the evaluation, which has every row that `plain` has; what is there is not sampled again.

        Errors: UserError as of `check`.
        """
        found = {}
        for budget in self._forced.budgets:
            protocol, parts = self.protocol.closed_at(budget), self._parts(budget)
            point = found_by_main(parts.finished) if parts else None
            if point is None:
                point = Evaluation(self._rows(plain.rows, budget, protocol, parts), protocol, self.model)
                if parts and is_main_process():
                    parts.finish(point)
            found[budget] = point
        return found

    def _parts(self, budget: int) -> Parts | None:
        if self.out is None:
            return None
        return Parts(place_of(self.out, budget), self.model, self.protocol.closed_at(budget))

    @property
    def _forced(self) -> Forced:
        if self.protocol.forced is None:
            raise ValueError("the protocol closes nothing by force")
        return self.protocol.forced

    def _rows(self, rows: Sequence[Row], budget: int, protocol: Protocol, parts: Parts | None) -> list[Row]:
        ids, answer = Ids.of(self.tokenizer, self.protocol), self._forced.answer
        thinking = ids.thinking(rows)
        whole = [i for i, tokens in enumerate(thinking) if tokens <= budget]
        cut = [i for i, tokens in enumerate(thinking) if tokens > budget]
        by_id = {problem.id: problem for problem in self.problems}
        own = at_caps(
            [rows[i] for i in whole],
            [thinking[i] + answer for i in whole],
            by_id,
            self.tokenizer,
            self.verifier,
            protocol.truncated,
        )
        found = {i: _told(row, budget, None, thinking[i], 0) for i, row in zip(whole, own, strict=True)}
        found |= zip(cut, self._closed(rows, cut, budget, ids, protocol, parts), strict=True)
        return [found[i] for i in range(len(rows))]

    def _closed(
        self, rows: Sequence[Row], cut: Sequence[int], budget: int, ids: Ids, protocol: Protocol, parts: Parts | None
    ) -> list[Row]:
        """The rows at the places `cut`, whose thinking does not end within the budget."""
        if not cut:
            return []
        prompts = encode_prompts(self.tokenizer, self.problems, protocol.chat_options)
        closings = [self._closing(rows[i]["token_ids"][:budget], ids) for i in cut]
        asked = []
        for i, (_, closing) in zip(cut, closings, strict=True):
            place, prefix = i // protocol.samples, (*rows[i]["token_ids"][:budget], *closing)
            budgeted = len(prefix) + self._forced.answer
            asked.append(Question(place, rows[i]["sample"], prompts[place], budgeted, prefix, closed=True))
        found = answered(self.open_answerer(), asked, self.problems, self.verifier, protocol, parts, self.batch)
        return [
            _told(row, budget, text, budget, len(closing)) for row, (text, closing) in zip(found, closings, strict=True)
        ]

    def _closing(self, thought: Sequence[int], ids: Ids) -> tuple[str, tuple[int, ...]]:
        """What closes a thought, as text and as token ids."""
        forced = self._forced
        if forced.fresh_line and str(self.tokenizer.decode(list(thought[-1:]))).endswith("\n"):
            return forced.closing.removeprefix("\n"), ids.after_newline
        return forced.closing, ids.closing


def _told(row: Row, budget: int, closing: str | None, thinking: int, closed_by: int) -> Row:
    """A row with what became of its thinking; `closed_by`: tokens that were forced."""
    answer = row["length"] - thinking - closed_by
    return {**row, "force_at": budget, "closing": closing, "thinking": thinking, "answered": answer}

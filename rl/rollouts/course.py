"""Rollouts with a forced prefix, or with a budget for thinking and one for the answer, made of plain pieces.

What samples draws tokens after a prompt up to a budget, and knows nothing else. The course of a rollout says what it
is to draw next: after the prefix up to the thinking budget; then, where thinking has ended by itself, what is left of
the answer, else the answer after the closing. What was drawn beyond the answer's budget is cut off.

A rollout that was paused goes on within a piece: what there is of it is taken again, piece by piece, and then it
stands where it stood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rewards.compact import log_probs, token_ids
from rewards.types import Stop
from rl.errors import UserError
from rl.rollouts.ask import Ask, Begun, Completion, Segments, within
from rl.thinking import first_end

Plain = Callable[[Sequence[Ask]], list[Completion]]
"""Answers asks that have neither prefix nor thinking, in their order."""


def whole(asks: Sequence[Ask], plain: Plain) -> list[Completion]:
    """One completion an ask, by as many calls of `plain` as the one with the most pieces needs."""
    if not any(ask.prefix or ask.thinking or ask.begun for ask in asks):
        return plain(asks)
    courses = [Course(ask) for ask in asks]
    while pieces := [(course, piece) for course in courses if (piece := course.ask()) is not None]:
        done = plain([piece for _, piece in pieces])
        for (course, _), completion in zip(pieces, done, strict=True):
            course.take(completion)
    return [course.completion() for course in courses]


class Course:
    """One rollout as it goes on: `ask` and `take` by turns until there is nothing more to ask, then `completion`."""

    def __init__(self, asked: Ask) -> None:
        """Errors: UserError for a prefix that leaves no token of the budget."""
        if len(asked.prefix) >= asked.budget:
            raise UserError(
                f"a prefix of {len(asked.prefix)} tokens leaves nothing of a budget of {asked.budget}: make the "
                "budget larger, or the prefix shorter"
            )
        self.asked = asked
        self._ids = np.zeros(0, np.int32)
        self._logprobs = np.zeros(0, np.float32)
        self._forced: list[tuple[int, int]] = []
        self._segments: list[tuple[int | None, int]] = []
        self._stop: Stop | None = None
        self._thinks = asked.thinking is not None
        """Whether its thinking has a budget, and goes on."""
        self._closed = False
        self._limit = min(asked.budget, asked.thinking.budget) if asked.thinking else asked.budget
        """Tokens at which the present piece is cut."""
        self._force(asked.prefix)
        self._go_on(ended=False)
        if asked.begun is not None:
            self._take_again(asked.begun)

    def ask(self) -> Ask | None:
        """What is to be sampled next, without prefix or thinking; None once the rollout has ended."""
        if self._stop is not None:
            return None
        made, asked = len(self._ids), self.asked
        prompt = [*asked.prompt, *self._ids.tolist()] if made else asked.prompt
        return replace(
            asked,
            prompt=prompt,
            budget=self._limit - made,
            prefix=(),
            thinking=None,
            place=asked.place + made,
            begun=None,
        )

    def take(self, completion: Completion) -> None:
        """What was sampled for the last `ask`."""
        drawn = ((completion.weight_version, len(completion.token_ids)),)
        self._add(completion.token_ids, completion.logprobs, completion.segments or drawn)
        self._go_on(completion.stop == "eos")

    def take_some(self, begun: Begun) -> None:
        """What was sampled for the last `ask` before it was paused; the next thing then is `begun`."""
        self._add(begun.token_ids, begun.logprobs, begun.segments)

    def begun(self) -> Begun:
        """What there is of the rollout."""
        segments = within(self._segments, len(self._ids))
        return Begun(token_ids(self._ids.tobytes()), log_probs(self._logprobs.tobytes()), segments)

    def completion(self) -> Completion:
        """The rollout, by the oldest of the weights that drew it. Errors: RuntimeError while it has not ended."""
        if self._stop is None:
            raise RuntimeError("the rollout goes on")
        segments = within(self._segments, len(self._ids))
        return Completion(
            token_ids(self._ids.tobytes()),
            self._stop,
            log_probs(self._logprobs.tobytes()) if self.asked.logprobs else (),
            min((version for version, _ in self._segments if version is not None), default=None),
            tuple(self._forced),
            segments if len(segments) > 1 else (),
        )

    def _take_again(self, begun: Begun) -> None:
        """What was there when it was paused, by the pieces that it came in; what was forced is forced again."""
        count = len(begun.token_ids)
        while (made := len(self._ids)) < count and (piece := self.ask()) is not None:
            part = slice(made, made + piece.budget)
            self._add(begun.token_ids[part], begun.logprobs[part], ())
            self._go_on(ended=False)
        self._segments = list(begun.segments)

    def _add(self, ids: Sequence[int], logprobs: Sequence[float], segments: Segments) -> None:
        made = len(self._ids)
        self._ids = np.concatenate([self._ids, np.asarray(ids, np.int32)])
        self._logprobs = np.concatenate([self._logprobs, np.asarray(logprobs, np.float32)])
        for version, end in segments:
            if self._segments and self._segments[-1][0] == version:
                self._segments.pop()
            self._segments.append((version, made + end))

    def _go_on(self, ended: bool) -> None:
        """See where it stands; `ended`: by an EOS."""
        thinking, budget = self.asked.thinking, self.asked.budget
        if thinking is not None and self._thinks:
            end = first_end(self._ids, thinking.end)
            if end is not None:
                self._thinks = False
                self._limit = min(budget, max(end, len(self.asked.prefix)) + thinking.answer)
                ended = ended and len(self._ids) <= self._limit
                self._ids, self._logprobs = self._ids[: self._limit], self._logprobs[: self._limit]
            elif not ended and len(self._ids) >= self._limit:
                self._thinks, self._closed = False, True
                self._force(thinking.closing[: budget - len(self._ids)])
                self._limit = min(budget, len(self._ids) + thinking.answer)
        if ended:
            self._stop = "closed" if self._closed else "eos"
        elif len(self._ids) >= self._limit:
            self._stop = "length"

    def _force(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        made = len(self._ids)
        self._ids = np.concatenate([self._ids, np.asarray(ids, np.int32)])
        if self.asked.logprobs:
            self._logprobs = np.concatenate([self._logprobs, np.full(len(ids), math.nan, np.float32)])
        self._forced.append((made, len(self._ids)))

"""The engine, asked for a round's rollouts: now, or while earlier rounds train."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from accelerate.utils import gather_object
from transformers import PreTrainedTokenizerBase

from curricula import BudgetSchedule
from curricula.schedule import SplitBudget
from rewards.thinking import MARKS
from rewards.types import Prompt
from rl.errors import UserError
from rl.ranks import launched
from rl.rollouts import Answers, Ask, Completion, Sampling
from rl.rollouts.ask import Thinking
from rl.rollouts.partial import Enough, PartialRollout, Pausing
from rl.rollouts.workers.engine import NoWorkers, Pending, WorkersEngine
from rl.rounds.ahead import Ahead, Draw, Planned, Row, completions_of, plain
from rl.rounds.waiting import Deserted, wait
from rl.thinking import End, closing_of, end_of, leads, own_end

Encode = Callable[[Sequence[Prompt]], Sequence[Sequence[int]]]
"""Prompts to token ids."""


@dataclass(frozen=True)
class Forcing:
    """What is forced, as token ids."""

    encode: Callable[[str], Sequence[int]]
    """Text within a completion to token ids."""
    end: End = ()
    """Of thinking."""
    closing: tuple[int, ...] = ()
    """What closes it by force."""
    over: Callable[[Sequence[int]], bool] = lambda prompt: False
    """Whether thinking is over where a prompt (token ids) ends, so that all that follows is the answer."""


def forcing_of(tokenizer: PreTrainedTokenizerBase, schedule: BudgetSchedule) -> Forcing:
    """How a run forces text: thinking ends as its schedule says, else by the tokenizer's own mark, or as it spells one.

    Errors: UserError where a schedule closes thinking, and the tokenizer has nothing that ends it.
    """

    def encode(text: str) -> Sequence[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]  # type: ignore[no-any-return]

    if isinstance(schedule, SplitBudget):
        end = end_of(tokenizer, schedule.end)
        both = {marks.both for marks in MARKS}
        closing = closing_of(tokenizer, schedule.closing, end)
        return Forcing(encode, end, closing, lambda prompt: leads(tokenizer, [prompt])[0] in both)
    return Forcing(encode, own_end(tokenizer))


def _cannot_force(text: str) -> Sequence[int]:
    raise UserError(f"{text!r} is to be forced on a rollout, and this asker was given no way to encode it: `forcing`")


class Asker:
    """Each rank asks for its share of a draw, and waits until every rank has its own.

    At most `ahead` rounds are asked for before their turn, which only workers can answer; those are part of a
    checkpoint. `logprobs` says of a round, by its first step, whether the engine's log-probs are wanted.
    """

    def __init__(
        self,
        engine: Answers,
        encode: Encode,
        sampling: Sampling | None = None,
        eos_ids: Sequence[int] = (),
        logprobs: Callable[[int], bool] = lambda step: False,
        ahead: int = 0,
        deserted: Deserted | None = None,
        forcing: Forcing | None = None,
    ) -> None:
        if ahead and not isinstance(engine, WorkersEngine):
            raise UserError(
                "rollouts.max_staleness samples a round while another trains, which only rollouts.engine: workers can; "
                "set it to 0, or use workers"
            )
        self.engine, self.encode, self.logprobs = engine, encode, logprobs
        self.sampling, self.eos_ids = sampling or Sampling(), list(eos_ids)
        self.ahead = Ahead(ahead)
        self.deserted = deserted or Deserted()
        self.forcing = forcing or Forcing(_cannot_force)

    def now(self, draw: Draw) -> list[Completion]:
        """This rank's completions."""
        return self.answered(self._asks(draw))

    def answered(self, asks: Sequence[Ask]) -> list[Completion]:
        """This rank's answers. A rank without asks calls it too: an engine may need every rank."""
        if isinstance(self.engine, WorkersEngine):
            return self._wait(self.engine.begin(asks))
        return self.engine.generate(asks)

    def take(self, step: int) -> Planned | None:
        """What was asked ahead for the round that begins with `step`, its completions there; None: nothing was."""
        planned = self.ahead.take(step)
        if planned is not None and planned.completions is None:
            planned.completions = self._wait(planned.pending or self._begin(planned.draw))
        return planned

    def plan(self, draws: Sequence[Draw], step: int) -> None:
        """Ask for the first draws of later rounds, by the weights of `step`. Nothing here waits for another rank."""
        self.ahead.planned.extend(Planned(draw, step) for draw in draws)
        for planned in self.ahead.planned:
            if planned.pending is None and planned.completions is None:
                planned.version, planned.pending = step, self._begin(planned.draw)

    def _begin(self, draw: Draw) -> Pending:
        assert isinstance(self.engine, WorkersEngine)
        return self.engine.begin(self._asks(draw))

    def _wait(self, pending: Pending) -> list[Completion]:
        assert isinstance(self.engine, WorkersEngine)
        engine = self.engine
        return wait(engine, lambda patience: engine.finish(pending, patience), self.deserted)

    def advance(self, rollouts: Sequence[PartialRollout], enough: Enough) -> None:
        """Go on with this rank's rollouts until it is `enough`, and every rank has enough."""
        engine = self.engine
        if isinstance(engine, WorkersEngine):
            wait(engine, lambda patience: engine.advance(rollouts, enough, patience), self.deserted)
        else:
            assert isinstance(engine, Pausing)
            engine.advance(rollouts, enough)

    def settle(self, rollouts: Sequence[PartialRollout]) -> None:
        """Wait for what is not with this rank; where nobody serves, it is to be sampled again."""
        if isinstance(self.engine, WorkersEngine):
            with suppress(NoWorkers):
                self.engine.advance(rollouts, lambda: False, self.engine.patience)

    def _asks(self, draw: Draw) -> list[Ask]:
        """This rank's."""
        return self.asks(draw.rows[share(draw)], draw.step)

    def asks(self, rows: Sequence[Row], step: int) -> list[Ask]:
        """One a row, for the round that begins with `step`."""
        prompts = self.encode([row.problem.prompt for row in rows]) if rows else []
        return [self._ask(row, prompt, step) for row, prompt in zip(rows, prompts, strict=True)]

    def _ask(self, row: Row, prompt: Sequence[int], step: int) -> Ask:
        thinking, cap = None, row.cap
        if row.parts is not None and self.forcing.over(prompt):
            cap = min(cap, row.parts.answer)
        elif row.parts is not None:
            closing = self.forcing.closing
            thinking = Thinking(row.parts.thinking, row.parts.answer, self.forcing.end, closing)
            # A variant may have less than both together; what closes thinking is in the budget of neither.
            cap = cap if cap < sum(row.parts) else sum(row.parts) + len(closing)
        prefix = tuple(self.forcing.encode(row.prefix)) if row.prefix else ()
        least = cap if thinking is None else min(cap, thinking.budget)
        if prefix and len(prefix) >= least:
            raise UserError(f"the prefix {row.prefix!r} has {len(prefix)} tokens, and the budget {least}")
        return self.ask(prompt, cap, row.seed, step, prefix, thinking)

    def ask(
        self,
        prompt: Sequence[int],
        budget: int,
        seed: int,
        step: int,
        prefix: Sequence[int] = (),
        thinking: Thinking | None = None,
    ) -> Ask:
        """One for a rollout of the round that begins with `step`, sampled as all of them are."""
        wanted = self.logprobs(step)
        return Ask(prompt, budget, seed, self.sampling, self.eos_ids, wanted, prefix, thinking)

    def state_dict(self) -> list[dict[str, Any]]:
        """What is under way for later rounds: waited for, or, where nobody serves, to be sampled again."""
        found = []
        for planned in self.ahead.planned:
            own = planned.completions
            if own is None and planned.pending is not None and isinstance(self.engine, WorkersEngine):
                try:
                    own = self.engine.finish(planned.pending, self.engine.patience)
                except NoWorkers:
                    own = None
            ranks = gather_object([own])
            everyone = None if any(each is None for each in ranks) else [c for each in ranks for c in each]
            found.append(plain(planned, everyone))
        return found

    def load_state_dict(
        self, states: Sequence[Mapping[str, Any]], draw_again: Callable[[Mapping[str, Any]], Draw]
    ) -> None:
        """`draw_again` makes the draw that a state was of."""
        self.ahead.planned.clear()
        for state in states if self.ahead.most else ():
            draw, completions = draw_again(state), completions_of(state)
            own = None if completions is None else completions[share(draw)]
            self.ahead.planned.append(Planned(draw, state["version"], completions=own))


def share(draw: Draw) -> slice:
    """The rows of a draw that are this rank's to sample."""
    state = launched()
    return draw.share(state.process_index, state.num_processes)

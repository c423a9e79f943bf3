"""From a protocol, problems and a model to the numbers: sample or go on, score at every cap, count."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import Verifier
from rl.errors import UserError
from rl.evaluation.caps import at_cap
from rl.evaluation.figures.forced import forced_numbers, stated_numbers
from rl.evaluation.figures.heat import heat_map
from rl.evaluation.figures.summary import Json, numbers
from rl.evaluation.forcing.ids import Ids, concrete, most_tokens
from rl.evaluation.forcing.places import place_stating
from rl.evaluation.forcing.points import Closing
from rl.evaluation.parts import Parts
from rl.evaluation.protocol import Protocol
from rl.evaluation.recipes import data_in, stated
from rl.evaluation.rows import Evaluation, Row
from rl.evaluation.sampling import Answerer, evaluate
from rl.models import context_of, require_end, require_room
from rl.problems.data import ProblemSet
from rl.prompts import encode_prompts, template_of
from rl.ranks import found_by_main, is_main_process
from rl.recipe.parts import SourcePart
from rl.thinking import described

BATCHES_A_PART = 4
"""Batches side by side in one part: an engine that refills its batch needs some to refill it from."""


@dataclass(frozen=True)
class Measured:
    """The answers, and all numbers of them as JSON has them."""

    evaluation: Evaluation
    numbers: Json


@dataclass(frozen=True)
class Asked:
    """What a model is asked, and how: the protocol carries its data."""

    problems: list[Problem]
    verifier: Verifier
    protocol: Protocol

    def measure(
        self,
        model: str,
        tokenizer: PreTrainedTokenizerBase,
        open_answerer: Callable[[], Answerer],
        out: Path | None = None,
        batch_size: int = 256,
    ) -> Measured:
        """Sample what is not in `out` (or its parts) yet, and count; the model is opened only if it has to answer.

        Errors: UserError where `out` holds an evaluation of another model or protocol.
        """
        started = time.perf_counter()
        answerer, batch = cache(open_answerer), BATCHES_A_PART * batch_size
        each = self._each()
        closings = {
            budget: Closing(one.written(), self.verifier, one.protocol, tokenizer, model, answerer, out, batch)
            for budget, one in each.items()
            if one.protocol.forced is not None
        }
        for closing in closings.values():
            found_by_main(closing.check)
        points: dict[int, Evaluation] = {}
        stating: dict[int, Evaluation] = {}
        for budget, one in each.items():
            place = out and (place_stating(out, budget) if budget else out)
            evaluation = one._plain(model, answerer, place, batch)
            points |= closings[budget].points(evaluation) if budget in closings else {}
            if self.protocol.stated:
                stating[budget or self.protocol.stated[-1]] = evaluation
        scored = self.scored(evaluation, tokenizer)
        by_id = {problem.id: problem for problem in self.problems}
        heat = heat_map(by_id, scored[self.protocol.cap])
        forced = forced_numbers(points, self.protocol, self.verifier)
        if forced and stating:
            forced["stated"] = stated_numbers(stating, Ids.of(tokenizer, self.protocol).thinking)
        seconds = time.perf_counter() - started
        return Measured(evaluation, numbers(model, self.protocol, scored, self.verifier, heat, seconds, forced))

    def _each(self) -> dict[int, Asked]:
        """By the budget that prompts state, what is asked; the largest, or what states none, last and as 0."""
        stated = self.protocol.stated
        if not stated:
            return {0: self}
        each = [replace(self, protocol=self.protocol.stating(budget)) for budget in stated]
        return dict(zip([*stated[:-1], 0], each, strict=True))

    def _plain(self, model: str, answerer: Callable[[], Answerer], out: Path | None, batch: int) -> Evaluation:
        """The answers whose thinking nothing closes."""
        plain = self.protocol.plain()
        parts = Parts(out, model, plain) if out else None
        evaluation = found_by_main(parts.finished) if parts else None
        if evaluation is None:
            evaluation = evaluate(answerer(), self.written(), self.verifier, plain, parts, batch)
            if parts and is_main_process():
                parts.finish(evaluation)
        self._require_all(evaluation, out)
        return evaluation

    def _require_all(self, evaluation: Evaluation, out: Path | None) -> None:
        asked = [problem.id for problem in self.problems for _ in range(self.protocol.samples)]
        if [row["problem_id"] for row in evaluation.rows] != asked:
            raise UserError(f"{out} holds answers to other problems than were asked; remove it, and evaluate again")

    def written(self) -> list[Problem]:
        """The problems as they are put to the model, with what the protocol states of budgets: the last."""
        states = self.protocol.stated
        text = self.protocol.stating(states[-1]).budget_text if states else self.protocol.budget_text
        return [stated(problem, text) for problem in self.problems]

    def longest(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """Tokens of the longest prompt."""
        return max(map(len, encode_prompts(tokenizer, self.written(), self.protocol.chat_options)))

    def fitted(self, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> Asked:
        """The same with a cap that nobody chose, lowered to what the model's context leaves."""
        room = (context_of(config) or sys.maxsize) - self.longest(tokenizer)
        return replace(self, protocol=replace(self.protocol, cap=min(self.protocol.cap, max(1, room))))

    def needed(self, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> int:
        """Tokens that the longest prompt and its completion may need together.

        Errors: UserError where the model of this configuration has not got them, or no completion could end.
        """
        require_end(tokenizer)
        prompts = encode_prompts(tokenizer, self.written(), self.protocol.chat_options)
        most = most_tokens(tokenizer, self.protocol)
        return require_room(prompts, most, tokenizer, config, "evaluation") + most

    def scored(self, evaluation: Evaluation, tokenizer: PreTrainedTokenizerBase) -> dict[int, list[Row]]:
        """The rows at every cap of the protocol."""
        by_id = {problem.id: problem for problem in self.problems}
        return {
            cap: at_cap(evaluation.rows, cap, by_id, tokenizer, self.verifier, self.protocol.truncated)
            for cap in self.protocol.scored_at
        }


def asked_by(
    tokenizer: PreTrainedTokenizerBase,
    problems: ProblemSet,
    source: SourcePart,
    verifier: Verifier,
    protocol: Protocol,
    engine: str,
) -> Asked:
    """The problems of a source, and the protocol with what is known of them and of the model's prompts.

    Errors: UserError as of `rl.evaluation.forcing.ids.concrete`.
    """
    protocol = concrete(protocol, tokenizer)
    written = [stated(problem, protocol.budget_text) for problem in problems.problems]
    thinking = described(tokenizer, written, protocol.chat_options)
    turn = (protocol.budget_text or "{prompt}").replace("{prompt}", protocol.prompt)
    template = template_of(tokenizer, turn, protocol.system, protocol.chat_options)
    return Asked(problems.problems, verifier, protocol.of(data_in(source, problems), engine, thinking, template))

"""A round whose answers are made up: plug-ins of others called once, before a model is loaded for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from transformers import PreTrainedTokenizerBase

from rewards import LengthReward, Problem, Verdict
from rewards.credit import TokenCredit
from rewards.edits import Edit
from rewards.verifier import Verifier
from rl.credit.calling.estimator import Estimator
from rl.errors import UserError
from rl.plugins.blame import name_of
from rl.prompts import encode_prompts
from rl.rollouts import Ask, Completion
from rl.rounds.asking import Asker, Forcing, forcing_of
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings
from rl.rounds.text_ends import text_ends
from rl.thinking import leads, texts, thinking_tokens

LONGEST = 512
"""Tokens of an answer that never comes to its end, where its budget is larger."""


@dataclass(frozen=True)
class MadeUp:
    """An engine that answers by turns: right, wrong, right after some more thinking, cut at its budget."""

    forcing: Forcing
    gold: str
    eos: int
    version: int = 0

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        return [self._answer(ask, turn % 4) for turn, ask in enumerate(asks)]

    def _answer(self, ask: Ask, turn: int) -> Completion:
        write = self.forcing.encode
        thought = list(write(self.gold)) or [self.eos]
        end = [place[0] for place in self.forcing.end]
        said = [*thought * (turn + 1), *end, *write(rf"\boxed{{{'?' if turn == 1 else self.gold}}}"), self.eos]
        ids = [*ask.prefix, *(islice(cycle(thought), LONGEST) if turn == 3 else said)][: ask.budget]
        stop = "eos" if ids[-1] == self.eos else "length"
        logprobs = [-1.0] * len(ids) if ask.logprobs else ()
        forced = ((0, len(ask.prefix)),) if ask.prefix else ()
        return Completion(tuple(ids), stop, logprobs, self.version, forced)  # type: ignore[arg-type]


def try_out(
    problem: Problem,
    rewards: Sequence[LengthReward],
    budgets: Budgets,
    verifier: Verifier,
    estimator: Estimator,
    tokenizer: PreTrainedTokenizerBase,
    settings: RoundSettings,
    weights: Sequence[float],
    edits: Sequence[Edit] = (),
    credit: TokenCredit | None = None,
    chat_options: Mapping[str, Any] | None = None,
) -> None:
    """Make one round of one group of a problem, its history empty. What the plug-ins remember of it is theirs: new ones
    are wanted for the run. Errors: UserError naming a plug-in that fails."""

    def encode(prompts: Sequence[Any]) -> list[list[int]]:
        return encode_prompts(tokenizer, [Problem("", prompt, "") for prompt in prompts], chat_options)

    forcing = forcing_of(tokenizer, budgets.schedule)
    engine = MadeUp(forcing, problem.answer, int(tokenizer.eos_token_id))  # type: ignore[arg-type]
    maker = RoundMaker(
        [problem],
        rewards,
        budgets,
        verifier,
        Asker(engine, encode, eos_ids=[engine.eos], forcing=forcing),
        lambda completions: texts(tokenizer, [each.token_ids for each in completions]),
        settings,
        weights,
        estimator,
        monitor=[problem],
        leads=lambda prompts: leads(tokenizer, encode(prompts)),
        thoughts=lambda completions, leads, said: thinking_tokens(
            [each.token_ids for each in completions], leads, said, forcing.end
        ),
        ends=lambda completions, said: text_ends(tokenizer, [each.token_ids for each in completions], said),
        edits=edits,
        credit=credit,
    )
    try:
        tried = maker.make(0)
        crashed = sum(r.verdict is Verdict.CRASHED for group in tried.groups() for r in group.rollouts)
        if crashed:
            raise UserError(f"verifier {name_of(verifier)!r} fails on {crashed} of {settings.size} answers, see above")
    except UserError as error:
        raise UserError(f"{error} (tried on a group of made-up answers to the first problem)") from error

"""The part of a trainer that makes rounds, from its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curricula import ProblemOrder
from curricula.order import AsGiven
from rewards import LengthReward, Problem
from rewards.credit import TokenCredit
from rewards.edits import Edit
from rewards.verifier import Verifier
from rl.credit.calling.estimator import Estimator
from rl.recipe.config import LengthGRPOConfig
from rl.rollouts import Sampling
from rl.rounds.asking import Asker, forcing_of
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings
from rl.rounds.text_ends import text_ends
from rl.rounds.waiting import Deserted
from rl.thinking import leads, texts, thinking_tokens


def round_settings(args: LengthGRPOConfig) -> RoundSettings:
    """The shape of the rounds that a configuration asks for."""
    return RoundSettings(
        groups=args.groups_per_round,
        size=args.num_generations,
        seed=args.seed,
        steps=args.round_steps,
        dynamic=args.dynamic_sampling,
        draws=args.max_sampling_rounds,
        filter_on=args.filter_on,
        truncated=args.truncated,
        oversample=args.oversample,
        max_staleness=args.max_staleness,
    )


def round_maker(
    trainer: Any,
    rewards: Sequence[LengthReward],
    budgets: Budgets,
    verifier: Verifier,
    order: ProblemOrder | None,
    monitor: Sequence[Problem],
    edits: Sequence[Edit] = (),
    credit: TokenCredit | None = None,
) -> RoundMaker:
    """What makes the rounds of `trainer`, which TRL has set up: its engine, its prompts, its way to sample."""
    args: LengthGRPOConfig = trainer.args
    tokenizer = trainer.processing_class
    forcing = forcing_of(tokenizer, budgets.schedule)
    asker = Asker(
        trainer.engine,
        trainer.encode,
        Sampling(trainer.temperature, trainer.top_p, trainer.top_k, trainer.min_p),
        trainer.eos_token_ids,
        trainer.wants_logprobs,
        0 if args.oversample > 1.0 else args.max_staleness,
        Deserted(trainer.writing.save_as_round_began, trainer.signals.end_if_told),
        forcing,
    )
    return RoundMaker(
        trainer.problems,
        rewards,
        budgets,
        verifier,
        asker,
        lambda completions: texts(tokenizer, [completion.token_ids for completion in completions]),
        round_settings(args),
        args.reward_weights,
        Estimator(args.advantage, args.advantage_options, args.reward_weights or [1.0] * len(rewards)),
        order or (None if args.shuffle_dataset else AsGiven()),
        monitor,
        lambda prompts: leads(tokenizer, trainer.encode(prompts)),
        thoughts=lambda completions, leads, texts: thinking_tokens(
            [each.token_ids for each in completions], leads, texts, forcing.end
        ),
        ends=lambda completions, texts: text_ends(tokenizer, [each.token_ids for each in completions], texts),
        edits=edits,
        credit=credit,
    )

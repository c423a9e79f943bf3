"""Completions to rollouts: their texts, and, with their verdicts, what one-rank rewards say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from rewards import LengthReward, Problem, Rollout, Verdict
from rl.plugins import function_values, raw_reward
from rl.rollouts import Completion


def texts_of(tokenizer: PreTrainedTokenizerBase, completions: Sequence[Completion]) -> list[str]:
    """What the completions say, special tokens left out."""
    if not completions:  # of nothing, `batch_decode` makes one empty text
        return []
    return list(tokenizer.batch_decode([c.token_ids for c in completions], skip_special_tokens=True))


def rollouts(
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    texts: Sequence[str],
    budgets: Sequence[int],
    verdicts: Sequence[Verdict],
    rewards: Sequence[LengthReward],
    truncated: str,
    hooks: Mapping[str, Any] | None = None,
) -> list[Rollout]:
    """One rollout a completion. A reward function sees these rows only, as under TRL itself.

    `hooks` are the further keyword arguments that TRL gives such a function (`trainer_state`,
    `log_metric`).
    """
    given = function_values(rewards, problems, texts, [completion.token_ids for completion in completions], hooks or {})
    return [
        Rollout(
            problem_id=problem.id,
            length=len(completion.token_ids),
            stop=completion.stop,
            budget=budget,
            verdict=verdict,
            raw_reward=raw_reward(verdict, completion.stop, truncated),
            text=text,
            token_ids=completion.token_ids,
            given=given[i],
            logprobs=completion.logprobs,
            weight_version=completion.weight_version,
        )
        for i, (problem, completion, text, budget, verdict) in enumerate(
            zip(problems, completions, texts, budgets, verdicts, strict=True)
        )
    ]

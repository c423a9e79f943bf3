"""Completions to rollouts: with their verdicts, and what one-rank rewards say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rewards import LengthReward, Problem, Rollout, Verdict
from rl.plugins import function_values, raw_reward
from rl.rollouts import Completion


def rollouts(
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    texts: Sequence[str],
    leads: Sequence[str],
    budgets: Sequence[int],
    verdicts: Sequence[Verdict],
    rewards: Sequence[LengthReward],
    truncated: str,
    hooks: Mapping[str, Any] | None = None,
) -> list[Rollout]:
    """One rollout a completion. A reward function sees these rows only, as under TRL itself.

    `leads` are what their prompts had begun of the thinking (`rewards.thinking`), `hooks` the further keyword arguments
    that TRL gives such a function (`trainer_state`, `log_metric`).
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
            lead=lead,
            token_ids=completion.token_ids,
            given=given[i],
            logprobs=completion.logprobs,
            weight_version=completion.weight_version,
        )
        for i, (problem, completion, text, lead, budget, verdict) in enumerate(
            zip(problems, completions, texts, leads, budgets, verdicts, strict=True)
        )
    ]

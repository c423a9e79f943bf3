"""Completions to rollouts: the verdict, once for all rewards, and what one-rank rewards say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rewards import LengthReward, Problem, Rollout, Verdict
from rewards.verifier import Verifier
from rl.plugins import FunctionReward
from rl.rollouts import Completion


def judge(
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    texts: Sequence[str],
    budgets: Sequence[int],
    verifier: Verifier,
    rewards: Sequence[LengthReward],
    truncated: str,
    hooks: Mapping[str, Any] | None = None,
) -> list[Rollout]:
    """One rollout a completion. A TRL reward function sees these rows only, as under TRL itself.

    `hooks` are the further keyword arguments that TRL gives such a function (`trainer_state`,
    `log_metric`).
    """
    if not problems:
        return []
    verdicts = verifier.judge([p.answer for p in problems], texts)
    functions = [reward for reward in rewards if isinstance(reward, FunctionReward)]
    token_ids = [completion.token_ids for completion in completions]
    given = {f.name: f.values(problems, texts, token_ids, hooks or {}) for f in functions}
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
            given={name: values[i] for name, values in given.items()},
        )
        for i, (problem, completion, text, budget, verdict) in enumerate(
            zip(problems, completions, texts, budgets, verdicts, strict=True)
        )
    ]


def raw_reward(verdict: Verdict, stop: str, truncated: str) -> float | None:
    """Correctness before shaping; a rollout cut at its budget counts by the rule `truncated`."""
    if verdict.worth is None:
        return None
    return 0.0 if stop == "length" and truncated == "wrong" else verdict.worth

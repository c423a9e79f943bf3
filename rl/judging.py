"""Completions to rollouts: the verdict, once for all rewards, and what one-rank rewards say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rewards import LengthReward, Problem, Rollout, Verdict
from rewards.verifier import Verifier
from rl.errors import UserError
from rl.plugins import FunctionReward
from rl.rollouts import Completion


def judge(
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    texts: Sequence[str],
    budget: int,
    verifier: Verifier,
    rewards: Sequence[LengthReward],
    truncated: str,
    hooks: Mapping[str, Any] | None = None,
) -> list[Rollout]:
    """One rollout a completion. A TRL reward function sees these rows only, as under TRL itself.

    `hooks` are the further keyword arguments that TRL gives such a function (`trainer_state`,
    `log_metric`). Its `log_extra` does nothing: the run's rollouts hold every completion anyway.
    """
    if not problems:
        return []
    verdicts = verifier.judge([p.answer for p in problems], texts)
    functions = [reward for reward in rewards if isinstance(reward, FunctionReward)]
    given = {f.name: _call(f, problems, completions, texts, hooks or {}) for f in functions}
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
        for i, (problem, completion, text, verdict) in enumerate(
            zip(problems, completions, texts, verdicts, strict=True)
        )
    ]


def raw_reward(verdict: Verdict, stop: str, truncated: str) -> float | None:
    """Correctness before shaping; a rollout cut at its budget counts by the rule `truncated`."""
    if verdict.worth is None:
        return None
    return 0.0 if stop == "length" and truncated == "wrong" else verdict.worth


def _call(
    reward: FunctionReward,
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    texts: Sequence[str],
    hooks: Mapping[str, Any],
) -> list[float | None]:
    chat = not isinstance(problems[0].prompt, str)
    arguments = {
        **{name: [p.columns.get(name) for p in problems] for name in problems[0].columns},
        "answer": [p.answer for p in problems],
        "prompts": [p.prompt for p in problems],
        "completions": [[{"role": "assistant", "content": t}] if chat else t for t in texts],
        "completion_ids": [list(c.token_ids) for c in completions],
        "log_extra": lambda *_: None,
        **hooks,
    }
    try:
        values = reward.function(**arguments)
        checked = [None if v is None or math.isnan(v) else float(v) for v in values]
    except Exception as error:
        raise UserError(f"reward {reward.name!r} raised {type(error).__name__}: {error}") from error
    if len(checked) != len(problems):
        raise UserError(f"reward {reward.name!r} gave {len(checked)} numbers for {len(problems)} completions")
    return checked

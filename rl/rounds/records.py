"""A round as rows of a file, one a rollout: what a run keeps of it."""

from __future__ import annotations

import json
import math
from typing import Any

from rl.rounds.round import Round


def records(round_: Round) -> list[dict[str, Any]]:
    """All rollouts that a round is done with, those that did not train included (`advantage` null).

    Those left over for the next round are in that one's records, with the `weight_version` that sampled them.
    """
    advantages = iter(round_.advantages.tolist())
    trained = len(round_.batch)
    rows = []
    for i, scored in enumerate(round_.everything()):
        scores = zip(scored.group.rollouts, scored.terms.tolist(), scored.totals.tolist(), strict=True)
        for rollout, terms, total in scores:
            rewards = zip(round_.reward_names, terms, strict=True)
            rows.append(
                {
                    "step": round_.step,
                    "round": round_.number,
                    "group": i,
                    "problem_id": rollout.problem_id,
                    "prompt": json.dumps(scored.group.problem.prompt),
                    "answer": scored.group.problem.answer,
                    "lead": rollout.lead,
                    "completion": rollout.text,
                    "token_ids": list(rollout.token_ids),
                    "length": rollout.length,
                    "stop": rollout.stop,
                    "budget": rollout.budget,
                    "verdict": str(rollout.verdict),
                    "raw_reward": rollout.raw_reward,
                    "rewards": {name: _or_none(value) for name, value in rewards},
                    "reward": _or_none(total),
                    "advantage": next(advantages) if i < trained else None,
                    "weight_version": scored.sampled.step if rollout.weight_version is None else rollout.weight_version,
                }
            )
    return rows


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value

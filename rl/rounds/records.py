"""A round as tables, a row a rollout: what a run keeps of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Any

import numpy as np
import pyarrow as pa

from rewards import Rollout
from rewards.compact import token_ids
from rl.rollouts.ask import within
from rl.rounds.round import Round, ScoredGroup

ROWS = 32
"""Rollouts that are made a table, and a group of rows of the file: beside them, it takes twelve bytes a token."""

COLUMNS = {
    "step": pa.int64(),
    "round": pa.int64(),
    "group": pa.int64(),
    "problem_id": pa.string(),
    "prompt": pa.string(),
    "answer": pa.string(),
    "lead": pa.string(),
    "completion": pa.string(),
    "token_ids": pa.list_(pa.int32()),
    "length": pa.int64(),
    "thinking": pa.int64(),
    "forced": pa.list_(pa.list_(pa.int64())),
    "masked": pa.list_(pa.list_(pa.int64())),
    "stop": pa.string(),
    "budget": pa.int64(),
    "thinking_budget": pa.int64(),
    "variant": pa.string(),
    "root": pa.int64(),
    "branched": pa.int64(),
    "verdict": pa.string(),
    "raw_reward": pa.float64(),
    "rewards": None,
    "reward": pa.float64(),
    "advantage": pa.float64(),
    "weight_version": pa.int64(),
    "segments": pa.list_(pa.list_(pa.int64())),
}
"""In their order, with their types; `rewards` is a struct of the run's own."""


def records(round_: Round) -> Iterator[pa.Table]:
    """All rollouts that a round is done with, those that did not train included (`advantage` null), `ROWS` at a time.

    Those left over for the next round are in that one's records, with the `weight_version` that sampled them.
    """
    types = COLUMNS | {"rewards": pa.struct([(name, pa.float64()) for name in round_.reward_names])}
    every = _rows(round_)
    while some := list(islice(every, ROWS)):
        columns = {name: pa.array([row[name] for row, _ in some], types[name]) for name in types if name != "token_ids"}
        columns["token_ids"] = _lists([rollout for _, rollout in some])
        yield pa.table({name: columns[name] for name in types})


def _rows(round_: Round) -> Iterator[tuple[dict[str, Any], Rollout]]:
    """Each rollout, and its row but for the token ids."""
    advantages = iter(round_.advantages.tolist())
    trained = len(round_.batch)
    for i, scored in enumerate(round_.everything()):
        fixed = {"step": round_.step, "round": round_.number, "group": i} | _of_group(scored)
        scores = zip(scored.group.rollouts, scored.terms.tolist(), scored.totals.tolist(), strict=True)
        for rollout, terms, total in scores:
            advantage = next(advantages) if i < trained else None
            rewards = {name: _or_none(term) for name, term in zip(round_.reward_names, terms, strict=True)}
            own = {"rewards": rewards, "reward": _or_none(total), "advantage": advantage}
            asked = {} if rollout.prompt is None else {"prompt": json.dumps(rollout.prompt)}
            yield fixed | asked | _of_rollout(rollout, scored.sampled.step) | own, rollout


def _of_group(scored: ScoredGroup) -> dict[str, Any]:
    return {"prompt": json.dumps(scored.group.problem.prompt), "answer": scored.group.problem.answer}


def _of_rollout(rollout: Rollout, step: int) -> dict[str, Any]:
    return {
        "problem_id": rollout.problem_id,
        "lead": rollout.lead,
        "completion": rollout.text,
        "length": rollout.length,
        "thinking": rollout.thinking,
        "forced": rollout.forced,
        "masked": rollout.masked,
        "stop": rollout.stop,
        "budget": rollout.budget,
        "thinking_budget": rollout.thinking_budget,
        "variant": rollout.variant,
        "root": rollout.root,
        "branched": rollout.branched,
        "verdict": str(rollout.verdict),
        "raw_reward": rollout.raw_reward,
        "weight_version": step if rollout.weight_version is None else rollout.weight_version,
        "segments": within(rollout.segments, rollout.length),
    }


def _lists(rollouts: list[Rollout]) -> pa.ListArray:
    """Their token ids, one row a rollout, without a Python number for each."""
    ids = [np.asarray(token_ids(rollout.token_ids)) for rollout in rollouts]
    ends = pa.array([0, *accumulate(len(each) for each in ids)], pa.int32())
    return pa.ListArray.from_arrays(ends, pa.array(np.concatenate(ids) if ids else [], pa.int32()))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value

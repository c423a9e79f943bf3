"""tinker-cookbook: a builder of groups that rewards them together. Written against 0.6.1.

    class Builder(Lengthwise, ProblemGroupBuilder): ...      # in your data set's get_batch

tinker adds what `compute_group_rewards` gives to the rewards of the steps: these are taken off first. Builders are
pickled and made anew for each group, so the scorer is the process's, by the method's file.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import VARIABLE, read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Result, Said, Told

HOST = Host("tinker", "tinker-cookbook 0.6.1", logs=True)


@cache
def _parts(path: str | None) -> tuple[GroupScorer, ThreadPoolExecutor]:
    """Of the method in a file; one thread, since groups that end side by side share what is remembered."""
    return GroupScorer(read_method(path), HOST), ThreadPoolExecutor(1)


class Lengthwise:
    """To stand before a builder of `ProblemEnv`s among the bases of a class.

    Errors: UserError for a method that tinker's hook cannot do.
    """

    async def compute_group_rewards(
        self, trajectory_group: list[Any], env_group: Sequence[Any]
    ) -> list[tuple[float, dict[str, float | int]]]:
        """One (reward, metrics) a trajectory, which with its steps' rewards adds up to ours."""
        if not trajectory_group:
            return []
        scorer, thread = _parts(os.environ.get(VARIABLE))
        with HOST.told():
            told = _told(trajectory_group, env_group[0])
            earned = [sum(each.reward for each in made.transitions) for made in trajectory_group]
        (scored,) = await asyncio.get_running_loop().run_in_executor(thread, scorer.score, [told])
        pairs = zip(earned, scored.results, strict=True)
        return [(each.reward - already, _metrics(each)) for already, each in pairs]


def _told(trajectories: Sequence[Any], env: Any) -> Told:
    """A group's rollouts; of several turns what the model said counts."""
    prompt = [*env.convo_prefix, {"role": "user", "content": env.get_question()}]
    asked = next((made.transitions[0].ob for made in trajectories if made.transitions), None)
    return Told(
        [{"role": turn["role"], "content": turn["content"]} for turn in prompt],
        env.get_reference_answer(),
        [_said(made.transitions) for made in trajectories],
        prompt_ids=None if asked is None else asked.to_ints(),
    )


def _said(transitions: Sequence[Any]) -> Said:
    own = [id for each in transitions for id in each.ac.tokens]
    return Said(own, bool(transitions) and transitions[-1].ac.stop_reason == "stop")


def _metrics(result: Result) -> dict[str, float | int]:
    return {
        "lengthwise/reward": result.reward,
        "lengthwise/correct": result.correct,
        "lengthwise/judged": float(result.judged),
    }

"""SkyRL: a generator whose rewards are ours. Written against 0.3.0.

    class Generator(Lengthwise, SkyRLGymGenerator): ...      # in your entry point's get_generator

The generator sees a step's groups at once, their gold answers, the step, and whether SkyRL evaluates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Said, Scored, Told
from rl.errors import UserError
from rl.problems.paths import value_at

HOST = Host("SkyRL", "0.3.0", batch=True, steps=True, advantages=True, evaluation=True, logs=True)
ANSWER = "reward_model.ground_truth"
"""In `env_extras`, where SkyRL puts the columns of the data."""


class Lengthwise:
    """To stand before a generator of SkyRL's among the bases of a class; that generator has a `tokenizer`.

    Errors: UserError for a method that cannot be, and for step-wise trajectories, whose rows are turns.
    """

    tokenizer: Any

    @cached_property
    def scorer(self) -> GroupScorer:
        return GroupScorer(read_method(), HOST, self.tokenizer)

    @cached_property
    def thread(self) -> ThreadPoolExecutor:
        """One, since groups that are generated side by side share what is remembered."""
        return ThreadPoolExecutor(1)

    async def generate(self, input_batch: Mapping[str, Any], *args: Any, **options: Any) -> dict[str, Any]:
        """What the generator made, with our rewards in the place of its environment's."""
        output: dict[str, Any] = await super().generate(input_batch, *args, **options)  # type: ignore[misc]
        if output.get("is_last_step") is not None:
            raise UserError("SkyRL's rows are turns here, not rollouts: set generator.step_wise_trajectories=false")
        if input_batch.get("trajectory_ids") is None:
            raise UserError("SkyRL told no trajectory_ids, so nobody knows which rollouts are of one problem")
        scored, places = await asyncio.get_running_loop().run_in_executor(
            self.thread, self._scored, input_batch, output
        )
        rewards = [0.0] * len(places)
        for place, value in zip(places, (value for each in scored for value in each.filled), strict=True):
            rewards[place] = value
        metrics = {
            **(output.get("rollout_metrics") or {}),
            "lengthwise/correct": _mean([value for each in scored for value in each.correct]),
            "lengthwise/unjudged": float(sum(each.unjudged for each in scored)),
        }
        return {**output, "rewards": rewards, "rollout_metrics": metrics}

    def _scored(self, given: Mapping[str, Any], output: Mapping[str, Any]) -> tuple[list[Scored], list[int]]:
        """The groups, and the rows of their rollouts, one group after the other."""
        groups: dict[str, list[int]] = {}
        with HOST.told():
            for place, (trajectory, _) in enumerate(zip(given["trajectory_ids"], output["response_ids"], strict=True)):
                groups.setdefault(str(trajectory.instance_id), []).append(place)
            told = [self._told(places, given, output) for places in groups.values()]
            of = given.get("batch_metadata")
            training = of is None or of.training_phase == "train"
            step = None if of is None else int(of.global_step)
        scored = self.scorer.score(told, step, training)
        return scored, [place for places in groups.values() for place in places]

    def _told(self, places: Sequence[int], given: Mapping[str, Any], output: Mapping[str, Any]) -> Told:
        first = places[0]
        columns = (given.get("env_extras") or [{}] * (first + 1))[first]
        stops, masks = output.get("stop_reasons"), output["loss_masks"]
        said = []
        for place in places:
            ids = output["response_ids"][place]
            own = [id for id, kept in zip(ids, masks[place], strict=True) if kept]
            said.append(Said(own, stops[place] == "stop" if stops else self.scorer.ended(own)))
        answer = value_at(columns, self.scorer.method.answer or ANSWER)
        return Told(given["prompts"][first], answer, said, columns, output["prompt_token_ids"][first])


def register() -> None:
    """Put the method's estimator into SkyRL's registry: `trainer.algorithm.advantage_estimator=lengthwise`."""
    from skyrl.backends.skyrl_train.utils.ppo_utils import (  # type: ignore[import-not-found]
        register_advantage_estimator,
    )

    from rl.elsewhere.groups.advantages import Advantages, by_token  # torch

    advantages = Advantages(read_method())

    def lengthwise(token_level_rewards: Any, response_mask: Any, index: Any, **_: Any) -> Any:
        return by_token(advantages, token_level_rewards, response_mask, index)

    register_advantage_estimator("lengthwise")(lengthwise)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

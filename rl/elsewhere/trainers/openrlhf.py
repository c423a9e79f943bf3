"""OpenRLHF: an executor in which the rollouts of a prompt wait for one another. Written against 0.11.2.

    --train.agent_func_path my_agent.py      # from rl.elsewhere.trainers.openrlhf import AgentExecutor

All rollouts of a prompt are made by one engine's process, at once: how many there are is counted, in training and in
evaluation. The advantage is OpenRLHF's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openrlhf.utils.agent import SingleTurnAgentExecutor  # type: ignore[import-not-found]

from rl.elsewhere.groups.barrier import Barrier
from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Result, Said, Told

HOST = Host("OpenRLHF", "0.11.2", logs=True)


@dataclass(eq=False)
class Visit:
    """One request for a prompt's rollouts."""

    asked: Any
    """The sampling parameters, one object for all of them and for nobody else."""
    rollouts: int = 0


@dataclass(frozen=True)
class Member:
    prompt: str
    label: Any
    said: Said
    prompt_ids: list[int]


class AgentExecutor(SingleTurnAgentExecutor):  # type: ignore[misc]
    """One turn, rewarded with its siblings; the method is the one that `LENGTHWISE_METHOD` names.

    Errors: UserError for a method that OpenRLHF's hook cannot do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.method = read_method()
        self.scorer: GroupScorer | None = None  # made with the tokenizer, which comes with the first prompt
        self.barrier: Barrier[Member, Result] = Barrier(self._score, self.method.patience)
        self._visits: dict[int, Visit] = {}

    async def execute(
        self,
        prompt: str,
        label: Any,
        sampling_params: Any,
        max_length: int,
        hf_tokenizer: Any,
        llm_engine: Any,
        images: Any = None,
    ) -> dict[str, Any]:
        """One rollout with its reward; `scores` holds whether it is correct, for dynamic filtering."""
        if self.scorer is None:
            self.scorer = GroupScorer(self.method, HOST, hf_tokenizer)
        visit = self._visits.setdefault(id(sampling_params), Visit(sampling_params))
        visit.rollouts += 1
        await asyncio.sleep(0)  # until all siblings, which were asked for together, have come by
        self._visits.pop(id(sampling_params), None)
        async with self.barrier.place(visit, visit.rollouts) as join:
            output: dict[str, Any] = await super().execute(
                prompt, label, sampling_params, max_length, hf_tokenizer, llm_engine, images
            )
            with HOST.told():
                member = _member(output)
            result = await join(member)
        return {
            **output,
            "reward": result.reward,
            "scores": result.correct,
            "extra_logs": {
                "length": float(result.length),
                "judged": float(result.judged),
                "missing": float(self.barrier.missing),
            },
        }

    def _score(self, members: Sequence[Member], first: bool) -> list[Result]:
        assert self.scorer is not None
        one = members[0]
        told = Told(one.prompt, one.label, [each.said for each in members], prompt_ids=one.prompt_ids)
        (scored,) = self.scorer.score([told], training=first)
        return scored.results


def _member(output: dict[str, Any]) -> Member:
    ids, ranges = list(output["observation_tokens"]), output["action_ranges"]
    own = [id for begin, end in ranges for id in ids[begin:end]]
    return Member(output["prompt"], output["label"], Said(own, not output["truncated"]), ids[: ranges[0][0]])

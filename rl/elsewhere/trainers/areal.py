"""AReaL: a workflow in which the rollouts of a prompt wait for one another. Written against 1.0.4.

    class Workflow(Lengthwise, RLVRWorkflow): ...      # PPOTrainer.train(workflow=…), reward_fn=unscored

The calls of one prompt get the same `data` object, on one event loop. The advantage is AReaL's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rl.elsewhere.groups.barrier import Barrier
from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Said, Told
from rl.problems.paths import value_at

HOST = Host("AReaL", "1.0.4", steps=True)
ANSWER = "answer"


def unscored(*_: Any, **__: Any) -> float:
    """The reward of a workflow that is rewarded afterwards."""
    return 0.0


class Visit:
    """The calls with one `data` object, which is held: another one could have its address afterwards."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def __hash__(self) -> int:
        return id(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Visit) and other.data is self.data


@dataclass(frozen=True)
class Member:
    data: Mapping[str, Any]
    said: Said
    prompt_ids: list[int]
    step: int


class Lengthwise:
    """To stand before a workflow of AReaL's among the bases of a class, one that gives tensors of one rollout.

    It has a `tokenizer`, and `gconfig` with `n_samples`. Errors: UserError for a method that AReaL's hook cannot do.
    """

    tokenizer: Any
    gconfig: Any

    @cached_property
    def scorer(self) -> GroupScorer:
        return GroupScorer(read_method(), HOST, self.tokenizer)

    @cached_property
    def barrier(self) -> Barrier[Member, float]:
        return Barrier(self._score, self.scorer.method.patience)

    async def arun_episode(self, engine: Any, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """The rollout's tensors with its reward in them; None where AReaL's own workflow rejects it."""
        async with self.barrier.place(Visit(data), int(self.gconfig.n_samples)) as join:
            made: dict[str, Any] | None = await super().arun_episode(engine, data)  # type: ignore[misc]
            if made is None:
                return None
            with HOST.told():
                member = self._member(made, data, int(engine.get_version()))
            made["rewards"][:] = await join(member)
        return made

    def _member(self, made: Mapping[str, Any], data: Mapping[str, Any], step: int) -> Member:
        ids, mask = made["input_ids"][0].tolist(), made["loss_mask"][0].tolist()
        own = [id for id, kept in zip(ids, mask, strict=True) if kept]
        said = Said(own, self.scorer.ended(own))
        return Member(data, said, ids[: mask.index(1)] if own else ids, step)

    def _score(self, members: Sequence[Member], first: bool) -> list[float]:
        one = members[0]
        answer = value_at(one.data, self.scorer.method.answer or ANSWER)
        prompt = one.data["messages"] if "messages" in one.data else self.tokenizer.decode(one.prompt_ids)
        told = Told(prompt, answer, [each.said for each in members], one.data, one.prompt_ids)
        (scored,) = self.scorer.score([told], max(each.step for each in members), training=first)
        return scored.filled
